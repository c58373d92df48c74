"""Ends all sessions of a manager: the newest of each device first, the devices side by side."""

from collections.abc import Callable, Iterable

import trio

from belay_actors.device import Device
from belay_actors.errors import BelayError, ResourceCleanupError, SessionClosedError
from belay_actors.manager._keeper import Keeper
from belay_actors.session import Session, is_inside


async def end_all(sessions: Iterable[Session], keeper: Keeper) -> list[ResourceCleanupError]:
    """Ends sessions, and waits until all of them have ended.

    Bodies are cancelled, but not that of a session that the caller itself is in: it goes on.

    Args:
        sessions: the newest first.
        keeper: of those that have no scope.

    Returns:
        What those without a scope could not give back; a scope tells its own.

    Cancellation: shielded; bounded by the sessions' cleanup budgets.
    """
    left: list[ResourceCleanupError] = []
    by_device: dict[Device, list[Session]] = {}
    for session in sessions:
        session.refuse(make_ended(session), spares_body=is_inside(session))
        by_device.setdefault(session.device, []).append(session)
    with trio.CancelScope(shield=True):
        async with trio.open_nursery() as nursery:
            for group in by_device.values():
                nursery.start_soon(_end_in_turn, group, keeper, left)
    return left


async def _end_in_turn(
    sessions: list[Session], keeper: Keeper, left: list[ResourceCleanupError]
) -> None:
    for session in sessions:
        is_kept = session in keeper
        await session.end()
        if is_kept:
            try:
                await session.aclose()
            except ResourceCleanupError as error:
                left.append(error)


def make_ended(session: Session) -> Callable[[], BelayError]:
    """What makes the error for those who use a session that its manager has ended."""

    def make() -> BelayError:
        return SessionClosedError(
            "the session was ended by its manager; open another one",
            device=session.device.name,
            session_id=session.session_id,
        )

    return make
