"""A board on a serial port: a UART behind an adapter, or USB that looks like one.

trio-serial opens and configures the port. The rest is here: no other program may have the port
(``flock`` for those who ask, ``TIOCEXCL`` for those who do not), a read waits for at least a byte,
ports are opened and closed in a thread (a USB driver may take seconds for it), the control lines,
and pacing.

Pacing: a board without flow control keeps a few bytes that came while it was busy (63 on a
micro:bit), and drops the rest in silence. So code goes out in pieces of that size, one in the time
that the wire takes for it. On a real UART that costs nothing; a USB port that only looks like one
has flow control of its own, and a firmware that knows raw-paste, which is not paced.
"""

import contextlib
import errno
import fcntl
import os
import stat
import termios
from collections.abc import Coroutine
from pathlib import Path
from typing import cast

import attrs
import trio
from trio_serial import SerialStream  # pyright: ignore[reportPrivateImportUsage]
from trio_serial.posix import PosixSerialStream

from belay_actors.errors import (
    DeviceBusyError,
    DeviceError,
    DeviceNotFoundError,
    DevicePermissionError,
    InvalidURLError,
)
from belay_actors.transport._base import LinkEnd, Transport
from belay_actors.transport._descriptor import DescriptorLink
from belay_actors.transport._modem import ModemLine, set_line

_BITS_PER_BYTE = 10  # a start bit, eight data bits, a stop bit
_RESET_PULSE = 0.1  # seconds; as esptool and avrdude have it
_VANISHED = (errno.ENOENT, errno.ENXIO, errno.ENODEV, errno.EIO)
_FORBIDDEN = (errno.EACCES, errno.EPERM)
_OTHER_THINGS = (errno.EISDIR, errno.ENOTTY, errno.EINVAL, errno.ENOTDIR)


@attrs.frozen(kw_only=True)
class SerialSettings:
    """How a port is set up.

    Attributes:
        baudrate: bits per second.
        input_buffer: bytes that the board keeps while it is busy.
        lines: what to set DTR and RTS to; the others stay as the system has them.
        reset_line: the line whose pulse resets the board, where one is wired to do so.
    """

    baudrate: int = 115200
    input_buffer: int = 63
    lines: tuple[tuple[ModemLine, bool], ...] = ()
    reset_line: ModemLine | None = None


class SerialLink(DescriptorLink):
    """An open serial port."""

    is_lossless = False

    def __init__(self, descriptor: int, path: str, settings: SerialSettings) -> None:
        super().__init__(descriptor)
        self.name = path.removeprefix("/dev/")
        self._settings = settings
        self._end = LinkEnd(f"{path} was unplugged, or has hung up", is_restart=False)

    async def send_paced(self, data: bytes) -> None:
        size = self._settings.input_buffer
        byte_time = _BITS_PER_BYTE / self._settings.baudrate
        for start in range(0, len(data), size):
            if start:
                await trio.sleep(size * byte_time)
            await self.send_all(data[start : start + size])

    async def interrupt(self) -> bool:
        await trio.lowlevel.checkpoint()
        return False

    async def restart(self) -> bool:
        """Resets the board by its control line, if it is known to have one."""
        line = self._settings.reset_line
        await trio.lowlevel.checkpoint()
        if line is None:
            return False
        try:
            set_line(self._descriptor, line, is_on=True)
            try:
                await trio.sleep(_RESET_PULSE)
            finally:
                set_line(self._descriptor, line, is_on=False)
        except OSError:
            return False
        self._end = LinkEnd(f"the board was reset by its {line.name} line", is_restart=True)
        return True

    async def find_end(self) -> LinkEnd:
        await trio.lowlevel.checkpoint()
        return self._end

    async def aclose(self) -> None:
        """Closes the port, after what was sent has gone out.

        Cancellation: shielded; bounded by the driver (Linux gives up after 30 s).
        """
        descriptor = self._take_descriptor()
        if descriptor >= 0:
            with trio.CancelScope(shield=True):
                await trio.to_thread.run_sync(_close, descriptor)
        await trio.lowlevel.checkpoint()


@attrs.frozen
class SerialTransport(Transport):
    """``serial:PATH[?baudrate=115200&…]``.

    Args:
        url: for messages.
        path: of the port.
        settings: of the port.
    """

    url: str
    path: str
    settings: SerialSettings = SerialSettings()

    async def connect(self) -> SerialLink:
        # An open that is abandoned is undone by the stream's own finalizer.
        try:
            stream = await trio.to_thread.run_sync(self._open, abandon_on_cancel=True)
        except (OSError, termios.error, ValueError) as error:
            raise self._explain(error) from error
        descriptor = os.dup(stream.fd)
        await stream.aclose()
        return SerialLink(descriptor, self.path, self.settings)

    def _open(self) -> PosixSerialStream:
        if not stat.S_ISCHR(Path(self.path).stat().st_mode):
            raise OSError(errno.ENOTTY, "it is no terminal")
        opened = SerialStream(self.path, exclusive=True, baudrate=self.settings.baudrate)
        stream = cast(PosixSerialStream, opened)
        _run(stream.aopen())
        fcntl.ioctl(stream.fd, termios.TIOCEXCL)
        _wait_for_bytes(stream.fd)
        termios.tcflush(stream.fd, termios.TCIFLUSH)  # what came before is nobody's
        for line, is_on in self.settings.lines:
            set_line(stream.fd, line, is_on=is_on)
        return stream

    def _explain(self, error: Exception) -> DeviceError:
        """The error for a port that cannot be opened."""
        number = error.args[0] if error.args else None
        path, url = self.path, self.url
        if isinstance(error, ValueError):
            return InvalidURLError(f"{path} cannot be set up like that: {error}", device=url)
        if number in _FORBIDDEN:
            return DevicePermissionError(
                f"you may not open {path}; join the group that owns it (often dialout or uucp) "
                "and log in again",
                device=url,
            )
        if number in _VANISHED:
            return DeviceNotFoundError(
                f"there is no {path}; check that the board is plugged in, and which name it has "
                "(on Linux: ls /dev/serial/by-id)",
                device=url,
            )
        if number in _OTHER_THINGS:
            return DeviceNotFoundError(
                f"{path} is no serial port, or lacks what was asked for: {error}; name the port "
                "of a board, such as /dev/ttyACM0",
                device=url,
            )
        return DeviceBusyError(
            f"another program has {path}: {error}; close that program, or that device", device=url
        )


def _close(descriptor: int) -> None:
    """Closes a port, and leaves it for others, even if somebody else holds it open, too."""
    with contextlib.suppress(OSError):
        fcntl.ioctl(descriptor, termios.TIOCNXCL)
    os.close(descriptor)


def _run(opening: Coroutine[object, object, None]) -> None:
    """Runs a coroutine that is one in name only: it blocks."""
    try:
        opening.send(None)
    except StopIteration:
        return
    raise AssertionError("trio-serial waits in trio where it did not")


def _wait_for_bytes(descriptor: int) -> None:
    """Makes a read wait for a byte; trio-serial has it return nothing, as at an end of file."""
    mode = termios.tcgetattr(descriptor)
    mode[6][termios.VMIN] = 1
    termios.tcsetattr(descriptor, termios.TCSANOW, mode)
