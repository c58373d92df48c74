"""Many boards at once: calls a second of all together, and what they cost the host.

Every board is a real MicroPython. Each contender has a process of its own, in which all boards are
open from the beginning; some of them are then called at once, in slices that take turns between the
contenders. Ours have a session each, and a task that calls a deployed function. The peers block, so
they have a thread for each board.
"""

import statistics
from collections.abc import Mapping, Sequence

from crew import Hand, Opened, Stint, open_crew
from figures import FLOOR, Figure, Settings
from modes import modes
from peers import installed

PEERS = [name for name in ("belay", "mpremote") if name in installed()]
_WARM = 8  # boards that are open before memory is counted
_MANY = 512


def ours() -> list[str]:
    """The names of the ways in which our own library is driven."""
    return [name for name, _ in modes()]


async def fleet(settings: Settings) -> Sequence[Figure]:
    """1, 8, 32, 128 boards in one process: calls, processor time and memory."""
    counts = (1, 8) if settings.is_short else (1, 8, 32, 128)
    figures: list[Figure] = []
    async with open_crew((*ours(), FLOOR, *PEERS), counts[-1]) as crew:
        for name, hand in crew.items():
            figures += await open_boards(hand, name, counts[-1])
        for count in counts:
            figures += await _measure(crew, count, settings)
        for name in ours():
            rest = await crew[name].rest(1.0 if settings.is_short else 3.0)
            figures += _rest_figures(name, counts[-1], rest)
    return figures


async def many(settings: Settings) -> Sequence[Figure]:
    """512 boards in one process; where peers stop."""
    count = 16 if settings.is_short else _MANY
    figures: list[Figure] = []
    for name in (*ours(), FLOOR):
        async with open_crew([name], count) as crew:
            hand = crew[name]
            opened = await hand.open(count)
            figures.append(_boards_figure(name, count, opened))
            slices = [
                await hand.call(opened.boards, 0.1 if settings.is_short else 0.5) for _ in range(3)
            ]
            figures += call_figures(f"{count} boards", name, slices)
    for name in PEERS if not settings.is_short else ():
        async with open_crew([name], count) as crew:
            figures.append(_boards_figure(name, count, await crew[name].open(count)))
    return figures


async def open_boards(hand: Hand, name: str, count: int) -> Sequence[Figure]:
    """Opens boards, and calls them; tells how much memory they take, and how long it took."""
    warm = min(_WARM, count // 2)
    await _open(hand, name, warm)
    before = (await hand.call(warm, 0.1)).memory
    opened = await _open(hand, name, count - warm)
    memory = (await hand.call(count, 0.3)).memory - before
    per_board = memory / 1024 / (count - warm)
    seconds = opened.seconds / (count - warm)
    return [
        Figure(f"host memory of a board, {count} open", name, per_board, "KB"),
        Figure(f"opening of a board, {count} at once", name, seconds * 1000, "ms"),
    ]


async def _open(hand: Hand, name: str, count: int) -> Opened:
    opened = await hand.open(count)
    if opened.error:
        raise RuntimeError(f"{name} has {opened.boards} boards, and cannot go on: {opened.error}")
    return opened


async def _measure(crew: Mapping[str, Hand], count: int, settings: Settings) -> Sequence[Figure]:
    seconds = 0.1 if settings.is_short else 0.5
    slices: dict[str, list[Stint]] = {name: [] for name in crew}
    for _ in range(3 if settings.is_short else 5):
        for name, hand in crew.items():
            slices[name].append(await hand.call(count, seconds))
    figures: list[Figure] = []
    for name, stints in slices.items():
        figures += call_figures(f"{count} board{'s' if count > 1 else ''}", name, stints)
    return figures


def call_figures(what: str, name: str, stints: Sequence[Stint]) -> Sequence[Figure]:
    """What slices of calls say: calls a second, the host's time for one, and its load."""
    rates = [stint.rate for stint in stints]
    costs = [stint.cpu / max(stint.calls, 1) * 1e6 for stint in stints]
    loads = [stint.cpu / stint.seconds * 100 for stint in stints]
    return [
        _median(f"{what}: calls of a deployed function", name, rates, "calls/s", is_rate=True),
        _median(f"{what}: processor time of the host for a call", name, costs, "µs"),
        _median(f"{what}: load of the host's process", name, loads, "%"),
    ]


def _median(
    row: str, name: str, values: Sequence[float], unit: str, *, is_rate: bool = False
) -> Figure:
    return Figure(
        row,
        name,
        statistics.median(values),
        unit,
        low=min(values),
        high=max(values),
        is_rate=is_rate,
    )


def _rest_figures(name: str, count: int, stint: Stint) -> Sequence[Figure]:
    load = stint.cpu / stint.seconds * 100
    wakes = stint.wakes / stint.seconds
    return [
        Figure(f"{count} idle boards: load of the host's process", name, load, "%"),
        Figure(f"{count} idle boards: wake-ups", name, wakes, "1/s"),
    ]


def _boards_figure(name: str, count: int, opened: Opened) -> Figure:
    row = f"boards of {count} that one process can have open"
    return Figure(row, name, opened.boards, "boards", is_rate=True)
