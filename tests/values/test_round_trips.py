"""From the host to a real interpreter and back: equal, of the same type, floats to the last bit."""

import math
import struct
import sys

import pytest
from hypothesis import HealthCheck, example, given, settings, strategies as st
from hypothesis.strategies import DataObject, SearchStrategy

from alike import exactly
from annotated import ANNOTATED
from belay_actors.values import Value, encode, structure, unstructure
from echo_board import EchoBoard

SETTINGS = settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
FEW = settings(SETTINGS, max_examples=20)

FLOATS = st.floats()
BITS = st.integers(0, 2**64 - 1).map(lambda bits: struct.unpack("<d", struct.pack("<Q", bits))[0])
DECIMALS = st.tuples(st.integers(-(10**9), 10**9), st.integers(0, 12)).map(
    lambda pair: pair[0] / 10.0 ** pair[1]
)
SPECIAL = st.sampled_from(
    [
        *(0.0, -0.0, math.inf, -math.inf, math.nan, 5e-324, -5e-324, 2.0**53, 2.0**53 + 2),
        *(sys.float_info.max, -sys.float_info.max, sys.float_info.min, 1e15, 1e16, 1e22, 1e23),
        *(0.1, 464.605086, 4050216765.361552),
    ]
)
INTS = (
    st.integers()
    | st.integers(-(2**70), 2**70)
    | st.sampled_from([10**4299, -(10**4299), 2**63, -(2**63), 2**31])
)
BOUNDS = st.integers(-(2**40), 2**40)
HASHABLES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**50), 2**50) | st.text() | st.binary()
    | st.floats(allow_nan=False, width=32) | DECIMALS,
    lambda inner: st.lists(inner, max_size=3).map(tuple) | st.frozensets(inner, max_size=3),
    max_leaves=5,
)  # fmt: skip
SCALARS: SearchStrategy[object] = (
    HASHABLES | INTS | FLOATS | BITS | DECIMALS | SPECIAL
    | st.complex_numbers() | st.builds(complex, SPECIAL, SPECIAL)
    | st.binary().map(bytearray)
    | st.builds(range, BOUNDS, BOUNDS, st.integers(1, 99))
)  # fmt: skip
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4) | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(HASHABLES, inner, max_size=4)
        | st.sets(HASHABLES, max_size=4) | st.frozensets(HASHABLES, max_size=4)
    ),
    max_leaves=10,
)  # fmt: skip


@SETTINGS
@given(value=VALUES)
@example(value=[])
@example(value=["\0'\"\\\n\r\t\x1e\x04", "'", '"', "'\"", "é\u20ac\U0001f600", b"'\"\\\0\xff"])
@example(value=[set(), frozenset(), {}, (), "", b"", bytearray(), range(0)])
@example(value={(1, (2, frozenset([0.1]))): {"a": [{0.1, 0.2}, (0.3,)]}, "b": 0.7, -0.0: 1})
def test_a_value_arrives_and_comes_back_as_it_was(board: EchoBoard, value: object) -> None:
    assert exactly(board.evaluate(encode(value))) == exactly(value)
    assert exactly(board.echo(value)) == exactly(value)


@SETTINGS
@given(floats=st.lists(BITS | DECIMALS | SPECIAL | FLOATS, max_size=200))
def test_floats_arrive_and_come_back_bit_for_bit(board: EchoBoard, floats: list[float]) -> None:
    pack = f"__import__('struct').pack('<{len(floats)}d', *{encode(floats)})"
    there = board.evaluate(f"__import__('binascii').hexlify({pack})")
    expected = struct.pack(f"<{len(floats)}d", *floats)
    assert isinstance(there, bytes)
    arrived = struct.unpack(f"<{len(floats)}d", bytes.fromhex(there.decode()))
    assert exactly([*arrived]) == exactly([*struct.unpack(f"<{len(floats)}d", expected)])
    assert exactly(board.echo(floats)) == exactly(floats)


@SETTINGS
@given(number=st.complex_numbers() | st.builds(complex, SPECIAL, SPECIAL))
def test_both_parts_of_a_complex_number_are_exact(board: EchoBoard, number: complex) -> None:
    parts = board.evaluate(f"(lambda c: (c.real, c.imag))({encode(number)})")
    assert exactly(parts) == exactly((number.real, number.imag))


def test_a_float_that_the_firmware_reads_wrong_would_be_another_one(board: EchoBoard) -> None:
    """What the other form of floats is for."""
    assert board.evaluate("464.605086") != 464.605086
    assert board.evaluate(encode(464.605086)) == 464.605086


def test_a_float_that_the_firmware_writes_wrong_comes_back_right(board: EchoBoard) -> None:
    number = -2.3738950689163862e-11
    assert board.evaluate(f"repr({encode(number)})") == "-2.373895068916386e-11"
    assert board.echo(number) == number


@pytest.mark.parametrize(("kind", "values"), ANNOTATED, ids=[str(kind) for kind, _ in ANNOTATED])
@FEW
@given(data=st.data())
def test_a_value_of_an_annotated_type_comes_back_equal(
    board: EchoBoard, kind: type[object], values: SearchStrategy[object], data: DataObject
) -> None:
    value = data.draw(values)
    plain = unstructure(value, kind)
    back = structure(board.echo(plain), kind)
    assert exactly(unstructure(back, kind)) == exactly(plain)
    assert type(back) is type(value)
    assert back == value or value != value  # noqa: PLR0124  # nan


def test_a_nested_value_of_the_largest_depth_arrives(board: EchoBoard) -> None:
    value: Value = 1
    for _ in range(100):
        value = [(value,)]
    assert board.echo(value) == value


def test_a_large_value_arrives(board: EchoBoard) -> None:
    value = [[*range(20_000)], "x" * 100_000, [0.1] * 5000, {str(n): n for n in range(2000)}]
    assert exactly(board.echo(value)) == exactly(value)


def test_arguments_leave_nothing_in_the_memory_of_the_board(board: EchoBoard) -> None:
    used = "(lambda gc: (gc.collect(), gc.mem_alloc()))(__import__('gc'))[1]"
    found: list[int] = []
    for turn in range(3):
        for number in range(300):
            board.echo((f"k{turn}{number}", f"{number}".encode(), {f"n{turn}{number}": number / 7}))
        found.append(structure(board.evaluate(used), int))
    assert found[2] - found[0] < 2000
