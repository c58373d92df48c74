"""The tables of ``docs/performance.md``, made from the figures of a run; none is copied by hand.

``python benchmarks/page.py`` makes them once more from the figures that are there.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import attrs

from figures import OURS, Figure
from modes import RAW
from report import Report, format_machine, lines, rows, say
from targets import judge

PLACE = Path(__file__).parents[1] / "docs" / "performance"
_FIGURES = "figures.json"
_TABLES = "tables.txt"
_TARGETS = "targets.txt"


def write_page(report: Report, place: Path) -> None:
    """Writes the figures, and the tables that the page includes."""
    (place / _FIGURES).write_text(report.to_json(), "utf-8")
    (place / _TABLES).write_text(format_tables(report), "utf-8")
    (place / _TARGETS).write_text(format_targets(report), "utf-8")


def format_tables(report: Report) -> str:
    """All rows, as Markdown."""
    said = [f"Measured {format_machine(report)}", ""]
    if report.is_short:
        said += ["This was a short run: only large differences mean anything.", ""]
    compared, alone = _split(report.figures)
    for row, figures in compared.items():
        said += [f"| {row} | median | p10 – p90 | / floor | / ours |", "|---|--:|--:|--:|--:|"]
        said += [f"| {' | '.join(attrs.astuple(line))} |" for line in lines(figures)]
        said.append("")
    said += ["| of us alone | | median | p10 – p90 |", "|---|---|--:|--:|"]
    said += [
        f"| {row} | {line.contender} | {line.value} | {line.spread} |"
        for row, figures in alone.items()
        for line in lines(figures)
    ]
    return "\n".join([*said, ""])


def _split(figures: Sequence[Figure]) -> tuple[dict[str, list[Figure]], dict[str, list[Figure]]]:
    """Rows in which others are, and those that only tell of ourselves."""
    compared: dict[str, list[Figure]] = {}
    alone: dict[str, list[Figure]] = {}
    for row, of_row in rows(figures).items():
        is_alone = all(figure.contender in {OURS, RAW} for figure in of_row)
        (alone if is_alone else compared)[row] = of_row
    return compared, alone


def format_targets(report: Report) -> str:
    """All targets that were measured, as Markdown."""
    return "\n".join(["| row | target |", "|---|---|", *_target_lines(report), ""])


def _target_lines(report: Report) -> Iterator[str]:
    for verdict in judge(report.figures):
        yield f"| {verdict.target.row} | {say(verdict)} |"


if __name__ == "__main__":
    write_page(Report.from_json((PLACE / _FIGURES).read_text("utf-8")), PLACE)
