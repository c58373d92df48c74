"""The tally of a soak: everything that is counted, and the table that it ends with."""

import traceback
from collections import Counter
from collections.abc import Callable, Sequence

import attrs

from .host import Memory
from .plan import Plan

_SHOWN = 20  # of each sort of trouble; the rest is only counted
_WIDTH = 18
_BROKEN_SHARE = 0.01  # of all interrupts; with the loops of a soak it is 0.1 to 0.3 %
_BROKEN_FEW = 5


def say(text: str) -> None:
    """Writes a line, at once."""
    print(text, flush=True)  # noqa: T201  # a program for people


@attrs.define
class Extremes:
    """The longest of many times, in seconds, and their mean."""

    count: int = 0
    total: float = 0.0
    longest: float = 0.0

    def add(self, seconds: float) -> None:
        """Counts one in."""
        self.count += 1
        self.total += seconds
        self.longest = max(self.longest, seconds)

    def __str__(self) -> str:
        mean = self.total / self.count if self.count else 0.0
        return f"mean {mean:.3f} s, longest {self.longest:.2f} s"


@attrs.define
class Tally:
    """Counts of one soak.

    Attributes:
        deeds: what sessions did, by name.
        endings: how sessions ended, by name.
        faults: what was done to boards, by name.
        recoveries: how boards came back, by name.
        restarts_by_force: of interpreters that did not answer, by the reason for that.
        allowed: errors that had to be expected after a fault, by type.
        ends: how interpreters came to their ends, in the link's words.
        troubles: wrong replies, leaks and surprises, by sort; there should be none.
        opening: how long boards took to be opened.
        settling: how long cancelled calls took until their cancellation came out.
        memory: of the host: warmed up, half-way, and at the end.
        is_complete: whether the soak came to its end.
    """

    plan: Plan
    calls: int = 0
    cancels: int = 0
    deeds: Counter[str] = attrs.field(factory=Counter[str])
    endings: Counter[str] = attrs.field(factory=Counter[str])
    faults: Counter[str] = attrs.field(factory=Counter[str])
    recoveries: Counter[str] = attrs.field(factory=Counter[str])
    restarts_by_force: Counter[str] = attrs.field(factory=Counter[str])
    allowed: Counter[str] = attrs.field(factory=Counter[str])
    ends: Counter[str] = attrs.field(factory=Counter[str])
    troubles: Counter[str] = attrs.field(factory=Counter[str])
    opening: Extremes = attrs.field(factory=Extremes)
    settling: Extremes = attrs.field(factory=Extremes)
    memory: list[Memory] = attrs.field(factory=list[Memory])
    is_complete: bool = False
    tell: Callable[[str], None] = say

    @property
    def is_good(self) -> bool:
        """Whether it came to its end, with no trouble, and enough was done to say so."""
        return self.is_complete and not self.troubles and self.calls > 0

    def wrong_reply(self, what: str, who: str) -> None:
        """A session saw what it must not see."""
        self._trouble("wrong replies", f"{who}: {what}")

    def leak(self, what: str) -> None:
        """Something was left that should have been given back."""
        self._trouble("leaks", what)

    def surprise(self, what: str, who: str, error: BaseException | None = None) -> None:
        """Something happened that nothing in the documentation allows."""
        text = "".join(traceback.format_exception(error)) if error is not None else ""
        self._trouble("surprises", f"{who}: {what}\n{text}".rstrip())

    def check_restarts(self) -> None:
        """Some interrupts break an interpreter, and that is the unix port's; many would be ours."""
        broken, interrupts = self.restarts_by_force["broken"], self.recoveries["interrupted"]
        if broken >= _BROKEN_FEW and broken > _BROKEN_SHARE * interrupts:
            self.surprise(f"{broken} of {interrupts} interrupts have broken a board", "the boards")

    def _trouble(self, sort: str, what: str) -> None:
        self.troubles[sort] += 1
        if self.troubles[sort] <= _SHOWN:
            self.tell(f"{sort.upper()}: {what}\n  in: {self.plan.command}")

    def table(self) -> str:
        """The end of a soak, in plain text."""
        plan = self.plan
        rows = {
            "sessions": _count(self.endings),
            "calls": f"{self.calls:>8}",
            "deeds": _count(self.deeds),
            "cancels": f"{self.cancels:>8}",
            "faults": _count(self.faults),
            "recoveries": _count(self.recoveries),
            "restarts by force": _count(self.restarts_by_force),
            "allowed errors": _count(self.allowed),
            "interpreters": _count(self.ends),
            "opening a board": f"{self.opening.count:>8}  {self.opening}",
            "settling a cancel": f"{self.settling.count:>8}  {self.settling}",
            "wrong replies": f"{self.troubles['wrong replies']:>8}",
            "leaks": f"{self.troubles['leaks']:>8}",
            "surprises": f"{self.troubles['surprises']:>8}",
            "host memory": _memory(self.memory),
        }
        head = f"{plan.boards} boards, {plan.sessions} sessions at once, {plan.seconds / 60:g} min"
        lines = [f"{name:<{_WIDTH}}{value}" for name, value in rows.items()]
        verdict = "good" if self.is_good else "FAILED"
        return "\n".join(["", f"Soak: {head}, seed {plan.seed}", *lines, f"Soak: {verdict}"])


def _count(counter: Counter[str]) -> str:
    parts = ", ".join(f"{count} {name}" for name, count in counter.most_common())
    return f"{counter.total():>8}  {parts}".rstrip()


def _memory(memory: Sequence[Memory]) -> str:
    parts = zip(memory, ("at start", "half-way", "at end"), strict=False)
    return ", ".join(f"{each.now:.1f} MiB {when}" for each, when in parts).rjust(8)
