"""Where processes run while they are measured: all boards on one core, apart from the host.

Left alone, the scheduler now and then has a host and its board share a core for some seconds, which
changes what a wake-up takes by half, and not for all contenders at the same time; and with many
boards, some push the host off its core while the other one rests. Boards that are computers of
their own do not. So one board and its host have a core each, and every exchange of every contender
has to wake another core. Many boards share one, and the host may run anywhere: threads that take
turns would be faster on one core, but nobody would run them like that. Where processes cannot be
pinned, or there is one core, nothing is done.
"""

import contextlib
import os
import sys
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def apart() -> Generator[None, None, None]:
    """Keeps the calling thread and all processes below its own one on different cores.

    Processes that are started within it are not looked at.
    """
    with _placed([0], find_below(os.getpid())):
        yield


@contextmanager
def together(boards: Iterable[int]) -> Generator[None, None, None]:
    """Keeps processes, by their ids, on one core; all others may run anywhere."""
    with _placed([], boards):
        yield


def find_below(process: int) -> list[int]:
    """Ids of a process's children, and of theirs; none where the system does not tell as Linux."""
    found: list[int] = []
    below = [process]
    while below:
        for path in Path(f"/proc/{below.pop()}/task").glob("*/children"):
            with contextlib.suppress(OSError):  # a thread may have ended
                children = [int(child) for child in path.read_text("ascii").split()]
                found += children
                below += children
    return found


@contextmanager
def _placed(hosts: Iterable[int], boards: Iterable[int]) -> Generator[None, None, None]:
    hosts, boards = list(hosts), list(boards)
    if sys.platform != "linux" or not boards:
        yield
        return
    cores = os.sched_getaffinity(0)
    if len(cores) < 2:
        yield
        return
    host, board, *_ = sorted(cores)
    _place(hosts, {host})
    _place(boards, {board})
    try:
        yield
    finally:
        _place([*hosts, *boards], cores)


def _place(processes: Iterable[int], cores: set[int]) -> None:
    for process in processes:
        with contextlib.suppress(ProcessLookupError):
            os.sched_setaffinity(process, cores)
