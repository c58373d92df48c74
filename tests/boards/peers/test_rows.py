"""Every row of the table in ``README.md`` has a test whose name starts with the row's."""

import ast
import re
from pathlib import Path

import pytest

HERE = Path(__file__).parent
LATER = "comes with "


def read_rows() -> dict[str, str]:
    """Events of the table, and what happens here."""
    lines = [line for line in (HERE / "README.md").read_text("utf-8").splitlines() if "|" in line]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert cells[0][0] == "event"
    assert cells[0][-1] == "here"
    return {row[0]: row[-1] for row in cells[2:]}


def find_tests() -> set[str]:
    """Names of the test functions in this folder."""
    return {
        node.name
        for path in HERE.glob("test_*.py")
        for node in ast.parse(path.read_text("utf-8")).body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        if node.name.startswith("test_")
    }


def name_of_test(event: str) -> str:
    return "test_" + re.sub(r"[^a-z0-9]+", "_", event.lower()).strip("_")


ROWS = read_rows()


@pytest.mark.parametrize(
    "event",
    [
        pytest.param(event, marks=pytest.mark.xfail(reason=f"{event}: {here}"))
        if here.startswith(LATER)
        else event
        for event, here in ROWS.items()
    ],
)
def test_a_row_has_a_test(event: str) -> None:
    assert any(test.startswith(name_of_test(event)) for test in find_tests())


def test_the_table_is_read() -> None:
    assert len(ROWS) == 16
    assert name_of_test('`print(x, end="")` then `return 42`') == "test_print_x_end_then_return_42"
