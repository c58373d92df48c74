# ruff: noqa: ANN401  # matplotlib is only imported where it is installed, so it has no types here
"""Plots of a run: what is near the floor, and how total calls grow with the number of boards.

Bars stand for ratios to the floor, on a logarithmic axis, so that a tenth and ten times look alike.
"""

import importlib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from figures import FLOOR, OURS, Figure
from report import Report, rows, shorten

_RATES = re.compile(r"(\d+) boards?(|, 5 ms away): calls of a deployed function")
_COLOURS = {
    FLOOR: "#999999",
    OURS: "#0b6e4f",
    f"{OURS} (raw REPL)": "#6bbf98",
    "belay": "#c8553d",
    "mpremote": "#e0a458",
    "mpytool": "#5b7db1",
    "pykka": "#8e5ea2",
}
_OTHER = "#444444"


def draw(report: Report, folder: Path) -> None:
    """Draws into SVG files; those for which nothing was measured are left out."""
    folder.mkdir(parents=True, exist_ok=True)
    pyplot = _load()
    compared = {row: of_row for row, of_row in rows(report.figures).items() if is_compared(of_row)}
    if compared:
        _draw_bars(pyplot, compared, folder / "ratios.svg")
    fleets = find_fleets(report.figures)
    if fleets:
        _draw_fleets(pyplot, fleets, folder / "boards.svg")


def _load() -> Any:
    matplotlib = importlib.import_module("matplotlib")
    matplotlib.use("Agg")
    matplotlib.rcParams.update(
        {
            "svg.hashsalt": "belay_actors",  # the same figures give the same file
            "svg.fonttype": "none",
            "font.size": 9,
            "axes.spines.top": False,
            "axes.spines.right": False,
        }
    )
    return importlib.import_module("matplotlib.pyplot")


def is_compared(figures: Sequence[Figure]) -> bool:
    """Whether others are compared with a floor in time."""
    contenders = {figure.contender for figure in figures}
    is_time = figures[0].unit in {"µs", "ms"}
    return is_time and {FLOOR, OURS} <= contenders and not _is_of_fleet(figures[0].row)


def _is_of_fleet(row: str) -> bool:
    return re.search(r"\d boards?\b|of a board\b|^\d+ ", row) is not None


def _draw_bars(pyplot: Any, compared: dict[str, list[Figure]], path: Path) -> None:
    count = sum(len(figures) for figures in compared.values()) + 1.5 * len(compared)
    figure, axes = pyplot.subplots(figsize=(8, 0.19 * count + 0.6))
    place, titles = 0.0, list[tuple[float, str]]()
    for row, of_row in compared.items():
        floor = next(each.value for each in of_row if each.contender == FLOOR)
        titles.append((place, row))
        for each in (each for each in of_row if each.contender != FLOOR):
            place += 1
            _draw_bar(axes, place, each, floor)
        place += 1.7
    axes.axvline(1, color=_COLOURS[FLOOR], linewidth=1)
    for at, row in titles:
        axes.text(0.0, at, row, weight="bold", transform=axes.get_yaxis_transform(), va="center")
    axes.set(xscale="log", yticks=[], xlabel="times the floor (logarithmic; shorter is better)")
    axes.spines["left"].set_visible(False)
    axes.invert_yaxis()
    _save(pyplot, figure, path)


def _draw_bar(axes: Any, place: float, each: Figure, floor: float) -> None:
    ratio = each.value / floor
    axes.barh(place, ratio - 1, left=1, height=0.8, color=_COLOURS.get(each.contender, _OTHER))
    text = f" {each.contender}  {shorten(ratio)}"
    axes.text(max(ratio, 1), place, text, va="center")


def find_fleets(figures: Sequence[Figure]) -> dict[str, dict[str, list[tuple[int, float]]]]:
    """By distance and contender, calls a second of so many boards."""
    found: dict[str, dict[str, list[tuple[int, float]]]] = {}
    for figure in figures:
        if match := _RATES.fullmatch(figure.row):
            points = found.setdefault(match[2], {}).setdefault(figure.contender, [])
            points.append((int(match[1]), figure.value))
    return found


def _draw_fleets(
    pyplot: Any, fleets: dict[str, dict[str, list[tuple[int, float]]]], path: Path
) -> None:
    figure, panels = pyplot.subplots(
        1, len(fleets), figsize=(4.2 * len(fleets), 3.6), squeeze=False
    )
    for axes, (distance, contenders) in zip(panels[0], fleets.items(), strict=True):
        for contender, points in contenders.items():
            counts, rates = zip(*sorted(points), strict=True)
            colour = _COLOURS.get(contender, _OTHER)
            axes.plot(counts, rates, marker="o", markersize=3.5, label=contender, color=colour)
        axes.set(xscale="log", yscale="log", xlabel="boards", ylabel="calls a second, together")
        axes.set_title(f"real interpreters{distance}")
        counted = sorted({count for points in contenders.values() for count, _ in points})
        axes.set_xticks(counted, [str(count) for count in counted], minor=False)
        axes.minorticks_off()
    panels[0][0].legend(frameon=False)
    _save(pyplot, figure, path)


def _save(pyplot: Any, figure: Any, path: Path) -> None:
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)
