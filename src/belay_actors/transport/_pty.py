"""A pty that a MicroPython can live on.

It is raw, without echo and line discipline, before the interpreter starts: a cooked one would echo
the code, double the line ends, and take ``0x04`` for an end of file. ``ISIG`` is off,
too: with it a Ctrl-C becomes a SIGINT whenever the interpreter has its terminal in the mode of
running code, which is also the case for a moment before and after the code runs, when a SIGINT
kills it. ``LocalLink.interrupt`` sends the signal at a safe moment instead.
"""

import os
import pty
import select
import termios
import tty


def open_raw_pty() -> tuple[int, int]:
    """Opens a raw pty.

    Returns:
        The master's descriptor, non-blocking, and the slave's.
    """
    master, slave = pty.openpty()
    try:
        _make_raw(slave)
        os.set_blocking(master, False)
    except BaseException:
        os.close(master)
        os.close(slave)
        raise
    return master, slave


def has_hung_up(master: int) -> bool:
    """Whether nobody has the slave open any more.

    Reading tells that by an error, but writing does not: what is written is kept until there is no
    more room, and then there never will be.
    """
    poll = select.poll()
    poll.register(master, 0)
    return any(flags & select.POLLHUP for _, flags in poll.poll(0))


def _make_raw(descriptor: int) -> None:
    tty.setraw(descriptor, termios.TCSANOW)
    mode = termios.tcgetattr(descriptor)
    mode[tty.LFLAG] = 0
    mode[tty.CC][termios.VMIN] = 1
    mode[tty.CC][termios.VTIME] = 0
    termios.tcsetattr(descriptor, termios.TCSANOW, mode)
