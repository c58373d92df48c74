"""What all links over a file descriptor have in common: trio streams that never show an OSError."""

import contextlib
import os
import select
from collections.abc import Generator

import trio

from belay_actors.transport._base import Link

_RECEIVE_SIZE = 64 * 1024
# A terminal gives no more than this at once; then the next piece often is there already, and to
# wait for it takes far longer than to read it.
_PIECE = 4 * 1024
_AT_ONCE = 4 * _PIECE  # others are to have their turn, too
_GONE = select.POLLHUP | select.POLLERR | select.POLLNVAL


class DescriptorLink(Link):
    """The stream of a terminal: the pty of a process, a serial port.

    Args:
        descriptor: non-blocking, and raw with ``VMIN`` 1; owned by the link from now on.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._busy: set[str] = set()

    def send_nowait(self, data: bytes) -> int:
        return self._write(data)

    def _write(self, data: bytes | memoryview) -> int:
        self._check_open()
        try:
            return os.write(self._descriptor, data)
        except BlockingIOError:
            pass
        except OSError as error:
            raise trio.BrokenResourceError(str(error)) from error
        if self._is_gone():  # a pty's master takes no more then, and yet looks writable
            raise trio.BrokenResourceError("the other end has hung up")
        return 0

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        with self._alone("sends"), memoryview(data) as whole:
            sent = 0
            while True:
                await self._wait_writable()
                sent += self._write(whole[sent:])
                if sent == len(whole):
                    return

    async def wait_send_all_might_not_block(self) -> None:
        with self._alone("sends"):
            await self._wait_writable()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        size = _RECEIVE_SIZE if max_bytes is None else max_bytes
        if not isinstance(size, int):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"max_bytes is an int, not {type(size).__name__}")
        if size < 1:
            raise ValueError(f"max_bytes is above 0, not {size}")
        with self._alone("receives"):
            while True:
                self._check_open()
                await trio.lowlevel.wait_readable(self._descriptor)
                self._check_open()  # it may have been closed before this task could run
                try:
                    data = os.read(self._descriptor, size)
                except BlockingIOError:
                    continue
                except OSError:  # nobody has the other end open any more
                    return b""
                if data or self._is_gone():  # a terminal may read nothing, and yet live
                    return data if len(data) < _PIECE else self._read_more(data, size)

    def _read_more(self, data: bytes, size: int) -> bytes:
        """Reads what follows a whole piece, as far as it is there."""
        pieces = [data]
        total = len(data)
        with contextlib.suppress(OSError):  # nothing is there, or it ends: the next read will tell
            while data and total < min(size, _AT_ONCE):
                data = os.read(self._descriptor, size - total)
                pieces.append(data)
                total += len(data)
        return b"".join(pieces)

    def _is_gone(self) -> bool:
        poll = select.poll()
        poll.register(self._descriptor, 0)
        return any(events & _GONE for _, events in poll.poll(0))

    async def _wait_writable(self) -> None:
        self._check_open()
        await trio.lowlevel.wait_writable(self._descriptor)

    @contextlib.contextmanager
    def _alone(self, doing: str) -> Generator[None, None, None]:
        if doing in self._busy:
            raise trio.BusyResourceError(f"another task {doing} on this link")
        self._busy.add(doing)
        try:
            yield
        finally:
            self._busy.discard(doing)

    def _check_open(self) -> None:
        if self._descriptor < 0:
            raise trio.ClosedResourceError("the link was closed")

    def _take_descriptor(self) -> int:
        """Closes the stream for those who use it, and returns what is to be closed, or -1."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            trio.lowlevel.notify_closing(descriptor)
        return descriptor
