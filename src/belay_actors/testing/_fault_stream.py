"""A link with faults around another, and a transport that makes such links.

For tests with any board: what a stream may do to its bytes, and how it may end, at a position or a
moment of your choice.
"""

from collections.abc import Awaitable, Callable
from functools import partial
from operator import index
from typing import TypeVar

import trio

from belay_actors.testing._faults import Break, Distortion, End, FaultPlan, Stall
from belay_actors.transport import Link, LinkEnd, Transport

T = TypeVar("T")
_NO_FAULTS = FaultPlan()


class FaultStream(Link):
    """A link to what another stream leads to, with the faults of a plan.

    Args:
        stream: a link, or any other stream of trio. It is closed with this one.
        plan: the faults; ``use`` changes them.

    Attributes:
        name: of the link, or of the kind of stream.
        is_lossless: as the link says; a stream of another kind may lose bytes.
    """

    def __init__(self, stream: trio.abc.Stream, plan: FaultPlan = _NO_FAULTS) -> None:
        self._stream = stream
        self._link = stream if isinstance(stream, Link) else None
        self.name = self._link.name if self._link else type(stream).__name__
        self.is_lossless = self._link is not None and self._link.is_lossless
        self._receiving = Distortion(plan.receiving)
        self._sending = Distortion(plan.sending)
        self._max_read = plan.max_read
        self._resume_receiving = self._resume_sending = 0.0  # on trio's clock: ends of stalls
        self._end: LinkEnd | None = None
        self._reads_end = False  # whether the end is one that a reader sees as such
        self._is_closed = False
        self._waits: set[trio.CancelScope] = set()
        self._read_wait: trio.CancelScope | None = None

    @property
    def received(self) -> int:
        """Bytes that have been received since the plan came into use: the position of the next."""
        return self._receiving.position

    @property
    def sent(self) -> int:
        """Bytes that have been sent since the plan came into use."""
        return self._sending.position

    @property
    def pid(self) -> int | None:
        """Process id of a local interpreter."""
        process_id: object = getattr(self._stream, "pid", None)
        return process_id if isinstance(process_id, int) else None

    def use(self, plan: FaultPlan) -> None:
        """Replaces the plan: position 0 is the next byte, each way. An end stays an end."""
        self._receiving.restart(plan.receiving)
        self._sending.restart(plan.sending)
        self._max_read = plan.max_read
        self._resume_receiving = self._resume_sending = 0.0
        if self._read_wait is not None:
            self._read_wait.cancel()

    def cut(self) -> None:
        """Breaks the link at once, for all who wait in it."""
        self._break("the link was cut")

    # What a link does.

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """As any stream's, with faults.

        Cancellation: nothing that came is lost.
        """
        await trio.lowlevel.checkpoint()
        if max_bytes is not None and index(max_bytes) < 1:
            raise ValueError("max_bytes must be at least 1")
        while True:
            if self._reads_end and not self._is_closed:
                return b""
            self._check()
            if self._resume_receiving > trio.current_time():
                await self._read(partial(trio.sleep_until, self._resume_receiving))
                continue
            piece = self._receiving.take(_least(max_bytes, self._max_read))
            if isinstance(piece, bytes):
                return piece
            if piece is not None:
                self._show(piece)
                continue
            data = await self._read(self._stream.receive_some)
            if data is not None:  # else woken, because something has changed
                self._reads_end = not data
                self._receiving.feed(bytes(data))

    def send_nowait(self, data: bytes) -> int:
        self._check()
        is_stalled = self._resume_sending > trio.current_time()
        if self._link is None or is_stalled or not self._sending.is_clear(len(data)):
            return 0
        sent = self._link.send_nowait(data)
        self._sending.skip(sent)
        return sent

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """As any stream's, with faults.

        Cancellation: some part may have been sent.
        """
        await self._send(bytes(data), self._stream.send_all)

    async def send_paced(self, data: bytes) -> None:
        await self._send(data, self._link.send_paced if self._link else self._stream.send_all)

    async def _send(self, data: bytes, send: Callable[[bytes], Awaitable[None]]) -> None:
        await trio.lowlevel.checkpoint()
        self._check()
        self._sending.feed(data)
        try:
            while not self._sending.is_empty:
                if self._resume_sending > trio.current_time():
                    await self._interruptible(partial(trio.sleep_until, self._resume_sending))
                self._check()
                match self._sending.take(None):
                    case bytes(piece):
                        await self._interruptible(partial(send, piece))
                        self._check()
                    case Stall(seconds=seconds):
                        self._resume_sending = trio.current_time() + seconds
                    case None:
                        pass  # the rest has been dropped
                    case End() | Break():
                        self._break("the stream broke, as planned")
        finally:
            self._sending.discard()

    async def wait_send_all_might_not_block(self) -> None:
        self._check()
        await self._interruptible(self._stream.wait_send_all_might_not_block)
        self._check()

    async def interrupt(self) -> bool:
        if self._link is not None and self._end is None:
            return await self._link.interrupt()
        await trio.lowlevel.checkpoint()
        return False

    async def restart(self) -> bool:
        if self._link is not None and self._end is None:
            return await self._link.restart()
        await trio.lowlevel.checkpoint()
        return False

    async def find_end(self) -> LinkEnd:
        if self._link is not None and self._end is None:
            return await self._link.find_end()
        await trio.lowlevel.checkpoint()
        return self._end or LinkEnd("the stream ended", is_restart=False)

    async def aclose(self) -> None:
        """Closes the other stream, too, also if this one was cut.

        Cancellation: as that one's.
        """
        self._is_closed = True
        self._wake_all()
        await self._stream.aclose()

    # Ends and waits.

    def _break(self, reason: str) -> None:
        self._end = self._end or LinkEnd(reason, is_restart=False)
        self._wake_all()

    def _wake_all(self) -> None:
        for scope in self._waits:
            scope.cancel()

    def _check(self) -> None:
        if self._is_closed:
            raise trio.ClosedResourceError("the link was closed")
        if self._end is not None:
            raise trio.BrokenResourceError(self._end.reason)

    def _show(self, fault: Stall | End | Break) -> None:
        """What a fault means to a reader."""
        match fault:
            case Stall(seconds=seconds):
                self._resume_receiving = trio.current_time() + seconds
            case End():
                self._reads_end = True
                self._break("the stream ended, as planned")
            case Break():
                self._break("the stream broke, as planned")

    async def _read(self, operation: Callable[[], Awaitable[T]]) -> T | None:
        """As ``_interruptible``; ends also when the plan is replaced."""
        with trio.CancelScope() as self._read_wait:
            return await self._interruptible(operation)
        return None

    async def _interruptible(self, operation: Callable[[], Awaitable[T]]) -> T | None:
        """Awaits an operation; ``None`` if the stream was cut or closed meanwhile."""
        with trio.CancelScope() as scope:
            self._waits.add(scope)
            try:
                return await operation()
            finally:
                self._waits.discard(scope)
        return None


def _least(*sizes: int | None) -> int | None:
    return min((size for size in sizes if size is not None), default=None)


class FaultTransport(Transport):
    """A transport whose links are ``FaultStream`` objects.

    Args:
        transport: to the board; see ``parse_url``.
        plan: for each of its links, from their first byte on.

    Attributes:
        url: the transport's.
        links: all that it has made, the newest last.
    """

    def __init__(self, transport: Transport, plan: FaultPlan = _NO_FAULTS) -> None:
        self.url = transport.url
        self.links: list[FaultStream] = []
        self._transport = transport
        self._plan = plan

    @property
    def link(self) -> FaultStream:
        """The newest link."""
        return self.links[-1]

    async def connect(self) -> FaultStream:
        link = FaultStream(await self._transport.connect(), self._plan)
        self.links.append(link)
        return link

    def use(self, plan: FaultPlan) -> None:
        """Replaces the plan of all links, also of those to come."""
        self._plan = plan
        for link in self.links:
            link.use(plan)

    def cut(self) -> None:
        """Breaks all links at once. New ones can be made."""
        for link in self.links:
            link.cut()
