"""Many boards at once: calls a second of all together, and what they cost the host.

Every board is a real MicroPython. Each contender has a process of its own, in which all boards are
open from the beginning; some of them are then called at once, in slices that take turns between the
contenders. Ours have a session each, and a task that calls a deployed function. The peers block, so
they have a thread for each board.
"""

import statistics
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

from board_ports import HEAP_SIZE, open_ports
from crew import Hand, Opened, Stint, open_hand
from figures import FLOOR, Figure, Settings
from modes import modes
from peers import installed

PEERS = [name for name in ("belay", "mpremote") if name in installed()]
_LOCAL = f"micropython:?heapsize={HEAP_SIZE}"
_WARM = 8  # boards that are open before memory is counted
_MANY = 512
_REST = 3.0  # seconds


def ours() -> list[str]:
    """The names of the ways in which our own library is driven."""
    return [name for name, _ in modes()]


async def fleet(settings: Settings) -> Sequence[Figure]:
    """1, 8, 32, 128 boards in one process: calls, processor time and memory."""
    counts = (1, 16) if settings.is_short else (1, 8, 32, 128)
    figures: list[Figure] = []
    async with _open_crew(counts[-1], figures) as crew:
        for count in counts:
            figures += await _measure(crew, count, settings)
        for name in ours():
            figures += _rest_figures(name, counts[-1], await crew[name].rest(_REST))
    return figures


async def many(settings: Settings) -> Sequence[Figure]:
    """512 boards in one process; where peers stop."""
    count = 64 if settings.is_short else _MANY
    figures: list[Figure] = []
    for name in (*ours(), FLOOR):
        async with open_hand(name) as hand:
            opened = await hand.open([_LOCAL] * count)
            figures.append(_boards_figure(name, count, opened))
            slices = [await hand.call(opened.boards, 0.5) for _ in range(3)]
            figures += call_figures(f"{count} boards", name, slices)
    for name in PEERS if not settings.is_short else ():
        async with open_ports(count) as ports, open_hand(name) as hand:
            opened = await hand.open([f"serial:{port}" for port in ports])
            figures.append(_boards_figure(name, count, opened))
    return figures


@asynccontextmanager
async def _open_crew(count: int, figures: list[Figure]) -> AsyncGenerator[Mapping[str, Hand], None]:
    """Starts a worker for each contender, and has it open its boards."""
    crew: dict[str, Hand] = {}
    async with AsyncExitStack() as stack:
        for name in (*ours(), FLOOR, *PEERS):
            places = [_LOCAL] * count
            if name in PEERS:
                ports = await stack.enter_async_context(open_ports(count))
                places = [f"serial:{port}" for port in ports]
            hand = crew[name] = await stack.enter_async_context(open_hand(name))
            figures += await open_boards(hand, name, places)
        yield crew


async def open_boards(hand: Hand, name: str, places: Sequence[str]) -> Sequence[Figure]:
    """Opens boards, and calls them; tells how much memory they take, and how long it took."""
    first, rest = places[:_WARM], places[_WARM:]
    await _open(hand, name, first)
    before = (await hand.call(len(first), 0.1)).memory
    opened = await _open(hand, name, rest)
    memory = (await hand.call(len(places), 0.3)).memory - before
    per_board = memory / 1024 / len(rest)
    seconds = opened.seconds / len(rest)
    return [
        Figure(f"host memory of a board, {len(places)} open", name, per_board, "KB"),
        Figure(f"opening of a board, {len(places)} at once", name, seconds * 1000, "ms"),
    ]


async def _open(hand: Hand, name: str, places: Sequence[str]) -> Opened:
    opened = await hand.open(places)
    if opened.error:
        raise RuntimeError(f"{name} has {opened.boards} boards, and cannot go on: {opened.error}")
    return opened


async def _measure(crew: Mapping[str, Hand], count: int, settings: Settings) -> Sequence[Figure]:
    seconds = 0.2 if settings.is_short else 0.5
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
