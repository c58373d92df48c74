"""One board on a UART: 115200 baud, which is 11.5 bytes in a millisecond.

A real MicroPython behind a relay that passes on bytes in both directions no faster than such a
line does. What a call costs here is its bytes, so it is told how many they are.
"""

from collections.abc import Sequence

from crew import Stint, open_crew
from figures import FLOOR, Figure, Settings
from rows.fleet import PEERS, ours

_BAUDRATE = 115_200
_BITS_PER_BYTE = 10


async def baud(settings: Settings) -> Sequence[Figure]:
    """A call of a deployed function at 115200 baud."""
    stints: dict[str, list[Stint]] = {}
    opening: list[Figure] = []
    async with open_crew((*ours(), FLOOR, *PEERS), 1, baudrate=_BAUDRATE) as crew:
        for name, hand in crew.items():
            opened = await hand.open(1)
            if opened.error:
                raise RuntimeError(f"{name} cannot open a board: {opened.error}")
            row = "115200 baud: attach, deploy and call"
            opening.append(Figure(row, name, opened.seconds * 1000, "ms"))
            stints[name] = []
        for _ in range(2 if settings.is_short else 5):
            for name, hand in crew.items():
                stints[name].append(await hand.call(1, 0.3 if settings.is_short else 0.8))
    return [*opening, *(figure for name in stints for figure in _figures(name, stints[name]))]


def _figures(name: str, stints: Sequence[Stint]) -> Sequence[Figure]:
    times = sorted(stint.seconds / stint.calls * 1000 for stint in stints)
    middle, low, high = times[len(times) // 2], times[0], times[-1]
    size = middle / 1000 * _BAUDRATE / _BITS_PER_BYTE
    return [
        Figure("115200 baud: call of a deployed function", name, middle, "ms", low=low, high=high),
        Figure("115200 baud: bytes that the line could carry in a call", name, size, "bytes"),
    ]
