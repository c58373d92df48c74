"""What a benchmark gives: figures, each of one contender in one row, and how they are compared.

Absolute times of a noisy machine mean little, so what counts is the ratio between two figures of
the same row, taken in turns in one run.
"""

from collections.abc import Awaitable, Callable, Sequence

import attrs

OURS = "belay_actors"
FLOOR = "floor"


@attrs.frozen
class Figure:
    """One contender's figure in one row.

    Attributes:
        row: what was measured, such as ``"call of a deployed function"``.
        contender: who did it: ``OURS``, ``FLOOR``, or a peer's name; in parentheses behind it how,
            such as ``"belay_actors (raw REPL)"``.
        value: the median.
        unit: of the value: ``"µs"``, ``"calls/s"``, ``"MB/s"``, ``"KB"``, ``"%"``.
        low: the tenth percentile, or the lowest of a few.
        high: the ninetieth percentile, or the highest of a few.
        is_rate: whether more is better.
    """

    row: str
    contender: str
    value: float = attrs.field(converter=float)
    unit: str
    low: float | None = None
    high: float | None = None
    is_rate: bool = False


@attrs.frozen
class Settings:
    """How a benchmark is to run.

    Attributes:
        is_short: only long enough for ratios that are far off to be seen.
    """

    is_short: bool = False


Benchmark = Callable[[Settings], Awaitable[Sequence[Figure]]]
"""Measures one row, or some that belong together, with all contenders in turns."""
