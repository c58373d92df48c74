"""What is sent to a board: small enough, and still the same program."""

import ast
from collections.abc import Callable

import pytest

from belay_actors.board import (
    Helper,
    at_once,
    call_source,
    checked_source,
    core_source,
    helper_source,
    probe_source,
    source_in_parts,
)
from belay_actors.board._fold import fold
from belay_actors.board._shrink import shrink
from belay_actors.device._detection import DETECT_SOURCES, IMPORTS_SOURCE

TOKEN = "t0k3"


@pytest.mark.parametrize(
    ("has_doubles", "is_small", "limit"),
    [(False, False, 1500), (True, False, 1800), (False, True, 1000)],
)
def test_core_is_small(has_doubles: bool, is_small: bool, limit: int) -> None:
    source = core_source(TOKEN, has_complex=True, has_doubles=has_doubles, is_small=is_small)
    assert limit - 100 < len(source.encode()) <= limit


VARIANTS = """
def f(value, small):
    if small:
        import gc
        gc.collect()
    elif value:
        value += 1
    if not small:
        value += 2
    def g():
        return 10 if small else value
    return g() if value and small else g() + 1
"""


@pytest.mark.parametrize("small", [True, False])
def test_a_fact_is_decided_by_the_host(small: bool) -> None:
    whole: dict[str, Callable[..., int]] = {}
    part: dict[str, Callable[..., int]] = {}
    exec(VARIANTS, whole)
    exec(fold(VARIANTS, "small", small).replace("and small", f"and {small}"), part)
    for value in (0, 1):
        assert part["f"](value) == whole["f"](value, small)
    assert ("gc" in fold(VARIANTS, "small", small)) is small


def test_probe_is_at_most_350_bytes() -> None:
    assert len(probe_source(TOKEN).encode()) <= 350


@pytest.mark.parametrize(
    ("source", "limit"),
    [
        (helper_source(Helper.CENSUS), 100),
        (helper_source(Helper.DROP, has_modules=False), 550),
        (helper_source(Helper.DROP), 850),
        (helper_source(Helper.THREADS), 2600),
        (helper_source(Helper.TOOLS), 250),
        (helper_source(Helper.STREAMS), 800),
        (DETECT_SOURCES[0], 650),
        (DETECT_SOURCES[1], 350),
        (IMPORTS_SOURCE, 300),
    ],
    ids=[
        *("census", "small drop", "drop", "threads", "tools", "streams"),
        *("detect", "what is wanted", "imports"),
    ],
)
def test_what_is_sent_when_it_is_needed_is_small(source: str, limit: int) -> None:
    assert limit - 100 < len(source.encode()) <= limit


@pytest.mark.parametrize(
    "source",
    [
        probe_source(TOKEN),
        core_source(TOKEN, has_complex=True),
        core_source(TOKEN, has_complex=True, has_doubles=True),
        core_source(TOKEN, has_complex=False, is_small=True),
        *map(helper_source, Helper),
        *DETECT_SOURCES,
        at_once(*DETECT_SOURCES),
        IMPORTS_SOURCE,
    ],
)
def test_what_is_sent_compiles_and_holds_no_control_characters(source: str) -> None:
    ast.parse(source)
    assert not any(ord(character) < 32 for character in source.replace("\n", ""))


def test_a_call_holds_its_code_as_one_literal() -> None:
    code = "print('\x03\x04', \"'\")\n\x01 # é"
    source = call_source(7, 3, code, is_expression=False)
    call = ast.parse(source, mode="eval").body
    assert isinstance(call, ast.Call)
    assert [ast.unparse(argument) for argument in call.args[:2]] == ["7", "3"]
    assert ast.literal_eval(call.args[2]) == code.encode()
    assert ast.literal_eval(call.args[3]) == sum(code.encode()) + 3
    assert ast.unparse(call.args[4]) == "exec"
    assert not any(ord(character) < 32 for character in source)


PROGRAM = '''
"""A module."""

import math as mathematics


def outer(first, second=2, *rest, named=3, **others):
    """A function."""
    # a comment
    total = first + second

    def inner(item):
        return item * total  # uses a variable of the function around it

    try:
        value = [inner(entry) for entry in rest]
    except TypeError as error:
        value = str(error)
    if not rest:
        kind = "none"
    elif len(rest) == 1:
        kind = "one"
    else:
        kind = "many"
        if named:
            kind = kind + " #named"
        kind = kind + "!"
    for number in range(2):
        total += number
        if number:
            break
    add = (lambda one, two=total: one + two)(1)
    return value, kind, named, sorted(others), add, str(mathematics.pi)[:4]


result = [
    outer(1),
    outer(1, 2, 3),
    outer(1, 2, 3, 4, named=0, x="# no comment", first_=1),
    outer(1, 2, None),
]
'''


def test_a_shrunk_program_does_the_same() -> None:
    long: dict[str, object] = {}
    short: dict[str, object] = {}
    exec(PROGRAM, long)
    exec(shrink(PROGRAM), short)
    assert short["result"] == long["result"]
    assert len(shrink(PROGRAM)) < len(PROGRAM) / 2


def test_names_of_keyword_arguments_are_kept() -> None:
    source = (
        "def f(alpha, beta):\n    gamma = alpha - beta\n    return gamma\nr = f(beta=1, alpha=3)\n"
    )
    names: dict[str, object] = {}
    exec(shrink(source), names)
    assert names["r"] == 2
    assert "gamma" not in shrink(source)


def test_names_with_two_underscores_are_kept() -> None:
    source = "def f():\n    def __shown__(): return 1\n    return __shown__\nr = f()\n"
    names: dict[str, Callable[[], object]] = {}
    exec(shrink(source), names)
    assert names["r"].__name__ == "__shown__"


def test_strings_are_left_alone() -> None:
    source = 'def f():\n    text = "a  =  b  # c"\n    return text\n'
    names: dict[str, str] = {}
    exec(shrink(source) + "r = f()", {}, names)
    assert names["r"] == "a  =  b  # c"


def run_in_parts(source: str, damage: int | None = None) -> dict[str, object]:
    """Runs a program that comes in parts, one of which may have lost a byte; returns its names."""
    lines, last = source_in_parts(source)
    names: dict[str, object] = {}
    for number, line in enumerate([*lines, last]):
        assert len(line) < 400
        exec(line.replace("7", "", 1) if number == damage else line, names)
    return names


SEVENS = "x = '" + "7" * 999 + "'"


def test_a_program_in_parts_is_the_same_program() -> None:
    assert run_in_parts(SEVENS)["x"] == "7" * 999
    assert callable(run_in_parts(core_source(TOKEN, has_complex=True))["__b"])


@pytest.mark.parametrize("damage", range(1, 7))
def test_a_program_of_which_a_part_was_damaged_does_not_run(damage: int) -> None:
    assert "x" not in run_in_parts(SEVENS, damage)


def test_a_program_that_was_damaged_does_not_run() -> None:
    names: dict[str, object] = {}
    exec(checked_source(SEVENS).replace("7", "", 1), names)
    assert "x" not in names
    exec(checked_source(SEVENS), names)
    assert names["x"] == "7" * 999
