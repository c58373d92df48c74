"""Calls of a session, as observers hear of them: each begins, and is over before its session is.

A call may outlive its session by a little: its task learns of the end when it has its next turn, or
the board takes longer to be interrupted than the session has time to end.
"""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import trio

from belay_actors.observe import CallEnded, CallKind, CallStarted, Event

T = TypeVar("T")


class ObservedCalls:
    """Tells of the calls of one session.

    Args:
        session_id: of the session.
        device: name of its device.
        tell: tells the observers.
    """

    __slots__ = ("_device", "_open", "_session_id", "_tell")

    def __init__(self, session_id: str, device: str, tell: Callable[[Event], None]) -> None:
        self._session_id = session_id
        self._device = device
        self._tell = tell
        self._open: dict[int, tuple[CallKind, float]] = {}  # and since when

    async def run(self, call_id: int, kind: CallKind, call: Awaitable[T]) -> T:
        """Makes a call, and tells of it; raises, and is cancelled, as the call itself."""
        self._open[call_id] = kind, trio.current_time()
        self._tell(
            CallStarted(
                session_id=self._session_id, device=self._device, call_id=call_id, kind=kind
            )
        )
        error = None
        try:
            return await call
        except BaseException as raised:
            error = type(raised).__name__
            raise
        finally:
            self._end(call_id, error)

    def end_all(self, error: str) -> None:
        """Tells that all calls are over, because the session is."""
        for call_id in [*self._open]:
            self._end(call_id, error)

    def _end(self, call_id: int, error: str | None) -> None:
        if call_id not in self._open:  # it was told when the session ended
            return
        kind, started = self._open.pop(call_id)
        self._tell(
            CallEnded(
                session_id=self._session_id,
                device=self._device,
                call_id=call_id,
                kind=kind,
                duration=trio.current_time() - started,
                error=error,
            )
        )
