"""Source text for boards: what it is, and what is refused."""

import enum
import math
import re
import struct
import sys
import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple

import pytest
from hypothesis import given, strategies as st

from alike import exactly
from belay_actors.values import Value, decode, encode

FLOATS = st.floats() | st.integers(0, 2**64 - 1).map(
    lambda bits: struct.unpack("<d", struct.pack("<Q", bits))[0]
)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "None"),
        (True, "True"),
        (-7, "-7"),
        (2**70, "1180591620717411303424"),
        (2.5, "2.5"),
        (1.0, "1.0"),
        (-0.0, "-0.0"),
        (math.inf, "1e999"),
        (-math.inf, "-1e999"),
        (math.nan, "(1e999-1e999)"),
        (0.1, "3602879701896397*2.0**-55"),
        (-0.1, "-3602879701896397*2.0**-55"),
        (5e-324, "1*2.0**-1074"),
        (sys.float_info.max, "9007199254740991*2.0**971"),
        (1 + 2j, "complex(1.0,2.0)"),
        (complex(-0.0, -0.0), "-complex(0.0,0.0)"),
        (complex(1, -0.0), "-complex(-1.0,0.0)"),
        ("", "''"),
        ("a long string", "'a long string'"),
        ("short", "'short......'[:5]"),
        ("it's\n\0", '"it\'s\\n\\x00....."[:6]'),
        (b"", "b''"),
        (b"\xff", "b'\\xff..........'[:1]"),
        (bytearray(b"0123456789ab"), "bytearray(b'0123456789ab')"),
        (range(1, 9, 2), "range(1,9,2)"),
        ([1, [2], ()], "[1,[2],()]"),
        ((1,), "(1,)"),
        ((1, 2), "(1,2)"),
        ({1: {2: 3}}, "{1:{2:3}}"),
        (set[int](), "set()"),
        ({1}, "{1}"),
        (frozenset[int](), "frozenset()"),
        (frozenset({1}), "frozenset([1])"),
    ],
)
def test_the_text_of_a_value(value: object, text: str) -> None:
    assert encode(value) == text
    assert exactly(eval(text)) == exactly(value)


@given(FLOATS)
def test_no_step_of_an_exact_float_has_to_round(number: float) -> None:
    text = encode(number)
    assert exactly(eval(text)) == exactly(number)
    scaled = re.fullmatch(r"(-?\d+)\*2\.0\*\*(-?\d+)", text)
    if scaled:
        assert abs(int(scaled[1])) < 2**53
        assert -1074 <= int(scaled[2]) <= 971
    elif math.isfinite(number):
        digits = text.lstrip("-").replace(".", "")
        assert int(digits) < 2**53
        assert re.fullmatch(r"-?\d+\.\d+", text)
        whole, _, fraction = text.lstrip("-").partition(".")
        ratio = abs(number).as_integer_ratio()
        assert ratio[0] * 10 ** len(fraction) == int(whole + fraction) * ratio[1]


@given(st.floats(allow_nan=False))
def test_where_floats_have_32_bits_their_shortest_digits_are_sent(number: float) -> None:
    assert encode([number], exact_floats=False) == f"[{number!r}]".replace("inf", "1e999")


def test_exact_floats_are_told_in_every_part() -> None:
    assert encode({0.1: [(0.1, 0.1j)]}, exact_floats=False) == "{0.1:[(0.1,complex(0.0,0.1))]}"
    assert "0.1" not in encode({0.1: [(0.1, 0.1j, {0.1}, frozenset([0.1]))]})


@given(st.text(max_size=15) | st.binary(max_size=15))
def test_no_text_is_one_that_boards_keep_for_ever(value: str | bytes) -> None:
    (literal,) = re.findall(r"b?'.*'|b?\".*\"", encode(value))
    assert eval(encode(value)) == value
    assert len(eval(literal)) == 0 or len(eval(literal)) > 10


class Level(enum.IntEnum):
    LOW = 1


class Label(str):
    __slots__ = ()


