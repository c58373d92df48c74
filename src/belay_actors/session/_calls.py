"""A session's calls: each is counted, and told to observers that want to hear of calls."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from belay_actors.device import Device, Seat, check_block
from belay_actors.observe import CallKind, Event, Observers
from belay_actors.options import SessionManagementOptions
from belay_actors.session._claims import Claims
from belay_actors.session._observed_calls import ObservedCalls

T = TypeVar("T")


class Calls(Claims):
    """The part of a session that makes calls."""

    __slots__ = ("_calls", "_observed_calls", "_observers", "_streams")

    def __init__(
        self,
        device: Device,
        session_id: str,
        options: SessionManagementOptions,
        observers: Observers,
    ) -> None:
        super().__init__(device, session_id, options)
        self._observers = observers
        self._calls: int = 0
        self._streams: int = 0
        self._observed_calls: ObservedCalls | None = None

    @property
    def calls(self) -> int:
        """How many calls it has made, the running and waiting ones included."""
        return self._calls

    @property
    def has_unknown_outcome(self) -> bool:
        """Whether a call of it began on the board and did not end with the board's own answer.

        What such a call has done is unknown: it was interrupted, or the board was reset or lost.
        """
        return self._seat.has_unknown_outcome

    async def perform(
        self,
        kind: CallKind,
        make_call: Callable[[Seat, bool], Awaitable[T]],
        *,
        gives_back: bool = False,
    ) -> T:
        """Makes a call of the session; for executors.

        Args:
            kind: for observers.
            make_call: makes the request to the device, for a seat; and whether it is urgent.
            gives_back: whether it gives back something that the session holds: then it is urgent,
                and made until the session has ended.

        Raises:
            SessionError: the session is ending or has ended.
            Exception: as the call.

        Cancellation: as for the call.
        """
        if gives_back:
            self._check_not_ended()
            self._calls += 1
        is_urgent = gives_back or self.begin_call()
        call = make_call(self._seat, is_urgent)
        return await (self._observe(kind, call) if self._observers.hears_calls else call)

    async def put(self, name: str, data: bytes | bytearray | memoryview) -> None:
        """Keeps bytes on the board, under a name in this session's namespace.

        There they are a ``bytearray``. That is how large data travels: in the resident loop as it
        is, at the speed of the link; by the raw REPL in parts, as literals.

        Args:
            name: of the variable, for this session's code.
            data: any bytes, up to what the board has memory for.

        Raises:
            TypeError, ValueError: no name, or no bytes; nothing was sent.
            RemoteError: the board has no memory for them.
            DeviceError, SessionError: as for ``execute``.

        Cancellation: as for ``execute``. What has begun to travel is sent to its end, since a
        board that waits for the rest of it can do nothing else; the name may be there.
        """
        check_block(name, data)
        block = bytes(data)

        def put(seat: Seat, is_urgent: bool) -> Awaitable[None]:
            return self.device.put_in(seat, name, block, is_urgent=is_urgent)

        await self.perform("execute", put)

    def begin_call(self) -> bool:
        """Counts a call, if one may be made. Returns whether it is part of the cleanup."""
        is_cleanup = self._check_usable()
        self._calls += 1
        return is_cleanup

    def _observe(self, kind: CallKind, call: Awaitable[T]) -> Awaitable[T]:
        if self._observed_calls is None:
            self._observed_calls = ObservedCalls(self.session_id, self.device.name, self.tell)
        return self._observed_calls.run(self._calls, kind, call)

    def tell(self, event: Event) -> None:
        """Tells the observers of an event."""
        self._observers.tell(event)

    # What streams ask for.

    @property
    def cleanup_timeout(self) -> float:
        """Seconds that giving back may take."""
        return self._options.resource_cleanup_timeout

    def allocate_stream_id(self, name: str) -> str:
        """Returns an id that no stream of this session has had."""
        self._streams += 1
        return f"stream:{name}-{self._streams}"
