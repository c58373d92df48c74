"""A stream's end on the board: what a session must give back, and how its batches are asked for."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Protocol, TypeVar

import attrs
import trio

from belay_actors.device import Batch, BatchLimits, Device, DeviceCapabilities, Seat
from belay_actors.errors import BelayError, CallTimeoutError, RemoteError
from belay_actors.observe import CallKind

T = TypeVar("T")

# How much a batch may hold. Its text should fill the wire for a while, but is in memory several
# times: as items, as their text, as the frame.
_PAYLOAD, _SMALL_PAYLOAD = 8192, 256  # bytes
_MOST, _SMALL_MOST = 4096, 32  # items


class StreamBooks(Protocol):
    """Where it is written down what a session must give back."""

    def register_resource(self, resource: "BoardStream") -> None:
        """Takes a stream into the session's care."""

    def discard_resource(self, resource_id: str) -> None:
        """Forgets one that was given back."""


class StreamHost(Protocol):
    """What a stream needs of its session."""

    @property
    def session_id(self) -> str:
        """Its id."""
        ...

    @property
    def device(self) -> Device:
        """Its device."""
        ...

    @property
    def capabilities(self) -> DeviceCapabilities:
        """What its board can do."""
        ...

    @property
    def resources(self) -> StreamBooks:
        """Its books."""
        ...

    @property
    def is_active(self) -> bool:
        """Whether it takes calls."""
        ...

    @property
    def cleanup_timeout(self) -> float:
        """Seconds that giving back may take."""
        ...

    def allocate_stream_id(self, name: str) -> str:
        """Returns an id that no stream of it has had."""
        ...

    async def perform(
        self,
        kind: CallKind,
        make_call: Callable[[Seat, bool], Awaitable[T]],
        *,
        gives_back: bool = False,
    ) -> T:
        """Makes a call: ``make_call`` is given its seat, and whether the call is urgent.

        One that ``gives_back`` what the session holds is made until the session has ended.
        """
        ...

    def keep_output(self, text: str) -> None:
        """Takes what was printed."""


@attrs.define(eq=False)
class BoardStream:
    """An iterator on the board, as a resource of its session.

    Attributes:
        host: the session.
        resource_id: unique in the session.
        time_limit: seconds that a batch may run on the board.
        is_idempotent: whether nobody minds if a batch has run and nobody knows.
        place: is given each error from the board before it is raised.
        is_gone: whether it is off the board, or will not give items any more.
        is_interrupted: whether a batch has begun and was not answered.
        created_at: when it was made (UTC).
    """

    host: StreamHost
    resource_id: str
    time_limit: float | None
    is_idempotent: bool
    place: Callable[[RemoteError], None] | None
    resource_type: str = attrs.field(init=False, default="Stream")
    is_gone: bool = attrs.field(init=False, default=False)
    is_interrupted: bool = attrs.field(init=False, default=False)
    created_at: datetime = attrs.field(init=False, factory=lambda: datetime.now(UTC))
    _is_registered: bool = attrs.field(init=False, default=False)
    _count: int = attrs.field(init=False, default=1)

    @property
    def estimated_cost(self) -> int:
        """Bytes that it is thought to take on the board."""
        return self._payload

    async def open(self, expression: str) -> None:
        """Makes it; raises, and is cancelled, as ``Device.open_stream``."""
        device = self.host.device

        def call(seat: Seat, is_urgent: bool) -> Awaitable[str]:
            return device.open_stream(seat, self.resource_id, expression, is_urgent=is_urgent)

        self._keep_output(await self._perform(call))

    async def next_batch(self) -> Batch:
        """Asks for items; raises, and is cancelled, as ``Device.next_batch``."""
        device = self.host.device
        limits = BatchLimits(self._count, self._payload, self.time_limit)

        def call(seat: Seat, is_urgent: bool) -> Awaitable[Batch]:
            return device.next_batch(
                seat,
                self.resource_id,
                limits,
                on_begin=self._begin,
                is_urgent=is_urgent,
                is_idempotent=self.is_idempotent,
            )

        batch = await self._perform(call)
        self.is_interrupted = False
        self.is_gone = batch.is_over
        self._place(batch.error)
        self._keep_output(batch.output)
        self._adapt(len(batch.items), batch.payload)
        return batch

    def register(self) -> None:
        """Has the session give it back, if its end should come first.

        In a session's own cleanup there is no other end to come.
        """
        if self.host.is_active:
            self.host.resources.register_resource(self)
            self._is_registered = True

    async def close(self) -> BelayError | None:
        """Closes it when its scope is left, shielded; returns what went wrong.

        What could not be closed stays the session's, which tries again when it ends.
        """
        host = self.host
        failure: BelayError | None = None
        with trio.move_on_after(host.cleanup_timeout, shield=True) as scope:
            try:
                await self.cleanup()
            except RemoteError as error:
                failure = error
            except BelayError as error:
                if host.is_active or not self._is_registered:
                    failure = error
        if scope.cancelled_caught:
            failure = CallTimeoutError(
                f"{self.resource_id} could not be closed within {host.cleanup_timeout:g} s",
                device=host.device.name,
                session_id=host.session_id,
            )
        if self.is_gone:
            host.resources.discard_resource(self.resource_id)
        return failure

    async def cleanup(self) -> None:
        """Closes it on the board; raises, and is cancelled, as ``Device.close_stream``.

        It goes before the calls of all sessions that wait.
        """
        if self.is_gone:
            await trio.lowlevel.checkpoint()
            return
        device = self.host.device

        def call(seat: Seat, is_urgent: bool) -> Awaitable[str]:
            del is_urgent
            return device.close_stream(seat, self.resource_id)

        try:
            output = await self._perform(call, gives_back=True)
        except RemoteError as error:
            self.is_gone = True
            self._keep_output(error.output)
            raise
        self.is_gone = True
        self._keep_output(output)

    async def _perform(
        self, call: Callable[[Seat, bool], Awaitable[T]], *, gives_back: bool = False
    ) -> T:
        try:
            return await self.host.perform("stream", call, gives_back=gives_back)
        except RemoteError as error:
            self._place(error)
            raise

    def _place(self, error: Exception | None) -> None:
        if self.place is not None and isinstance(error, RemoteError):
            self.place(error)

    def _begin(self) -> None:
        self.is_interrupted = True

    def _keep_output(self, text: str) -> None:
        if text:
            self.host.keep_output(text)

    # How much to ask for.

    @property
    def _is_small(self) -> bool:
        return self.host.capabilities.max_code_bytes is not None

    @property
    def _payload(self) -> int:
        return _SMALL_PAYLOAD if self._is_small else _PAYLOAD

    def _adapt(self, count: int, payload: int) -> None:
        """Asks for twice as much next time, but for no more than fits; as TCP does at first.

        Args:
            count: items in a batch.
            payload: bytes that they took.
        """
        fitting = max(count * self._payload // max(payload, 1), 1)
        if count >= self._count or fitting < self._count:
            most = _SMALL_MOST if self._is_small else _MOST
            self._count = min(2 * self._count, fitting, most)
