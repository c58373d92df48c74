"""Benchmarks beside the peers, on a real local MicroPython, as ratios within one run.

``python benchmarks/run.py`` for all, ``python benchmarks/run.py calls`` for one of them.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import trio

from catalogue import BENCHMARKS
from figures import Figure, Settings
from page import PLACE, write_page
from plots import draw
from report import Report, describe_machine, find_versions, format_machine, format_table, now
from targets import judge


def main(arguments: Sequence[str]) -> None:
    """Runs the named benchmarks, or all; prints their table."""
    wanted = _parse(arguments)
    report = _run(wanted.names or [*BENCHMARKS], Settings(is_short=wanted.short))
    print(f"\n{format_machine(report)}\n")
    print(format_table(report.figures))
    verdicts = [*judge(report.figures)]
    met = sum(verdict.is_met for verdict in verdicts)
    print(f"\n{met} of {len(verdicts)} targets met; {report.seconds:.0f} s")
    if wanted.json:
        wanted.json.write_text(report.to_json(), "utf-8")
    if wanted.plots:
        draw(report, wanted.plots)
    if wanted.publish:
        PLACE.mkdir(parents=True, exist_ok=True)
        write_page(report, PLACE)
        draw(report, PLACE)


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="run.py", description=__doc__)
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHMARKS)}; all by default"
    )
    parser.add_argument("--short", action="store_true", help="less exact, and much faster")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write what was found")
    parser.add_argument("--plots", type=Path, metavar="FOLDER", help="draw it")
    parser.add_argument(
        "--publish",
        action="store_true",
        help="write figures, tables and plots of the documentation",
    )
    wanted = parser.parse_args(arguments)
    if unknown := set(wanted.names) - BENCHMARKS.keys():
        parser.error(
            f"no benchmark {', '.join(sorted(unknown))}; there are {', '.join(BENCHMARKS)}"
        )
    if wanted.publish and wanted.names:
        parser.error("the documentation shows all benchmarks; publish without names")
    return wanted


def _run(names: Sequence[str], settings: Settings) -> Report:
    date, machine, start = now(), describe_machine(), time.monotonic()
    figures: list[Figure] = []
    for name in names:
        began = time.monotonic()
        print(f"{name}: {(BENCHMARKS[name].__doc__ or '').strip()}", file=sys.stderr, flush=True)
        figures += trio.run(BENCHMARKS[name], settings)
        print(f"  {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    return Report(
        date,
        machine,
        find_versions(),
        time.monotonic() - start,
        settings.is_short,
        figures,
    )


if __name__ == "__main__":
    main(sys.argv[1:])
