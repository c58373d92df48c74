"""What the library is to reach, as data, and whether a run has reached it.

A target is a limit on a figure of ours: a factor of another contender's figure in the same row, or
an absolute value in the row's unit. Of figures where more is better it is the least, of all others
the most that is allowed.
"""

from collections.abc import Iterator, Sequence

import attrs

from figures import FLOOR, OURS, Figure
from modes import RAW
from rows.calls import CALL, EVALUATE
from rows.kernel import ASK
from rows.sessions import COLD, IDLE, REUSE, WARM
from rows.streams import LONG, row as item_row


@attrs.frozen
class Target:
    """A limit for one contender in one row.

    Attributes:
        row: of the figure.
        contender: whose figure it is.
        limit: a factor of the other's figure, or an absolute value.
        other: whose figure is the measure; ``None`` for an absolute value.
    """

    row: str
    contender: str
    limit: float
    other: str | None = None


@attrs.frozen
class Verdict:
    """What a run says of a target.

    Attributes:
        target: as it was set.
        reached: the factor, or the absolute value.
        miss: how many times worse than allowed; up to 1 it is met.
        is_least: whether the limit is the least that is allowed.
        unit: of an absolute value.
    """

    target: Target
    reached: float
    miss: float
    is_least: bool
    unit: str

    @property
    def is_met(self) -> bool:
        """Whether the target is reached."""
        return self.miss <= 1


_FAR = "128 boards, 5 ms away"
_RATES = "calls of a deployed function"

TARGETS = (
    Target(CALL, OURS, 1.0, FLOOR),
    Target(CALL, RAW, 1.6, FLOOR),
    *(Target(CALL, ours, 1 / 10, "belay") for ours in (OURS, RAW)),
    *(Target(CALL, ours, 1 / 1.5, "mpremote") for ours in (OURS, RAW)),
    Target(item_row(LONG), OURS, 1 / 50, "belay"),
    Target(COLD, OURS, 3.0, FLOOR),
    Target(WARM, OURS, 300),
    Target(IDLE, OURS, 300),
    Target(REUSE, OURS, 20),
    Target(ASK, OURS, 20),
    Target(f"{_FAR}: share of 128 times one board", OURS, 90),
    Target(f"{_FAR}: {_RATES}", OURS, 6.0, "belay"),
    Target("host memory of a board, 128 open", OURS, 40),
    Target(f"128 boards: {_RATES}", OURS, 8.0, "belay"),
    Target("boards of 512 that one process can have open", OURS, 512),
    Target("output in lines of 4000 bytes", f"{OURS}, into a consumer", 50),
    Target("128 idle boards: load of the host's process", OURS, 0.5),
)

# What the guard looks at, with floors that need no peer. Of an item and of the kernel the targets
# are those above, as they are to a floor on the machine where they were set.
GUARDED = (
    Target(CALL, OURS, 1.0, FLOOR),
    Target(CALL, RAW, 1.6, FLOOR),
    Target(EVALUATE, OURS, 1.0, FLOOR),
    Target(EVALUATE, RAW, 1.6, FLOOR),
    Target(item_row(LONG), OURS, 6.0, FLOOR),
    Target(ASK, OURS, 2.5, FLOOR),
)


def judge(figures: Sequence[Figure], targets: Sequence[Target] = TARGETS) -> Iterator[Verdict]:
    """Says of each target that was measured whether it is met."""
    found = {(figure.row, figure.contender): figure for figure in figures}
    for target in targets:
        ours = found.get((target.row, target.contender))
        other = found.get((target.row, target.other or target.contender))
        if ours is None or other is None:
            continue
        reached = ours.value / other.value if target.other else ours.value
        miss = target.limit / reached if ours.is_rate else reached / target.limit
        yield Verdict(target, reached, miss, ours.is_rate, "" if target.other else ours.unit)
