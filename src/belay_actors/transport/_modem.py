"""The control lines of a serial port, which trio-serial has no calls for, or only one.

DTR and RTS are outputs that many boards are wired to be reset by. A pty has none.
"""

import enum
import fcntl
import struct
import termios


class ModemLine(enum.Enum):
    """An output line; the value is its bit in ``tty_ioctl(4)``."""

    DTR = termios.TIOCM_DTR
    RTS = termios.TIOCM_RTS


def set_line(descriptor: int, line: ModemLine, *, is_on: bool) -> None:
    """Sets a line.

    Raises:
        OSError: the port has no such line, or is gone.
    """
    request = termios.TIOCMBIS if is_on else termios.TIOCMBIC
    fcntl.ioctl(descriptor, request, struct.pack("@i", line.value))
