"""The example of docs/values.md runs as it stands there, and its tables are right."""

import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import cast

import pytest

from belay_actors.values import Value, encode
from programs import blocks_of, run_program

PAGE = "values.md"
TEXT = (Path(__file__).parents[2] / "docs" / PAGE).read_text("utf-8")


async def test_the_program_of_the_page_runs(capsys: pytest.CaptureFixture[str]) -> None:
    (program,) = blocks_of(PAGE)
    await cast(Callable[[], Awaitable[None]], run_program(program)["main"])()
    assert [capsys.readouterr().out] == blocks_of(PAGE, "text")


def test_the_page_has_the_plain_types_that_are_sent() -> None:
    table = TEXT.partition("| type | what is special |\n|---|---|\n")[2].partition("\n\n")[0]
    names = [
        name for row in table.splitlines() for name in re.findall(r"`(\w+)`", row.split("|")[1])
    ]
    samples: list[object] = [None, True, 1, 1.5, 1j, "a", b"a", bytearray(b"a"), range(1)]
    samples += [list[Value](), (), {1}, frozenset({1}), dict[Value, Value]()]
    assert names == ["None" if value is None else type(value).__name__ for value in samples]
    for value in samples:
        encode(value)


def test_the_texts_of_the_page_are_those_that_are_sent() -> None:
    assert f"`{encode('on')}`" in TEXT
