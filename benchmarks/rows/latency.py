"""Boards that are far: 5 ms more for each exchange, as over a network or a slow adapter.

Every board is a real MicroPython at a serial port, behind a relay that lets it hear each message
5 ms late; see ``relay``. All contenders get the same ports. What counts is how much of the waiting
is put to use: a hundred boards that wait at the same time should give a hundred times the calls of
one.
"""

from collections.abc import Sequence

from crew import Stint, open_crew
from figures import FLOOR, Figure, Settings
from rows.fleet import PEERS, call_figures, open_boards, ours

_DELAY = 0.005  # seconds


async def latency(settings: Settings) -> Sequence[Figure]:
    """1 and 128 boards with 5 ms of latency for each exchange."""
    count = 8 if settings.is_short else 128
    figures: list[Figure] = []
    async with open_crew((*ours(), FLOOR, *PEERS), count, delay=_DELAY) as crew:
        for name, hand in crew.items():
            figures += map(_far, await open_boards(hand, name, count))
        alone: dict[str, list[Stint]] = {name: [] for name in crew}
        together: dict[str, list[Stint]] = {name: [] for name in crew}
        for _ in range(2 if settings.is_short else 5):
            for name, hand in crew.items():
                alone[name].append(await hand.call(1, 0.15 if settings.is_short else 0.3))
                together[name].append(await hand.call(count, 0.15 if settings.is_short else 0.6))
    for name in crew:
        figures += call_figures("1 board, 5 ms away", name, alone[name])
        figures += call_figures(f"{count} boards, 5 ms away", name, together[name])
        figures.append(_share(name, count, alone[name], together[name]))
    return figures


def _far(figure: Figure) -> Figure:
    return Figure(f"{figure.row}, 5 ms away", figure.contender, figure.value, figure.unit)


def _share(name: str, count: int, alone: Sequence[Stint], together: Sequence[Stint]) -> Figure:
    """How much of so many times the calls of one board all of them make."""
    shares = sorted(
        many.rate / (count * one.rate) * 100 for one, many in zip(alone, together, strict=True)
    )
    row = f"{count} boards, 5 ms away: share of {count} times one board"
    middle = shares[len(shares) // 2]
    return Figure(row, name, middle, "%", low=shares[0], high=shares[-1], is_rate=True)
