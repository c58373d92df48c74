"""The example in the documentation runs as it stands there."""

import re
import time
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "testing.md"
SECTION = PAGE.read_text("utf-8").partition("## A board in memory")[2]


def test_the_example_runs_in_virtual_time(capsys: pytest.CaptureFixture[str]) -> None:
    program = re.findall(r"```python\n(.*?)```", SECTION, re.DOTALL)[0]
    started = time.perf_counter()
    exec(program, {"__name__": "__main__"})
    assert time.perf_counter() - started < 30  # of 190 seconds on the board
    assert "the board is gone: the board was unplugged" in capsys.readouterr().out
