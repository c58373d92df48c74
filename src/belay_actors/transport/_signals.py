"""Interrupting a MicroPython process without killing it.

The unix port catches SIGINT only while it runs code. In the moments before and after, and at its
prompt, the signal has its default action: the process dies (seen in 3 to 8 of 100 tries when
signals were sent at random around short calls). So the process is stopped, its signal handlers are
looked up, the signal is queued only if it would be caught, and the process goes on: nothing can
happen in between. Without ``/proc`` (macOS) the signal is sent as it is.

A signal that waits for a stopped process is taken by whichever of its threads runs first, and a
thread of the board's is not what is to be interrupted. So it is sent to the first thread, the one
that runs the calls; where the C library has no ``tgkill`` (musl), to the process.
"""

import ctypes
import os
import signal
import sys
from pathlib import Path

import trio

_STOPPED = "Tt"
_DEAD = "ZXx"


async def interrupt_process(pid: int) -> bool:
    """Sends SIGINT to an own child process if it catches that now.

    Returns:
        Whether it was sent. Not to a process that has ended, nor to one that somebody else has
        stopped: that one stays as it is.

    Cancellation: the process is never left stopped.
    """
    if sys.platform != "linux":
        os.kill(pid, signal.SIGINT)
        await trio.lowlevel.checkpoint()
        return True
    if _state(pid) in _STOPPED + _DEAD:
        await trio.lowlevel.checkpoint()
        return False
    try:
        while (state := _state(pid)) not in _STOPPED + _DEAD:  # noqa: ASYNC110  # no event for it
            os.kill(pid, signal.SIGSTOP)  # each time: somebody else may let it go on
            await trio.lowlevel.checkpoint()
        is_caught = state in _STOPPED and _catches_sigint(pid)
        if is_caught:
            _signal_first_thread(pid)
    finally:
        os.kill(pid, signal.SIGCONT)
    return is_caught


def _signal_first_thread(pid: int) -> None:
    tgkill = getattr(ctypes.CDLL(None), "tgkill", None)
    if tgkill is None:
        os.kill(pid, signal.SIGINT)
    else:
        tgkill(pid, pid, signal.SIGINT)  # the first thread has the id of its process


def _state(pid: int) -> str:
    """The process's state letter, as in proc(5)."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text("ascii", "replace")
    except OSError:
        return _DEAD[0]
    return text.rpartition(") ")[2][0]


def _catches_sigint(pid: int) -> bool:
    for line in Path(f"/proc/{pid}/status").read_text("ascii", "replace").splitlines():
        if line.startswith("SigCgt:"):
            return bool(int(line.split()[1], 16) >> (signal.SIGINT - 1) & 1)
    return False
