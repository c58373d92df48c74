"""Boards that a test may maltreat.

A ``Board`` outlives the devices that are opened on it, as one on a desk does: closing a device only
lets go of it. It can be reset, unplugged and made to hang, and what it sends can be listened to, so
that a test can wait until code runs there. A kind of board is a subclass.
"""

import abc
import os
import signal
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import trio

from belay_actors import DeviceNotFoundError
from belay_actors.transport import Link, LinkEnd, LocalLink, LocalTransport, Transport
from belay_actors.wire._requests import LEAVE
from processes import pause, resume

# At the raw prompt, or first out of the resident loop; a Ctrl-C gives up what else is on the line.
SOFT_RESET = LEAVE + b"\x03\x04"

# For the unix port, whose interpreter exits in the next call: the core adds up the code of a call
# before it runs it.
EXITS_IN_NEXT_CALL = """
def sum(data, start, sum=sum):
    def exit(*args): raise SystemExit
    globals()['sum'] = exit
    return sum(data, start)
"""
PATIENCE = 20  # seconds for what takes a fraction of one; only a failing test waits that long


class Board(Transport):
    """One board; as a transport, the place where devices find it.

    Attributes:
        url: by which another process opens a board of this kind: this one if it ``is_shared``,
            else a new one.
        is_shared: whether another process can have this very board.
        is_small: whether it has only a few KB of memory.
        has_threads: whether its firmware has ``_thread``.
        newline: what it makes of a printed line feed.
        writer: code that defines ``write``, which prints bytes as they are.
    """

    is_shared: bool
    is_small: bool
    has_threads: bool
    newline: str
    writer: str

    def __init__(self) -> None:
        self._link: TappedLink | None = None
        self._heard = bytearray()
        self._has_heard = trio.Event()

    async def connect(self) -> Link:
        self._link = TappedLink(await self.open_link(), self)
        return self._link

    @abc.abstractmethod
    async def open_link(self) -> Link:
        """Opens a link to the board; raises ``DeviceNotFoundError`` if it is unplugged."""

    @abc.abstractmethod
    async def close_link(self, link: Link) -> None:
        """Lets go of a link that ``open_link`` has opened; the board goes on as it is."""

    @abc.abstractmethod
    async def reset(self) -> None:
        """Starts it anew, whatever it is doing, as its reset button does."""

    @abc.abstractmethod
    async def unplug(self) -> None:
        """Takes it away, whatever it is doing: its links end, and it is not found any more."""

    @abc.abstractmethod
    async def plug_in(self) -> None:
        """Brings it back, newly started."""

    @abc.abstractmethod
    async def pause(self) -> None:
        """Makes it hang until it is resumed. Only for a board that runs code."""

    @abc.abstractmethod
    async def resume(self) -> None:
        """Lets it go on."""

    async def restart(self, link: Link) -> bool:
        """What the link's ``restart`` does."""
        return await link.restart()

    async def find_end(self, link: Link) -> LinkEnd:
        """What the link's ``find_end`` tells."""
        return await link.find_end()

    @property
    def link(self) -> "TappedLink":
        """The newest link to it."""
        assert self._link is not None, "nobody has connected to the board"
        return self._link

    async def soft_reset(self) -> None:
        """Starts it anew as a Ctrl-D does. Only for a board that runs no call."""
        await self.link.send_all(b"\x04" if self.is_small else SOFT_RESET)

    def add_noise(self, data: bytes) -> None:
        """Has bytes come from it, now, that no call has printed."""
        self.link.add(data)

    def hear(self, data: bytes) -> None:
        """It has sent something. Called by its links."""
        self._heard += data
        self._has_heard.set()
        self._has_heard = trio.Event()

    async def has_said(self, text: str) -> None:
        """Waits until it has sent a text, and forgets all that it has sent up to there."""
        data = text.encode()
        with trio.fail_after(PATIENCE):
            while data not in self._heard:
                await self._has_heard.wait()
        del self._heard[: self._heard.index(data) + len(data)]


class TappedLink(Link):
    """A board's link, to listen to and to add to."""

    def __init__(self, inner: Link, board: Board) -> None:
        self.name = inner.name
        self.is_lossless = inner.is_lossless
        self._inner = inner
        self._board = board
        self._added = b""
        self._receiving = trio.CancelScope()
        self.is_closed = False

    @property
    def has_added(self) -> bool:
        """Whether there is something added that nobody has received."""
        return bool(self._added)

    def add(self, data: bytes) -> None:
        """Has bytes come now, before all that has not come yet."""
        self._added += data
        self._receiving.cancel()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        if not self._added:
            with trio.CancelScope() as self._receiving:
                data = bytes(await self._inner.receive_some(max_bytes))
                self._board.hear(data)
                return data
        await trio.lowlevel.checkpoint()
        data, self._added = self._added, b""
        return data

    def send_nowait(self, data: bytes) -> int:
        return self._inner.send_nowait(data)

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await self._inner.send_all(data)

    async def send_paced(self, data: bytes) -> None:
        await self._inner.send_paced(data)

    async def wait_send_all_might_not_block(self) -> None:
        await self._inner.wait_send_all_might_not_block()

    async def interrupt(self) -> bool:
        return await self._inner.interrupt()

    async def restart(self) -> bool:
        return await self._board.restart(self._inner)

    async def find_end(self) -> LinkEnd:
        return await self._board.find_end(self._inner)

    async def aclose(self) -> None:
        if self.is_closed:
            await trio.lowlevel.checkpoint()
            return
        self.is_closed = True
        await self._board.close_link(self._inner)


class UnixBoard(Board):
    """The unix port. A reset is another interpreter, and so is one that is plugged in again."""

    url = "micropython:"
    is_shared = False
    is_small = False
    has_threads = True
    newline = "\n"
    writer = "import sys\nwrite = sys.stdout.buffer.write"

    def __init__(self) -> None:
        super().__init__()
        self._is_plugged_in = True
        self._links: list[LocalLink] = []  # the last one is to the interpreter that is the board
        self._has_ended = True

    async def open_link(self) -> Link:
        if not self._is_plugged_in:
            raise DeviceNotFoundError("the board is unplugged", device=self.url)
        if self._has_ended or self._links[-1]._process.returncode is not None:
            self._links.append(await LocalTransport(self.url).connect())
            self._has_ended = False
        return self._links[-1]

    async def close_link(self, link: Link) -> None:
        process = self._links[-1]._process
        if link is not self._links[-1] or self._has_ended or process.returncode is not None:
            await link.aclose()
        await trio.lowlevel.checkpoint()

    async def reset(self) -> None:
        self._has_ended = True
        await self._links[-1].restart()

    async def unplug(self) -> None:
        self._has_ended = True
        self._is_plugged_in = False
        os.kill(self._links[-1].pid, signal.SIGKILL)
        await trio.lowlevel.checkpoint()

    async def plug_in(self) -> None:
        await trio.lowlevel.checkpoint()
        self._is_plugged_in = True

    async def pause(self) -> None:
        await pause(self._links[-1].pid)

    async def resume(self) -> None:
        resume(self._links[-1].pid)
        await trio.lowlevel.checkpoint()

    async def aclose(self) -> None:
        """Ends it."""
        for link in self._links:
            await link.aclose()


@asynccontextmanager
async def open_unix_board() -> AsyncGenerator[Board, None]:
    board = UnixBoard()
    try:
        yield board
    finally:
        with trio.CancelScope(shield=True):
            await board.aclose()
