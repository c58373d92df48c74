"""Times and sizes, taken so that they can be compared on a noisy machine.

What is compared runs in short slices that take turns, so that all contenders see the same noise.
Every turn begins with another contender, so that nobody always comes after the same one. A slice
lasts a fixed time and not a fixed number of steps, because contenders differ a hundredfold; its
first step warms up caches and the board's process, and is not counted. See ``placement`` for the
cores that they run on.

All contenders share one interpreter, so they share its garbage collector, too: what is alive before
the first slice is frozen, and the collector stays on, since what a step allocates is its own cost.
"""

import gc
import itertools
import statistics
import time
import tracemalloc
from collections.abc import Awaitable, Callable, Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager

import attrs
import trio

from figures import Figure, Settings
from placement import apart

Step = Callable[[], Awaitable[object]]

_TURNS = 25
_SHORT_TURNS = 9
_SLICE = 0.02  # seconds
_LEAST_STEPS = 2
_SCALES = {"s": 1.0, "ms": 1e3, "µs": 1e6}
WARM_ITEMS = 10  # that are made before memory is counted


def blocking(function: Callable[[], object]) -> Step:
    """A step that blocks, as those of the peers do. Nothing else runs meanwhile."""

    async def step() -> object:  # noqa: ASYNC124  # blocking is what it is measured for
        return function()

    return step


def _percentile(values: Iterable[float], percent: int) -> float:
    ranked = sorted(values)
    return ranked[min(len(ranked) * percent // 100, len(ranked) - 1)]


@attrs.frozen
class Samples:
    """What one contender took, in seconds, slice by slice."""

    slices: tuple[tuple[float, ...], ...]

    @property
    def median(self) -> float:
        """Of all steps, in seconds."""
        return statistics.median(itertools.chain.from_iterable(self.slices))

    def percentile(self, percent: int) -> float:
        """Of all steps, in seconds."""
        return _percentile(itertools.chain.from_iterable(self.slices), percent)

    def ratio_to(self, other: "Samples") -> float:
        """How the quick steps of both compare: their tenth percentiles.

        On a busy machine most steps may have to wait for a core, and more of a contender that needs
        it for longer at a time; the quick ones are those that did not.
        """
        return self.percentile(10) / other.percentile(10)

    def figure(self, row: str, contender: str, unit: str = "µs", *, parts: int = 1) -> Figure:
        """The figure of one of the ``parts`` of a step."""
        scale = _SCALES[unit] / parts
        return Figure(
            row,
            contender,
            self.median * scale,
            unit,
            low=self.percentile(10) * scale,
            high=self.percentile(90) * scale,
        )


async def interleave(contenders: Mapping[str, Step], settings: Settings) -> dict[str, Samples]:
    """Times the steps of all contenders in slices that take turns.

    Cancellation: ends after the step that runs.
    """
    slices: dict[str, list[tuple[float, ...]]] = {name: [] for name in contenders}
    names = list(contenders)
    with apart(), frozen_garbage():
        for name in names:  # to warm up
            await _slice(contenders[name], _SLICE)
        for _ in range(_SHORT_TURNS if settings.is_short else _TURNS):
            for name in names:
                slices[name].append(await _slice(contenders[name], _SLICE))
            names.append(names.pop(0))
    return {name: Samples(tuple(taken)) for name, taken in slices.items()}


async def measure(
    row: str, contenders: Mapping[str, Step], settings: Settings, unit: str = "µs"
) -> list[Figure]:
    """The figures of a row whose contenders' steps are one unit of work each."""
    samples = await interleave(contenders, settings)
    return [taken.figure(row, name, unit) for name, taken in samples.items()]


async def _slice(step: Step, seconds: float) -> tuple[float, ...]:
    clock = time.perf_counter
    await step()
    taken: list[float] = []
    end = clock() + seconds
    while len(taken) < _LEAST_STEPS or clock() < end:
        start = clock()
        await step()
        taken.append(clock() - start)
    await trio.lowlevel.checkpoint()
    return tuple(taken)


@contextmanager
def frozen_garbage() -> Generator[None, None, None]:
    """Keeps the garbage collector from looking at what is alive now."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def summarise(
    row: str, contender: str, values: Sequence[float], unit: str, *, is_rate: bool = False
) -> Figure:
    """The figure of a few values: their median, lowest and highest."""
    middle = statistics.median(values)
    return Figure(row, contender, middle, unit, min(values), max(values), is_rate)


async def bytes_per_item(make: Step, count: int) -> float:
    """How many bytes of the host's memory one more item takes, the item included.

    Only what Python allocates is seen, not what the kernel keeps for a descriptor or process.
    """
    kept = [await make() for _ in range(WARM_ITEMS)]
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    kept += [await make() for _ in range(count)]
    gc.collect()
    after = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    return (after - before) / count
