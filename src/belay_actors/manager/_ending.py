"""Ends all sessions of a manager: the newest of each device first, the devices side by side."""

from collections.abc import Callable, Iterable

import trio

from belay_actors.device import Device
from belay_actors.errors import BelayError, ResourceCleanupError, SessionClosedError
from belay_actors.manager._keeper import Keeper
from belay_actors.session import Session, is_inside

TellLeft = Callable[[ResourceCleanupError], None]


async def end_all(sessions: Iterable[Session], keeper: Keeper, tell_left: TellLeft) -> None:
    """Ends sessions, and waits until all of them have ended.

    Bodies are cancelled, but not that of a session that the caller itself is in: it goes on.

    Args:
        sessions: the newest first.
        keeper: of those that have no scope.
        tell_left: is told what those without a scope could not give back; a scope tells its own.

    Raises:
        BaseExceptionGroup: a cleanup of one without a scope raised what is no ``Exception``; all
            have ended.

    Cancellation: shielded; bounded by the sessions' cleanup budgets.
    """
    by_device: dict[Device, list[Session]] = {}
    for session in sessions:
        session.refuse(make_ended(session), spares_body=is_inside(session))
        by_device.setdefault(session.device, []).append(session)
    with trio.CancelScope(shield=True):
        async with trio.open_nursery() as nursery:
            for group in by_device.values():
                nursery.start_soon(_end_in_turn, group, keeper, tell_left)


async def _end_in_turn(sessions: list[Session], keeper: Keeper, tell_left: TellLeft) -> None:
    escaped: list[BaseException] = []  # from cleanups, a KeyboardInterrupt or the like
    for session in sessions:
        is_kept = session in keeper
        await session.end()
        if not is_kept:
            continue
        try:
            await session.aclose()
        except ResourceCleanupError as error:
            tell_left(error)
        except BaseExceptionGroup as error:
            escaped.append(error)
    if escaped:
        raise BaseExceptionGroup("cleanups of sessions raised what is no Exception", escaped)


def make_ended(session: Session) -> Callable[[], BelayError]:
    """What makes the error for those who use a session that its manager has ended."""

    def make() -> BelayError:
        return SessionClosedError(
            "the session was ended by its manager; open another one",
            device=session.device.name,
            session_id=session.session_id,
        )

    return make
