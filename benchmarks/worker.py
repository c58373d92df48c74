"""A process with one contender's fleet, which does as it is told; run as a script.

``worker.py CONTENDER`` reads commands, each a line of JSON, from its standard input, and answers
each with one: ``{"do": "open", "places": [...]}`` with how many boards it has, ``{"do": "call",
"count": 8, "seconds": 1.0}`` with calls, seconds, CPU time and how often it was woken, ``{"do":
"rest", "seconds": 1.0}`` likewise. Every answer has the memory that the process has then. So no
contender carries the others' objects and descriptors, and what its process uses is its own.
"""

import functools
import gc
import json
import os
import resource
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import TextIO

import trio

from board_ports import read_line
from fleets import Fleet, keep_by_prompt, open_our_fleet, open_trio_fleet
from modes import modes
from peers import installed
from threaded import open_threaded_fleet

_WARM_UP = 0.2  # seconds: others have had their turn, and the caches
_TOGETHER = 4  # boards; what is known when one cannot be opened is known of so many
OpenFleet = Callable[[], AbstractAsyncContextManager[Fleet]]

FLEETS: dict[str, OpenFleet] = {
    **{name: functools.partial(open_our_fleet, options) for name, options in modes()},
    "floor": functools.partial(open_trio_fleet, keep_by_prompt),
    **{name: functools.partial(open_threaded_fleet, name) for name in installed()},
}


def _memory() -> int:
    """Bytes of memory that the process has."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


class Worker:
    """Does what commands say."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._boards = 0

    async def do(self, command: dict[str, object]) -> dict[str, object]:
        """Does one thing, and tells what came of it."""
        match command:
            case {"do": "open", "places": str(places)}:
                return await self._open(places.split())
            case {"do": "call", "count": int(count), "seconds": float(seconds)}:
                await self._fleet.call(count, _WARM_UP)
                return await self._measure(lambda: self._fleet.call(count, seconds))
            case {"do": "rest", "seconds": float(seconds)}:
                return await self._measure(lambda: _rest(seconds))
            case _:
                raise ValueError(f"this is no command: {command}")

    async def _open(self, places: list[str]) -> dict[str, object]:
        start = time.perf_counter()
        error = ""
        for first in range(0, len(places), _TOGETHER):
            some = places[first : first + _TOGETHER]
            try:
                await self._fleet.open(some)
            except Exception as raised:  # what stops a contender is of interest
                error = f"{type(raised).__name__}: {raised}"
                break
            self._boards += len(some)
        seconds = time.perf_counter() - start
        gc.collect()
        gc.freeze()  # what stays is not to be looked at again and again while calls are timed
        return {"boards": self._boards, "seconds": seconds, "error": error, "memory": _memory()}

    async def _measure(self, run: Callable[[], Awaitable[int]]) -> dict[str, object]:
        start, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF)
        calls = await run()
        seconds, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF)
        return {
            "calls": calls,
            "seconds": seconds,
            "cpu": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
            "wakes": after.ru_nvcsw - before.ru_nvcsw,
            "memory": _memory(),
        }


async def _rest(seconds: float) -> int:
    await trio.sleep(seconds)
    return 0


async def main(contender: str, answers: TextIO) -> None:
    """Serves until the standard input ends."""
    async with FLEETS[contender]() as fleet, trio.lowlevel.FdStream(os.dup(0)) as commands:
        worker = Worker(fleet)
        while line := await read_line(commands):
            print(json.dumps(await worker.do(json.loads(line))), file=answers, flush=True)


if __name__ == "__main__":
    with os.fdopen(os.dup(1), "w") as stream:
        os.dup2(2, 1)  # what a peer prints is no answer
        trio.run(main, sys.argv[1], stream)
