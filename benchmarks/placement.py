"""Where processes run while they are measured: the host on one core, all boards on another.

Left alone, the scheduler now and then has a host and its board share a core for some seconds, which
changes what a wake-up takes by half, and not for all contenders at the same time. Apart, every
exchange of every contender has to wake another core, as it does with a board that is a computer of
its own. Where processes cannot be pinned, or there is one core, nothing is done.
"""

import contextlib
import os
import sys
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def apart() -> Generator[None, None, None]:
    """Keeps the calling thread and all of the process's children on different cores.

    Processes that are started within it are not looked at.
    """
    children = _find_children()
    if sys.platform != "linux" or not children:
        yield
        return
    cores = os.sched_getaffinity(0)
    if len(cores) < 2:
        yield
        return
    host, board, *_ = sorted(cores)
    _place([0], {host})
    _place(children, {board})
    try:
        yield
    finally:
        _place([0, *children], cores)


def _find_children() -> list[int]:
    """Process ids, as Linux tells them."""
    found: list[int] = []
    for path in Path("/proc/self/task").glob("*/children"):
        with contextlib.suppress(OSError):  # a thread may have ended
            found += map(int, path.read_text("ascii").split())
    return found


def _place(processes: Iterable[int], cores: set[int]) -> None:
    for process in processes:
        with contextlib.suppress(ProcessLookupError):
            os.sched_setaffinity(process, cores)