class Hostile:
    def __repr__(self) -> str:
        raise RuntimeError("no text")

    def __len__(self) -> int:
        raise RuntimeError("no length")


class Pair(NamedTuple):
    a: int
    b: int


def loop() -> list[object]:
    found: list[object] = []
    found.append({"found": (found,)})
    return found


def nested(depth: int) -> object:
    value: object = 0
    for _ in range(depth):
        value = [value]
    return value


LOCK = threading.Lock()


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (LOCK, "the value is of type _thread.lock, which cannot be sent to a board"),
        ([1, 2, 3, {"x": LOCK}], r"part \[3\]\['x'\] of the value is of type _thread.lock"),
        ((LOCK,), r"part \[0\] of the value is of type _thread.lock"),
        ({LOCK: 1}, r"part \[<.*lock.*>\] \(the key\) of the value is of type _thread.lock"),
        ({Level.LOW}, r"part \{<Level.LOW: 1>\} of the value is of type .*Level"),
        ([Hostile()], r"part \[0\] of the value is of type .*Hostile"),
        ({Hostile(): Hostile()}, r"\[<Hostile instance .*>\] \(the key\) of the value"),
        (Level.LOW, r"Level, which would arrive as int; annotate the parameter, or .* int\(\)"),
        (Label("x"), "Label, which would arrive as str"),
        (Pair(1, 2), "Pair, which would arrive as tuple"),
        (OrderedDict[str, int](a=1), "OrderedDict, which would arrive as dict"),
        (object(), "type object"),
        (int, "type type"),
        (memoryview(b""), "type memoryview"),
        (iter((1,)), "tuple_iterator"),
        (..., "ellipsis"),
        ({range(3)}, "is a range, which a board cannot hash"),
        ({(1, range(3)): 1}, r"\[\(1, range\(0, 3\)\)\] \(the key\)\[1\] of the value is a range"),
    ],
)
def test_what_cannot_be_sent_is_a_type_error_that_says_where_it_is(
    value: object, message: str
) -> None:
    with pytest.raises(TypeError, match=message):
        encode(value)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (loop(), r"part \[0\]\['found'\]\[0\]\[0\]\['found'\]\[0\]\[0\]\['found'\]\.\.\. of the"),
        (nested(201), "nested more than 200 deep, or holds itself"),
        (10**4300, "the value is an int of more than 4300 digits"),
        ([-(10**4300)], r"part \[0\] of the value is an int"),
        (range(10**5000), "more than 4300 digits"),
        ("a\ud800b", "the value has a lone surrogate at index 1"),
        ({"k": ["\udcff"]}, r"part \['k'\]\[0\] of the value has a lone surrogate at index 0"),
        ([[0] * 500_000, [0] * 500_000], r"part \[1\] of the value brings it to more than 1000000"),
        ([0] * 1_000_000, "more than 1000000 parts"),
        (dict.fromkeys(range(500_000)), "more than 1000000 parts"),
    ],
    ids=range(10),
)
def test_what_is_too_much_is_a_value_error(value: object, message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        encode(value)
    assert len(str(caught.value)) < 500


def test_the_largest_values_are_sent() -> None:
    assert encode(nested(200)) == "[" * 200 + "0" + "]" * 200
    assert len(encode([0] * 999_999)) == 2 * 999_999 + 1
    assert decode(encode([0] * 999_999).encode()) == [0] * 999_999
    assert len(encode(dict.fromkeys(range(499_999)))) > 499_999
    assert encode(10**4300 - 1) == "9" * 4300
    assert encode(1 - 10**4300) == "-" + "9" * 4300


def test_a_shared_part_is_sent_as_often_as_it_is_there() -> None:
    part: Value = [1]
    assert encode([part, part]) == "[[1],[1]]"


def test_a_caller_that_is_deep_in_calls_gets_an_error_of_the_value() -> None:
    def deeper(left: int, then: Callable[[], object]) -> object:
        return deeper(left - 1, then) if left else then()

    limit = sys.getrecursionlimit()
    with pytest.raises(ValueError, match="nested too deeply"):
        deeper(limit - 150, lambda: encode(nested(200)))
