"""The control lines of a serial port, which trio-serial has no calls for, or only one.

DTR and RTS are outputs that many boards are wired to be reset by, some of them when one is on and
the other is off. So lines that change together are changed by one call. A pty has none.
"""

import enum
import fcntl
import struct
import termios
from collections.abc import Iterable


class ModemLine(enum.Enum):
    """An output line; the value is its bit in ``tty_ioctl(4)``."""

    DTR = termios.TIOCM_DTR
    RTS = termios.TIOCM_RTS


def set_lines(descriptor: int, lines: Iterable[ModemLine], *, is_on: bool) -> None:
    """Sets lines, at once. May block, as the adapter on the other side of a USB cable does.

    Raises:
        OSError: the port has no such lines, or is gone.
    """
    bits = sum({line.value for line in lines})
    if bits:
        request = termios.TIOCMBIS if is_on else termios.TIOCMBIC
        fcntl.ioctl(descriptor, request, struct.pack("@i", bits))
