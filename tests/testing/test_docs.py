"""The programs in docs/testing_tools.md run as they stand there."""

import inspect
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import trio

TEXT = (Path(__file__).parents[2] / "docs" / "testing_tools.md").read_text("utf-8")
PROGRAMS = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)


def functions_of(program: str) -> list[Callable[[], object]]:
    names: dict[str, Callable[[], object]] = {"__name__": "program"}  # type: ignore[dict-item]  # pyright: ignore
    exec(compile(program, "program.py", "exec"), names)
    return [value for name, value in names.items() if name.startswith("test_")]


def run(test: Callable[[], object]) -> None:
    if inspect.iscoroutinefunction(test):
        trio.run(test)
    else:
        test()


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_of_the_page_runs(program: str) -> None:
    tests = functions_of(program)
    assert tests
    for test in tests:
        run(test)


def test_there_are_four_of_them() -> None:
    assert len(PROGRAMS) == 4


def test_the_first_one_finds_what_it_says() -> None:
    right, wrong = (
        "finally:\n            self",
        "except ValueError:\n            pass\n        self",
    )
    program = PROGRAMS[0].replace(right, wrong)
    (test,) = functions_of(program)
    with pytest.raises(AssertionError) as caught:
        run(test)
    (note,) = caught.value.__notes__
    expected = re.search(r"    (cancel_everywhere: point 1 .*?)\n\n", TEXT, re.DOTALL)
    assert expected is not None
    words = re.sub(r"\s+", " ", expected[1]).replace("motors.py", "program.py")
    assert note == words
