"""A report survives JSON, and its tables say what it holds."""

import re
from pathlib import Path

import pytest

from figures import FLOOR, OURS, Figure
from page import PLACE, format_tables, format_targets, write_page
from report import Machine, Report, format_table, lines, shorten

FIGURES = [
    Figure("call", FLOOR, 70, "µs", 66, 90),
    Figure("call", OURS, 105, "µs", 98, 120),
    Figure("call", "belay", 1400, "µs", 1300, 2000),
    Figure("price of frames", "without", 2, "µs"),
    Figure("price of frames", "with", 3, "µs"),
]
REPORT = Report(
    date="2026-01-31T12:00:00+00:00",
    machine=Machine("a processor", 2, "6.1", 0.25),
    versions={"Python": "3.12.0", "trio": "0.31"},
    seconds=12.5,
    is_short=False,
    figures=FIGURES,
)


def test_json_round_trip() -> None:
    assert Report.from_json(REPORT.to_json()) == REPORT


def test_ratios_to_the_floor_and_to_us() -> None:
    found = [(line.contender, line.to_floor, line.to_ours) for line in lines(FIGURES[:3])]
    assert found == [(FLOOR, "1.00", "0.67"), (OURS, "1.50", "1.00"), ("belay", "20.0", "13.3")]


def test_without_floor_and_us_the_first_is_the_measure() -> None:
    assert [line.to_floor for line in lines(FIGURES[3:])] == ["1.00", "1.50"]


def test_a_row_is_together_even_if_its_figures_came_apart() -> None:
    table = format_table([FIGURES[0], FIGURES[3], FIGURES[1]])
    assert table.count("call ") == 1
    assert re.search(r"floor.*\n.*belay_actors", table)


@pytest.mark.parametrize(
    ("value", "text"), [(1234567.8, "1 234 568"), (123.4, "123"), (12.34, "12.3"), (1.234, "1.23")]
)
def test_three_digits(value: float, text: str) -> None:
    assert shorten(value) == text


def test_the_page_s_tables(tmp_path: Path) -> None:
    write_page(REPORT, tmp_path)
    tables = (tmp_path / "tables.txt").read_text("utf-8")
    assert "| belay | 1 400 µs | 1 300 – 2 000 | 20.0 | 13.3 |" in tables
    assert "a processor, 2 cores (load before: 0.25), Linux 6.1; Python 3.12.0, trio 0.31" in tables
    assert Report.from_json((tmp_path / "figures.json").read_text("utf-8")) == REPORT


def test_the_page_shows_the_figures_that_are_beside_it() -> None:
    report = Report.from_json((PLACE / "figures.json").read_text("utf-8"))
    assert (PLACE / "tables.txt").read_text("utf-8") == format_tables(report)
    assert (PLACE / "targets.txt").read_text("utf-8") == format_targets(report)
