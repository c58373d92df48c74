"""Processes of local interpreters, stopped and let go on."""

import os
import signal

import trio


async def pause(pid: int) -> None:
    """Stops a child process, and waits until it has stopped.

    A stop that is still on its way would be undone by an interrupt that comes meanwhile: that
    stops the process too, and lets it go on.
    """
    os.kill(pid, signal.SIGSTOP)
    await trio.to_thread.run_sync(os.waitid, os.P_PID, pid, os.WSTOPPED | os.WNOWAIT)


def resume(pid: int) -> None:
    """Lets it go on."""
    os.kill(pid, signal.SIGCONT)
