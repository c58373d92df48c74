"""What cannot travel is refused on the host: nothing is sent for it."""

import math
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import pytest

from annotated import (
    ANNOTATED,
    UNFIT,
    Colour,
    Event,
    Level,
    Mode,
    Opaque,
    Permission,
    Point,
    Reading,
    Settings,
    Tree,
)
from belay_actors import Device
from belay_actors.values import Value, check_type, encode, make_unstructurer, structure, unstructure

NOW = datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)


@pytest.mark.parametrize("kind", UNFIT, ids=str)
def test_a_type_that_cannot_travel_is_refused_before_there_is_a_value(kind: type[object]) -> None:
    with pytest.raises(TypeError, match="a value cannot be returned as"):
        check_type(kind)
    with pytest.raises(TypeError, match="a value cannot be passed as"):
        make_unstructurer(kind)
    with pytest.raises(TypeError, match="a value cannot be passed as"):
        unstructure(1, kind)


@pytest.mark.parametrize("kind", [kind for kind, _ in ANNOTATED], ids=str)
def test_a_type_that_can_travel_is_accepted(kind: type[object]) -> None:
    check_type(kind)
    make_unstructurer(kind)


async def test_nothing_is_sent_for_a_type_that_cannot_come_back(device: Device) -> None:
    before = device.snapshot().calls
    for kind in UNFIT:
        with pytest.raises(TypeError):
            await device.evaluate("x", kind)  # type: ignore[call-overload]  # pyright: ignore
    assert device.snapshot().calls == before


async def test_nothing_is_sent_for_a_value_that_cannot_be_sent(device: Device) -> None:
    before = device.snapshot().calls
    for value in (Opaque(1), [Reading(1)], {"a": Colour.RED}, "\ud800", 10**5000):
        with pytest.raises((TypeError, ValueError)):
            await device.evaluate(f"print({encode(value)})")
    assert device.snapshot().calls == before


@pytest.mark.parametrize("kind", [Any, object, Value])
def test_where_every_value_fits_nothing_has_to_be_done(kind: object) -> None:
    assert make_unstructurer(kind) is None
    assert unstructure("x", kind) == "x"


@pytest.mark.parametrize(
    ("value", "kind", "message"),
    [
        ("1", int, "the value is '1', which is no int"),
        (True, int, "the value is True, which is no int"),
        (1, bool, "no bool"),
        (1.0, int, "no int"),
        (Level.LOW, int, "no int"),
        (None, int, "no int"),
        (0, None, "no NoneType"),
        (bytearray(), bytes, "no bytes"),
        ([1, "x"], list[int], r"part \[1\] of the value is 'x', which is no int"),
        ([Reading(1, "x")], list[Reading], r"part \[0\]\.volts of the value is 'x'"),  # type: ignore[arg-type]  # pyright: ignore
        (1, Reading, "no Reading"),
        ({"channel": 1}, Reading, "no Reading"),
        (Point(1.0, 2.0), Reading, "no Reading"),
        ({"rate": 1, "more": 1}, Settings, r"no Settings; that has keys of \['rate', 'reading'\]"),
        ({}, Settings, r"needs \['rate'\]"),
        ({"rate": 1, "reading": Reading("q")}, Settings, r"part \['reading'\].channel of"),  # type: ignore[arg-type]  # pyright: ignore
        ((1, NOW), Event, "no Event"),
        (Event(1, "now"), Event, r"part \[1\] of the value is 'now', which is no datetime"),  # type: ignore[arg-type]  # pyright: ignore
        (NOW, date, "no date"),
        (NOW.date(), datetime, "no datetime"),
        (3.0, timedelta, "no timedelta"),
        ("red", Colour, "no Colour"),
        (Mode.FAST, Colour, "no Colour"),
        (3, Literal[1], r"no typing.Literal\[1\]"),
        (True, Literal[1], r"no typing.Literal\[1\]"),
        (b"", str | int, r"no str \| int"),
        (
            [Reading(1), 3],
            list[Reading] | None,
            r"part \[1\] of the value is 3, which is no Reading",
        ),
        ((1, 2, 3), tuple[int, int], r"no tuple\[int, int\]"),
        ({"a": {"b": 1}}, dict[str, dict[str, str]], r"part \['a'\]\['b'\] of the value is 1"),
        ({1: 2}, dict[str, int], r"part \[1\] \(the key\) of the value is 1, which is no str"),
        ({1, "x"}, set[int], r"part \{'x'\} of the value is 'x'"),
        (range(3), list[int], r"no list\[int\]"),
        ("abc", list[str], r"no list\[str\]"),
        ("/a", Path, "no Path"),
    ],
)
def test_a_value_that_does_not_fit_its_annotation_is_refused(
    value: object, kind: object, message: str
) -> None:
    with pytest.raises(TypeError, match=message):
        unstructure(value, kind)


def test_an_object_that_holds_itself_is_refused() -> None:
    tree = Tree("a")
    tree.branches.append(tree)
    with pytest.raises(ValueError, match="holds itself"):
        unstructure(tree, Tree)


@pytest.mark.parametrize(
    ("value", "returns"),
    [
        (1, Colour),
        ("green", Colour),
        (True, Level),
        (1.0, Level),
        (3, Level),
        ("1", Level),
        ([1], Permission),
        (True, Literal[1]),
        ("2020-13-01", date),
        (20200101, date),
        (math.nan, timedelta),
        (1e300, timedelta),
        (10**400, timedelta),
        ("1", timedelta),
        ({"rate": 1, "more": 2}, Settings),
        ({}, Settings),
        ([], Settings),
        (b"/a", Path),
        (b"", int | str),
        ({"q": 1}, Reading | Point),
        (7, Reading | Point),
        ((1,), Event),
        (range(3), list[int] | None),
        ("x", None),
    ],
    ids=str,
)
def test_a_value_from_a_board_that_does_not_fit_is_refused(
    value: Value, returns: type[object]
) -> None:
    check_type(returns)
    with pytest.raises(TypeError, match="does not fit"):
        structure(value, returns)
