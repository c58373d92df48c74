"""The programs in docs/observability.md run as they stand there, and no event is missing."""

import re
import typing
from pathlib import Path

import pytest

from belay_actors import Event

TEXT = (Path(__file__).parents[2] / "docs" / "observability.md").read_text("utf-8")
PROGRAMS = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)


@pytest.mark.parametrize("program", PROGRAMS, ids=["observer", "logging"])
def test_a_program_of_the_page_runs(program: str) -> None:
    names: dict[str, object] = {"__name__": "program"}
    exec(compile(program, "program.py", "exec"), names)
    (test,) = (value for name, value in names.items() if name.startswith("test_"))
    assert callable(test)
    test()


def test_the_page_names_all_events() -> None:
    table = re.search(r"\| event .*?\n\n", TEXT, re.DOTALL)
    assert table is not None
    rows = re.findall(r"^\| (`.*?) \|", table[0], re.MULTILINE)
    named = {name for row in rows for name in row.split(", ")}
    assert named == {f"`{kind.__name__}`" for kind in typing.get_args(Event)}
