"""The table of what sweeps have covered, at the end of a run.

A test keeps its rows with its report, so they also come from the processes of pytest-xdist.
"""

from collections.abc import Iterator
from typing import Any, cast

import attrs
import pytest

from sweeps import Row

_KINDS = ("cancel", "cancel one", "unplug", "reset", "kill")
_NAME = "sweep"


def keep_rows(node: pytest.Item, rows: list[Row]) -> None:
    """Puts what a test has covered into its report."""
    node.user_properties += [(_NAME, attrs.asdict(row)) for row in rows]


def _find_rows(reporter: pytest.TerminalReporter) -> Iterator[Row]:
    reports: list[Any] = [report for group in reporter.stats.values() for report in group]
    for report in reports:
        if isinstance(report, pytest.TestReport) and report.when == "teardown":
            for name, row in report.user_properties:
                if name == _NAME:
                    yield Row(**cast("dict[str, Any]", row))


def write_table(reporter: pytest.TerminalReporter) -> None:
    """Writes the table, if there is anything to tell."""
    rows = [*_find_rows(reporter)]
    if not rows:
        return
    reporter.section("points per scenario")
    head = "".join(f"{kind:>12}" for kind in (*_KINDS, "seconds"))
    reporter.line(f"{'':40}{head}")
    for scenario in sorted({row.scenario for row in rows}):
        mine = [row for row in rows if row.scenario == scenario]
        counts = (sum(row.points for row in mine if row.kind == kind) for kind in _KINDS)
        numbers = "".join(f"{count or '':>12}" for count in counts)
        seconds = sum(row.seconds for row in mine)
        reporter.line(f"{scenario:40}{numbers}{seconds:12.1f}")
