"""The cable: two pipes of bytes, each piece of which arrives after the latency of its direction.

Nothing here runs on its own. A piece knows when it is due, and whoever reads waits until then; so
latency costs no task, and what arrives when is decided by trio's clock alone.
"""

import math
import operator
from collections import deque
from collections.abc import Callable

import trio

from belay_actors.transport import Link, LinkEnd


class Bell:
    """Wakes the one task that waits for it. The task then looks for itself what there is to do."""

    def __init__(self) -> None:
        self._event: trio.Event | None = None

    def ring(self) -> None:
        """Wakes the waiting task, if there is one."""
        if self._event is not None:
            self._event.set()

    async def wait(self, deadline: float = math.inf) -> None:
        """Waits for a ring, or until the deadline on trio's clock."""
        self._event = trio.Event()
        if deadline == math.inf:
            await self._event.wait()
        else:
            with trio.CancelScope(deadline=deadline):
                await self._event.wait()


class Pipe:
    """Bytes on their way in one direction.

    Args:
        latency: seconds from ``put`` to the other end.
        bell: rings whenever the reading end should look.

    Attributes:
        is_ended: whether nothing will be put in any more.
        is_deserted: whether nobody will take anything out any more.
        size: how many bytes are in it.
    """

    def __init__(self, latency: float, bell: Bell) -> None:
        self.is_ended = False
        self.is_deserted = False
        self.size = 0
        self.bell = bell
        self._latency = latency
        self._parts: deque[tuple[float, bytes]] = deque()

    def put(self, data: bytes) -> None:
        """Sends bytes off, unless nobody will read them."""
        if not data or self.is_deserted:
            return
        due = trio.current_time() + self._latency if self._latency else 0.0
        self._parts.append((due, data))
        self.size += len(data)
        self.bell.ring()

    @property
    def next_due(self) -> float:
        """When the next piece arrives, on trio's clock."""
        if not self._parts:
            return math.inf
        return 0.0 if self.is_ended else self._parts[0][0]

    @property
    def has_arrived(self) -> bool:
        """Whether there is something to take."""
        due = self.next_due
        return due == 0.0 or due <= trio.current_time()

    def take(self, most: float = math.inf) -> bytes:
        """Takes out what has arrived, up to so many bytes."""
        taken: list[bytes] = []
        while most > 0 and self.has_arrived:
            due, part = self._parts.popleft()
            if len(part) > most:
                self._parts.appendleft((due, part[int(most) :]))
                part = part[: int(most)]
            most -= len(part)
            self.size -= len(part)
            taken.append(part)
        return b"".join(taken)

    def end(self) -> None:
        """The writing end is closed: what is in the pipe arrives at once, and then its end."""
        self.is_ended = True
        self.bell.ring()

    def desert(self) -> None:
        """The reading end is closed: what is in the pipe is lost."""
        self.is_deserted = True
        self._parts.clear()
        self.size = 0


class FakeLink(Link):
    """The stream to a ``FakeBoard``. Made by ``FakeBoard.connect``."""

    def __init__(
        self,
        name: str,
        inbound: Pipe,
        outbound: Pipe,
        *,
        is_lossless: bool,
        restart: Callable[[], bool],
    ) -> None:
        self.name = name
        self.is_lossless = is_lossless
        self._inbound = inbound
        self._outbound = outbound
        self._restart = restart
        self._end: LinkEnd | None = None
        self._is_closed = False
        self._is_sending = False
        self._is_receiving = False

    @property
    def is_closed(self) -> bool:
        """Whether it was closed on the host's side."""
        return self._is_closed

    def send_nowait(self, data: bytes) -> int:
        self._check_sending()
        self._outbound.put(bytes(data))
        return len(data)

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        self._check_sending()
        self._is_sending = True
        try:
            await trio.lowlevel.checkpoint()
        finally:
            self._is_sending = False
        self.send_nowait(bytes(data))

    async def wait_send_all_might_not_block(self) -> None:
        self._check_sending()
        await trio.lowlevel.checkpoint()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        most = math.inf if max_bytes is None else operator.index(max_bytes)
        if most < 1:
            raise ValueError(f"max_bytes is at least 1, not {max_bytes}")
        self._check_open()
        if self._is_receiving:
            raise trio.BusyResourceError("another task is receiving from this link")
        self._is_receiving = True
        try:
            return await self._receive(most)
        finally:
            self._is_receiving = False

    async def _receive(self, most: float) -> bytes:
        if self._inbound.has_arrived or self._inbound.is_ended:
            await trio.lowlevel.checkpoint()
        while True:
            self._check_open()
            data = self._inbound.take(most)
            if data or self._inbound.is_ended:
                return data
            await self._inbound.bell.wait(self._inbound.next_due)

    async def interrupt(self) -> bool:
        """Does nothing: a fake board is interrupted by a Ctrl-C in the stream."""
        await trio.lowlevel.checkpoint()
        return False

    async def restart(self) -> bool:
        await trio.lowlevel.checkpoint()
        return self._restart()

    async def find_end(self) -> LinkEnd:
        await trio.lowlevel.checkpoint()
        return self._end or LinkEnd("the link was closed", is_restart=False)

    async def aclose(self) -> None:
        """Closes the link; the board goes on with what it does.

        Cancellation: it is closed all the same.
        """
        self._is_closed = True
        self._inbound.desert()
        self._outbound.end()
        self._inbound.bell.ring()
        await trio.lowlevel.checkpoint()

    def hang_up(self, end: LinkEnd) -> None:
        """Ends the stream from the board's side."""
        self._end = end
        self._inbound.end()
        self._outbound.desert()

    def _check_sending(self) -> None:
        self._check_open()
        if self._is_sending:
            raise trio.BusyResourceError("another task is sending to this link")
        if self._outbound.is_deserted:
            reason = self._end.reason if self._end is not None else "the other end was closed"
            raise trio.BrokenResourceError(reason)

    def _check_open(self) -> None:
        if self._is_closed:
            raise trio.ClosedResourceError("the link was closed")
