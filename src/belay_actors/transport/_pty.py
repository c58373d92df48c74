"""A pty that a MicroPython can live on.

It is raw, without echo and line discipline, before the interpreter starts: a cooked one would echo
the code, double the line ends, and take ``0x04`` for an end of file. ``ISIG`` is off,
too: with it a Ctrl-C becomes a SIGINT whenever the interpreter has its terminal in the mode of
running code, which is also the case for a moment before and after the code runs, when a SIGINT
kills it. ``LocalLink.interrupt`` sends the signal at a safe moment instead.
"""

import os
import pty
import termios
import tty


def open_raw_pty() -> tuple[int, int]:
    """Opens a raw pty.

    Returns:
        The master's descriptor, non-blocking, and the slave's.
    """
    master, slave = pty.openpty()
    try:
        make_raw(slave)
        os.set_blocking(master, False)
    except BaseException:
        os.close(master)
        os.close(slave)
        raise
    return master, slave


def make_raw(descriptor: int) -> None:
    """Makes a terminal pass on every byte as it is, and a read of it wait for at least one."""
    tty.setraw(descriptor, termios.TCSANOW)
    mode = termios.tcgetattr(descriptor)
    mode[tty.LFLAG] = 0
    mode[tty.CC][termios.VMIN] = 1
    mode[tty.CC][termios.VTIME] = 0
    termios.tcsetattr(descriptor, termios.TCSANOW, mode)
