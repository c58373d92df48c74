"""Which test is for which row of what the library must do: prints the table, fails on a gap.

    python tests/rows.py [FOLDER]

The rows stand in ``FOLDER/rows.toml``. A test is for the rows that its name begins with:
``test_b07_e02_...`` is for B7 and E2. Tests are read, not run.
"""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

_IDS = re.compile(r"test_((?:[a-z]\d+_)+)")


def read_rows(folder: Path) -> dict[str, str]:
    """Returns the rows' texts by their ids, in the order of the file."""
    groups = tomllib.loads((folder / "rows.toml").read_text("utf-8"))
    return {row: text for group in groups.values() for row, text in group.items()}


def rows_of(name: str) -> list[str]:
    """Returns the ids that a function's name begins with: B7 for ``test_b07_...``."""
    match = _IDS.match(name.lower())
    ids = match[1].rstrip("_").split("_") if match else []
    return [f"{id_[0].upper()}{int(id_[1:])}" for id_ in ids]


def find_tests(folder: Path) -> Iterator[tuple[str, str]]:
    """Yields each row's id with a test that is for it."""
    for path in sorted(folder.rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                for row in rows_of(node.name):
                    yield row, f"{path.relative_to(folder)}::{node.name}"


def show(rows: Mapping[str, str], tests: Mapping[str, list[str]]) -> Iterator[str]:
    """Yields the lines of the table."""
    for row, text in rows.items():
        yield f"{row:4}{text}"
        yield from (f"      {test}" for test in tests[row] or ["NO TEST"])
    missing = [row for row in rows if not tests[row]]
    yield f"{len(rows) - len(missing)} of {len(rows)} rows have a test" + (
        f"; without: {', '.join(missing)}" if missing else ""
    )


def main(folder: Path) -> int:
    """Prints the table; returns 1 if a row has no test."""
    rows = read_rows(folder)
    tests: dict[str, list[str]] = {row: [] for row in rows}
    for row, test in find_tests(folder):
        if row in tests:  # a test may be for a row of another list
            tests[row].append(test)
    sys.stdout.writelines(f"{line}\n" for line in show(rows, tests))
    return 0 if all(tests.values()) else 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent))
