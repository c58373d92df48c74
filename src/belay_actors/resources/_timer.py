"""Timers: one that nobody stops calls its function for ever."""

from collections.abc import Sequence
from typing import Literal, Self

import attrs

from belay_actors.resources._board_resource import NamedObject
from belay_actors.resources._checks import check_int
from belay_actors.session import Session
from belay_actors.values import check_identifier


@attrs.define(eq=False)
class DeviceTimerResource(NamedObject):
    """A timer of the board, which is stopped when its session ends.

    ``acquire`` makes one. ``DeviceTimerResource(session, "timer")`` is for a timer that the
    session's own code has made under that name; register it with
    ``session.resources.register_resource``.

    Args:
        session: that it belongs to.
        resource_id: the name of the ``machine.Timer`` in the session's namespace.
    """

    resource_type: str = attrs.field(init=False, repr=False, default="DeviceTimer")

    def __attrs_post_init__(self) -> None:
        check_identifier("the name of a timer", self.resource_id)
        super().__attrs_post_init__()

    @classmethod
    async def acquire(
        cls,
        session: Session,
        timer_id: int = -1,
        *,
        name: str,
        period_ms: int,
        callback: str,
        mode: Literal["PERIODIC", "ONE_SHOT"] = "PERIODIC",
        wait: bool = False,
    ) -> Self:
        """Takes a timer for a session, and starts it on the board.

        Args:
            session: that it is for.
            timer_id: number of a hardware timer, whose lease is ``"timer:0"``; or -1 for a virtual
                one, of which there are many, where the firmware has them.
            name: of the ``machine.Timer`` in the session's namespace.
            period_ms: milliseconds until the callback is called.
            callback: name of a function in the session's namespace; it gets the timer.
            mode: whether it is called again and again.
            wait: whether to wait while another session holds the timer.

        Raises:
            TypeError, ValueError: an argument is wrong; nothing was sent.
            DeviceCapabilityError: the firmware has no such thing.
            ResourceBusyError: another session holds the timer.
            DuplicateResourceError: this session has the timer, or something of that name.
            RemoteError, DeviceError, SessionError: as for ``Session.execute``.

        Cancellation: the timer is stopped and let go.
        """
        check_int("timer_id", timer_id, least=-1)
        check_int("period_ms", period_ms, least=1)
        check_identifier("callback", callback)
        if mode not in ("PERIODIC", "ONE_SHOT"):
            raise ValueError(f'mode is "PERIODIC" or "ONE_SHOT", not {mode!r}')
        resource = cls(session, name)
        # It has its name before it is started, so that it can be found again.
        code = (
            f"globals().pop({name!r}, None)\n"
            f"{name} = __import__('machine').Timer({timer_id})\n"
            f"{name}.init(mode={name}.{mode}, period={period_ms}, callback={callback})"
        )
        await resource._make(
            lambda: session.execute(code),
            needs=["machine.Timer"],
            leases=[] if timer_id < 0 else [f"timer:{timer_id}"],
            wait=wait,
        )
        return resource

    @property
    def estimated_cost(self) -> int:
        """Bytes that it is thought to take on the board."""
        return 50

    def _make_safe_codes(self) -> Sequence[str]:
        return [f"{self.resource_id}.deinit()"]
