"""What all links over a file descriptor have in common: trio streams that never show an OSError.

An interpreter on this computer answers before a core that has gone to sleep is awake again. So a
link that was answered at once the last time is not slept on for a moment: whoever receives looks
again and again, with a checkpoint before each look, so that everybody else has his turn. It is the
same when a terminal was full of what the board has printed: more comes as soon as there is room.
"""

import contextlib
import os
import select
from collections.abc import Generator
from time import perf_counter

import trio

from belay_actors.transport._base import Link

_RECEIVE_SIZE = 64 * 1024
_AT_ONCE = 0.0003  # seconds from a question to its answer
_FULL = 4095  # bytes: what Linux lets a terminal hold; then its writer waits, and has more
_GONE = select.POLLHUP | select.POLLERR | select.POLLNVAL


class DescriptorLink(Link):
    """The stream of a terminal: the pty of a process, a serial port.

    Args:
        descriptor: non-blocking, and raw with ``VMIN`` 1; owned by the link from now on.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._is_sending = False
        self._is_receiving = False
        self._at_once_until = 0.0
        self._is_prompt = False  # whether the last that came was an answer at once, or not all

    def send_nowait(self, data: bytes) -> int:
        self._at_once_until = perf_counter() + _AT_ONCE
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
        with self._sending(), memoryview(data) as whole:
            sent = 0
            while True:
                await self._wait_writable()
                sent += self._write(whole[sent:])
                if sent == len(whole):
                    return

    async def wait_send_all_might_not_block(self) -> None:
        with self._sending():
            await self._wait_writable()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        size = _RECEIVE_SIZE if max_bytes is None else max_bytes
        if not isinstance(size, int):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"max_bytes is an int, not {type(size).__name__}")
        if size < 1:
            raise ValueError(f"max_bytes is above 0, not {size}")
        if self._is_receiving:  # no context manager: every call on the board comes this way
            raise trio.BusyResourceError("another task receives on this link")
        self._is_receiving = True
        try:
            while True:
                self._check_open()
                if self._is_prompt and perf_counter() < self._at_once_until:
                    await trio.lowlevel.checkpoint()
                else:
                    await trio.lowlevel.wait_readable(self._descriptor)
                self._check_open()  # it may have been closed before this task could run
                try:
                    data = os.read(self._descriptor, size)
                except BlockingIOError:
                    continue
                except OSError:  # nobody has the other end open any more
                    return b""
                if data or self._is_gone():  # a terminal may read nothing, and yet live
                    if len(data) >= _FULL:  # the rest is as good as asked for
                        self._at_once_until = perf_counter() + _AT_ONCE
                    self._is_prompt = perf_counter() < self._at_once_until
                    self._look_at(data)
                    return data
        finally:
            self._is_receiving = False

    def _look_at(self, data: bytes) -> None:
        """Sees what has come, for what a link has to know of its board."""

    def _is_gone(self) -> bool:
        poll = select.poll()
        poll.register(self._descriptor, 0)
        return any(events & _GONE for _, events in poll.poll(0))

    async def _wait_writable(self) -> None:
        self._check_open()
        await trio.lowlevel.wait_writable(self._descriptor)

    @contextlib.contextmanager
    def _sending(self) -> Generator[None, None, None]:
        if self._is_sending:
            raise trio.BusyResourceError("another task sends on this link")
        self._is_sending = True
        try:
            yield
        finally:
            self._is_sending = False

    def _check_open(self) -> None:
        if self._descriptor < 0:
            raise trio.ClosedResourceError("the link was closed")

    def _take_descriptor(self) -> int:
        """Closes the stream for those who use it, and returns what is to be closed, or -1."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            trio.lowlevel.notify_closing(descriptor)
        return descriptor
