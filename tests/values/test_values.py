"""Values across the wire: parsed and checked, never evaluated."""

import ast
import contextlib
import math
from enum import Enum
from typing import Literal

import attrs
import pytest
from hypothesis import given, strategies as st

from belay_actors.values import Value, check_type, decode, structure

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.complex_numbers(allow_nan=False, allow_infinity=False)
    | st.text()
    | st.binary()
    | st.binary().map(bytearray)
    | st.builds(range, st.integers(-100, 100), st.integers(-100, 100))
)
hashables = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=3).map(tuple) | st.frozensets(inner, max_size=3),
    max_leaves=5,
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(hashables, inner, max_size=4)
        | st.sets(hashables, max_size=4)
        | st.frozensets(hashables, max_size=4)
    ),
    max_leaves=10,
)


def typed(value: Value) -> object:
    """The value with its types, all the way down; floats by their digits, to see signed zeros."""
    match value:
        case list() | tuple():
            inner: object = [typed(item) for item in value]
        case set() | frozenset():
            inner = sorted(repr(typed(item)) for item in value)
        case dict():
            inner = [(typed(key), typed(item)) for key, item in value.items()]
        case _:
            inner = repr(value)
    return type(value), inner


@given(values)
def test_the_repr_of_every_value_decodes_to_the_same(value: Value) -> None:
    decoded = decode(repr(value).encode("utf-8", "surrogatepass"))
    assert typed(decoded) == typed(value)


def test_nan_and_infinities() -> None:
    nan = decode(b"nan")
    assert isinstance(nan, float)
    assert math.isnan(nan)
    assert decode(b"[inf, -inf]") == [math.inf, -math.inf]
    assert repr(decode(b"(nan+infj)")) == repr(complex(math.nan, math.inf))


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"x",
        b"<object at 1>",
        b"__import__('os').system('true')",
        b"print(1)",
        b"f'{1}'",
        b"[x for x in ()]",
        b"1 + 1",
        b"'a' + 'b'",
        b"-'a'",
        b"[*(1, 2)]",
        b"{**{}}",
        b"{[]: 1}",
        b"{1, []}",
        b"range('a')",
        b"range(1, 2, 0)",
        b"bytearray(10)",
        b"bytearray(b'', 1)",
        b"set(1)",
        b"set(x=1)",
        b"...",
        b"\xff",
        b"'\x00'",
        b"9" * 5000,
        b"(" * 100_000,
        b"-" * 100_000 + b"1",
    ],
)
def test_what_is_no_value_is_refused(payload: bytes) -> None:
    with pytest.raises(ValueError, match="no value"):
        decode(payload)


@given(st.binary(max_size=60))
def test_no_bytes_do_harm(payload: bytes) -> None:
    with contextlib.suppress(ValueError):
        decode(payload)


@attrs.frozen
class Reading:
    """What a sensor says."""

    channel: int
    volts: float


class Colour(Enum):
    """An enumeration."""

    RED = "red"


@pytest.mark.parametrize(
    ("value", "returns", "expected"),
    [
        (1, int, 1),
        (1, float, 1.0),
        (True, bool, True),
        ("a", str, "a"),
        (None, int | None, None),
        ("a", int | str, "a"),
        ([1, 2], list[int], [1, 2]),
        ((1, 2), tuple[int, ...], (1, 2)),
        ({"a": [1]}, dict[str, list[int]], {"a": [1]}),
        ({"channel": 1, "volts": 2}, Reading, Reading(1, 2.0)),
        ("red", Colour, Colour.RED),
        (2, Literal[1, 2], 2),
    ],
)
def test_values_become_what_was_asked_for(
    value: Value, returns: type[object], expected: object
) -> None:
    check_type(returns)
    result = structure(value, returns)
    assert result == expected
    assert type(result) is type(expected)


@pytest.mark.parametrize(
    ("value", "returns"),
    [
        ("3", int),
        (3, str),
        (True, int),
        (1.0, int),
        (None, int),
        ([1, "2"], list[int]),
        ({"channel": 1}, Reading),
        ({"channel": 1, "volts": 2, "extra": 3}, Reading),
        ("blue", Colour),
    ],
)
def test_values_that_do_not_fit_are_refused(value: Value, returns: type[object]) -> None:
    with pytest.raises(TypeError, match="does not fit"):
        structure(value, returns)


def test_types_that_nothing_can_become_are_refused_beforehand() -> None:
    class Opaque:
        def __init__(self, x):  # type: ignore[no-untyped-def]
            self.x = x

    with pytest.raises(TypeError, match="cannot be returned as Opaque"):
        check_type(Opaque)


@pytest.mark.parametrize(
    "text",
    ["[1]", "[1, -2, 3]", "(False, [1, 2], [3])", "[[1, 2], [3, 1.5], []]", "[1, 2, 'x', 3]"],
)
def test_lists_of_small_integers_are_read_as_all_others(text: str) -> None:
    assert decode(text.encode()) == ast.literal_eval(text)


@pytest.mark.parametrize("text", ["[1, ]", "[1,, 2]", "[1, 2", "[1, 2}", "[1 2]", "[1, --2]"])
def test_what_only_looks_like_such_a_list_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no value"):
        decode(text.encode())


def test_such_a_list_may_not_have_too_many_parts() -> None:
    with pytest.raises(ValueError, match="too many parts"):
        decode(b"[" + b"1, " * 1_000_000 + b"1]")


def test_long_integers_in_a_list() -> None:
    numbers = [10**40, -(10**18), 10**17, 0]
    assert decode(repr(numbers).encode()) == numbers
