"""Opening and closing a serial port: what may block, and so runs in threads.

A USB driver may take seconds for either. trio-serial opens and configures the port; here it is kept
from everybody else (``flock`` for those who ask, ``TIOCEXCL`` for those who do not), a read is made
to wait for a byte, and DTR and RTS are set.
"""

import contextlib
import errno
import fcntl
import functools
import os
import stat
import struct
import termios
import threading
from collections.abc import Coroutine
from pathlib import Path
from typing import cast

import attrs
import trio
from trio_serial import SerialStream  # pyright: ignore[reportPrivateImportUsage]
from trio_serial.posix import PosixSerialStream

from belay_actors.transport._modem import ModemLine, set_lines
from belay_actors.transport._pty import make_raw

_STALL_TIME = 0.5  # seconds without a byte going out
_LOOK_PAUSE = 0.005  # seconds
_INT = struct.Struct("@i")


def _count(_: object, attribute: "attrs.Attribute[int]", value: int) -> None:
    if not isinstance(value, int) or value < 1:  # pyright: ignore[reportUnnecessaryIsInstance]
        raise ValueError(f"{attribute.name} is an integer above 0, not {value!r}")


@attrs.frozen(kw_only=True)
class SerialSettings:
    """How a port is set up.

    Attributes:
        baudrate: bits per second.
        input_buffer: bytes that the board keeps while it is busy.
        lines: what to set DTR and RTS to; the others stay as the system has them.
        reset_line: the line whose pulse resets the board, where one is wired to do so.
        is_lossless: whether what is sent waits until the board takes it in, however long it is
            busy.
    """

    baudrate: int = attrs.field(default=115200, validator=_count)
    input_buffer: int = attrs.field(default=63, validator=_count)
    lines: tuple[tuple[ModemLine, bool], ...] = ()
    reset_line: ModemLine | None = None
    is_lossless: bool = False


async def open_port(path: str, settings: SerialSettings) -> int:
    """Opens a port for nobody else.

    Returns:
        Its descriptor, non-blocking, and raw with ``VMIN`` 1.

    Raises:
        OSError, termios.error: the system does not open the path, or it is no serial port.
        ValueError, NotImplementedError: it cannot be set up like that.

    Cancellation: returns at once; the port is closed as soon as its driver has opened it.
    """
    opening = _Opening(path, settings)
    try:
        await trio.to_thread.run_sync(opening.run, abandon_on_cancel=True)
    except BaseException:
        opening.abandon()
        raise
    return opening.descriptor


async def close_port(descriptor: int) -> None:
    """Closes a port, after what was sent has gone out. What a board does not take is dropped.

    Cancellation: drops what has not gone out, and closes the port all the same.
    """
    try:
        await _let_out(descriptor)
    finally:
        with trio.CancelScope(shield=True):
            await trio.to_thread.run_sync(_close, descriptor)


async def _let_out(descriptor: int) -> None:
    """Waits until all is sent, or nothing moves: the driver itself would wait for 30 s then."""
    left, moved_at = _unsent(descriptor), trio.current_time()
    while left and trio.current_time() < moved_at + _STALL_TIME:
        await trio.sleep(_LOOK_PAUSE)
        before, left = left, _unsent(descriptor)
        if left < before:
            moved_at = trio.current_time()


class _Opening:
    """An opening, which its task may abandon before or after its thread is done."""

    def __init__(self, path: str, settings: SerialSettings) -> None:
        self.descriptor = -1
        self._path = path
        self._settings = settings
        self._lock = threading.Lock()
        self._is_abandoned = False

    def run(self) -> None:
        descriptor = _open(self._path, self._settings)
        with self._lock:
            if not self._is_abandoned:
                self.descriptor = descriptor
                return
        _close(descriptor)

    def abandon(self) -> None:
        with self._lock:
            self._is_abandoned = True
        if self.descriptor >= 0:
            close = functools.partial(_close, self.descriptor)
            trio.lowlevel.start_thread_soon(close, lambda _: None)


def _open(path: str, settings: SerialSettings) -> int:
    if not stat.S_ISCHR(Path(path).stat().st_mode):
        raise OSError(errno.ENOTTY, "it is no terminal")
    descriptor = _open_stream(path, settings.baudrate)
    try:
        fcntl.ioctl(descriptor, termios.TIOCEXCL)
        make_raw(descriptor)
        termios.tcflush(descriptor, termios.TCIFLUSH)  # what came before is nobody's
        _set_up_lines(descriptor, settings)
    except BaseException:
        _close(descriptor)
        raise
    return descriptor


def _open_stream(path: str, baudrate: int) -> int:
    stream = cast(PosixSerialStream, SerialStream(path, exclusive=True, baudrate=baudrate))
    _run(stream.aopen())
    try:
        return os.dup(stream.fd)
    finally:
        stream._close()  # noqa: SLF001  # aclose() is for the thread that runs trio


def _set_up_lines(descriptor: int, settings: SerialSettings) -> None:
    try:
        for is_on in (True, False):
            lines = [line for line, level in settings.lines if level is is_on]
            set_lines(descriptor, lines, is_on=is_on)
    except OSError as error:
        if error.errno not in (errno.ENOTTY, errno.EINVAL):
            raise
        raise ValueError("it has no DTR and RTS lines; leave out dtr and rts") from None


def _run(opening: Coroutine[object, object, None]) -> None:
    """Runs a coroutine that is one in name only: it blocks."""
    try:
        opening.send(None)
    except StopIteration:
        return
    raise AssertionError("trio-serial waits in trio where it did not")


def _unsent(descriptor: int) -> int:
    """How many bytes wait in the driver."""
    try:
        answer = fcntl.ioctl(descriptor, termios.TIOCOUTQ, bytes(_INT.size))
    except OSError:  # the device has gone
        return 0
    (count,) = _INT.unpack(answer)
    return int(count)


def _close(descriptor: int) -> None:
    """Closes a port; when its device has gone there is nothing left to fail."""
    with contextlib.suppress(OSError, termios.error):
        fcntl.flock(descriptor, fcntl.LOCK_UN)  # a child that is being forked has it, too
        if _unsent(descriptor):
            termios.tcflush(descriptor, termios.TCOFLUSH)
        fcntl.ioctl(descriptor, termios.TIOCNXCL)  # a pty would stay exclusive after its closing
    with contextlib.suppress(OSError):
        os.close(descriptor)
