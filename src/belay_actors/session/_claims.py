"""What a session has for itself alone for a while: named hardware, or the whole board."""

import abc
import math
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager

import trio

from belay_actors.device import Device, Lease, LeaseBook, Seat
from belay_actors.errors import LeaseExpiredError
from belay_actors.options import SessionManagementOptions
from belay_actors.session._current import is_in_cleanup
from belay_actors.session._life import SessionPhase
from belay_actors.session._supervisor import Supervisor

DEFAULT_EXCLUSIVE_TIME = 30.0  # seconds


class Claims(Supervisor, abc.ABC):
    """The part of a session that keeps others away."""

    __slots__ = ("_exclusive_scopes",)

    _seat: Seat

    def __init__(self, device: Device, session_id: str, options: SessionManagementOptions) -> None:
        super().__init__(device, session_id, options)
        self._exclusive_scopes: Sequence[trio.CancelScope] = ()

    async def lease(self, name: str, *, wait: bool = False) -> Lease:
        """Takes hardware of the board for this session: no other one can have it then.

        Args:
            name: of the hardware. Free text, compared exactly; the library's own resources write
                ``"pin:5"``, ``"timer:0"``, ``"i2c:0"``.
            wait: whether to wait until it is free, first in, first out. Sessions that hold one
                thing and wait for another can wait for each other for ever: take things in the
                same order everywhere, or put a time limit on it.

        Returns:
            The lease. It is given back by its ``release``, by leaving it as a ``with``, and when
            the session has ended.

        Raises:
            ResourceBusyError: another session holds it; only without ``wait``.
            DuplicateResourceError: this session holds it already, or waits for it.
            SessionError, DeviceError: the session is ending or has ended, perhaps while it waited.
            TypeError, ValueError: the name is no ``str``, or empty.

        Cancellation: the hardware is not taken.
        """
        LeaseBook.check_name(name)
        self.check_active()
        if wait:
            await self.device.leases.wait_for(name, self.session_id)
            self.check_active()  # else it is given back at the end, or has been
        else:
            await trio.lowlevel.checkpoint()
            self.check_active()
            self.device.leases.take(name, self.session_id)
        return Lease(name, self.session_id, self.device.leases)

    @asynccontextmanager
    async def exclusive(
        self, *, at_most: float = DEFAULT_EXCLUSIVE_TIME
    ) -> AsyncGenerator[None, None]:
        """Holds the whole board for several calls: no other session's run in between.

        Only what ends sessions still has its turn. All tasks of this session may call meanwhile;
        where several of them hold the board, it is held until the last has left. When the session
        ends, or the board is reset or lost, the hold is over.

        Part of a session's cleanup does not wait for another session that holds the board: its
        calls go before those of others anyway.

        Args:
            at_most: seconds that the body may take, from when the board is held on; ``math.inf``
                for no limit. The body may wait for something that another session is to do on this
                board, and would do so for ever.

        Raises:
            LeaseExpiredError: the body took longer, and was cancelled; the board is held no more.
            WouldDeadlock: the calling task holds the board for another session.
            SessionError, DeviceError: the session is ending or has ended, perhaps while it waited.
            TypeError, ValueError: ``at_most`` is no number of seconds above 0.

        Cancellation: while waiting for the board, it is not held. Afterwards the body is cancelled
        as ever, and the board is held until it has been left.
        """
        _check_seconds(at_most)
        is_cleanup = self._check_usable()
        async with self.device.exclusive(self._seat, is_urgent=is_cleanup):
            self._check_usable()  # else the hold has gone with the session
            scope = trio.CancelScope(deadline=trio.current_time() + at_most)
            self._exclusive_scopes = [*self._exclusive_scopes, scope]
            try:
                with scope:
                    yield
            finally:
                others = [other for other in self._exclusive_scopes if other is not scope]
                self._exclusive_scopes = others
        if scope.cancelled_caught:
            raise LeaseExpiredError(
                f"the board was held for longer than {at_most:g} s, and others may use it now; ask "
                "for more time with at_most, or do less in one go",
                is_recoverable=True,
                device=self.device.name,
                session_id=self.session_id,
            )

    def _end_holds(self) -> None:
        """Lets the bodies that hold the board go on, since they hold it no more."""
        for scope in self._exclusive_scopes:
            scope.deadline = math.inf

    def _check_usable(self) -> bool:
        """Raises if the session takes no calls. Returns whether the code is part of its cleanup."""
        if self._phase is SessionPhase.ACTIVE:
            return False
        is_cleanup = self._phase is SessionPhase.ENDING and is_in_cleanup(self)
        if not is_cleanup:
            self.check_active()
        return is_cleanup


def _check_seconds(seconds: object) -> None:
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        raise TypeError(f"at_most is a number of seconds, not {seconds!r}")
    if not seconds > 0:
        raise ValueError(f"at_most is a number of seconds above 0, not {seconds!r}")
