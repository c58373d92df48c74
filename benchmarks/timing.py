"""Times and sizes, taken so that they can be compared on a noisy machine.

What is compared runs in short slices that take turns, so that all rows see the same noise; a row's
figure is the median over all of its slices.
"""

import gc
import statistics
import time
import tracemalloc
from collections.abc import Awaitable, Callable, Mapping

import trio

SLICES = 8


async def interleave(
    rows: Mapping[str, Callable[[], Awaitable[None]]], *, count: int
) -> dict[str, list[float]]:
    """Times each row ``SLICES`` times ``count`` times; returns seconds, sorted."""
    times: dict[str, list[float]] = {name: [] for name in rows}
    for turn in range(SLICES + 1):
        for name, run in rows.items():
            taken = await _slice(run, count if turn else count // 4)
            if turn:  # the first is to warm up
                times[name] += taken
    return {name: sorted(taken) for name, taken in times.items()}


async def _slice(run: Callable[[], Awaitable[None]], count: int) -> list[float]:
    taken: list[float] = []
    for _ in range(count):
        start = time.perf_counter()
        await run()
        taken.append(time.perf_counter() - start)
    await trio.lowlevel.checkpoint()
    return taken


def median(seconds: list[float]) -> float:
    """The median, in microseconds."""
    return statistics.median(seconds) * 1e6


async def bytes_per_item(make: Callable[[], Awaitable[object]], count: int) -> float:
    """How many bytes of the host's memory one more item takes."""
    kept = [await make() for _ in range(10)]
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    kept += [await make() for _ in range(count)]
    gc.collect()
    after = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    return (after - before) / count
