"""Exact floats behind a value: damaged, forged, or not as many as there are floats."""

import contextlib
import math
import struct
import time
import tracemalloc

import pytest
from hypothesis import given, strategies as st

from alike import exactly
from belay_actors import Device, UnsupportedValueError
from belay_actors.values import Value, decode


def digits(*floats: float) -> bytes:
    return b"|" + b"".join(struct.pack("<d", number) for number in floats).hex().encode()


@pytest.mark.parametrize(
    ("text", "floats", "value"),
    [
        (b"0.1", [math.nextafter(0.1, 1)], math.nextafter(0.1, 1)),
        (b"[1, 2.5, {3.5: 4.5}]", [2.5, 3.5, 4.5], [1, 2.5, {3.5: 4.5}]),
        (b"{1.5, 2.5}", [1.5, 2.5], {1.5, 2.5}),
        (b"(inf, -inf, nan)", [math.inf, -math.inf, math.nan], (math.inf, -math.inf, math.nan)),
        (b"1e+400", [1.7976931348623157e308], 1.7976931348623157e308),
        (b"0.0", [5e-324], 5e-324),
        (b"0.0", [-0.0], -0.0),
        (b"(1+2j)", [1.0, 2.0], 1 + 2j),
        (b"2j", [-0.0, 2.0], complex(-0.0, 2)),
        (b"'a|0123456789abcdef'", [], "a|0123456789abcdef"),
        (b"['a|0123456789abcdef', 0.5]", [0.5], ["a|0123456789abcdef", 0.5]),
    ],
)
def test_exact_floats_are_taken(text: bytes, floats: list[float], value: Value) -> None:
    payload = text + digits(*floats) if floats else text
    assert exactly(decode(payload)) == exactly(value)


ATTACKS: dict[str, bytes] = {
    "one too few": b"[0.5, 0.5]" + digits(0.5),
    "one too many": b"[0.5]" + digits(0.5, 0.5),
    "none that is needed": b"0.5|",
    "for a value without floats": b"[1, 2]" + digits(1.0),
    "for an integer": b"1" + digits(1.0),
    "without a value": digits(1.0),
    "half of a part": b"1j" + digits(1.0),
    "a part too many": b"(1+2j)" + digits(1.0, 2.0, 3.0),
    "one digit too few": (b"0.5" + digits(0.5))[:-1],
    "half a float": (b"0.5" + digits(0.5))[:-8],
    "another character": b"0.5|00000000000g0e03f",
    "a space": b"0.5|0000000000 0e03f0",
    "twice": b"0.5" + digits(0.5) + digits(0.5),
    "inside": b"[0.5" + digits(0.5) + b"]",
    "behind an open string": b"'a" + digits(0.5),
    "another float": b"0.5" + digits(0.25),
    "a float of another sign": b"0.5" + digits(-0.5),
    "a nan": b"0.5" + digits(math.nan),
    "a number for nan": b"nan" + digits(0.5),
    "an infinity": b"0.5" + digits(math.inf),
    "a number for an infinity": b"-inf" + digits(1e308),
    "swapped": b"[0.5, 1.5]" + digits(1.5, 0.5),
    "code": b"0.5|__import__('os').abort()|0",
    "only the mark": b"|",
    "a digit": b"|0",
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_exact_floats_that_do_not_fit_are_refused(attack: str) -> None:
    with pytest.raises(ValueError, match="no value"):
        decode(ATTACKS[attack])


@pytest.mark.parametrize("text", [b"[1]", b"0.5", b"'", b"[" * 100_000])
def test_many_digits_behind_little_cost_little(text: bytes) -> None:
    payload = text + b"|" + b"0" * 16_000_000
    tracemalloc.start()
    began = time.process_time()
    try:
        with pytest.raises(ValueError, match="no value"):
            decode(payload)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert time.process_time() - began < 2
    assert peak < 4 * len(payload)


def test_a_large_value_takes_time_and_memory_in_proportion() -> None:
    floats = [0.1] * 100_000
    payload = repr(floats).encode() + digits(*floats)
    tracemalloc.start()
    began = time.process_time()
    try:
        assert decode(payload) == floats
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert time.process_time() - began < 5
    assert peak < 5 * len(payload)


def test_marks_in_a_long_string_cost_nothing() -> None:
    text = b"'" + b"|" * 5_000_000 + b"'"
    assert decode(text) == "|" * 5_000_000


@given(
    floats=st.lists(st.floats(), min_size=1, max_size=5),
    where=st.integers(0, 10**6),
    new=st.sampled_from(b"0123456789abcdefg|.,][ \0"),
)
def test_a_damaged_payload_is_refused_or_nearly_right(
    floats: list[float], where: int, new: int
) -> None:
    payload = bytearray(repr(floats).encode() + digits(*floats))
    payload[where % len(payload)] = new
    with contextlib.suppress(ValueError):
        value = decode(bytes(payload))
        assert isinstance(value, list)
        if len(value) == len(floats):
            for exact, near in zip(floats, value, strict=True):
                assert isinstance(near, float)
                assert near == pytest.approx(exact, rel=1e-8, abs=1e-299, nan_ok=True)


LIE = """
said = "None"
def repr(value):
    return said
def lie(text, value):
    global said
    said = text
    return value
"""


@pytest.mark.parametrize(
    ("text", "value"),
    [("1.5", "2.5"), ("[1.5]", "[1.5, 2.5]"), ("1", "1.5"), ("(1+2j)", "1.5"), ("nan", "1.0")],
)
async def test_a_board_whose_text_is_not_its_floats_has_no_value(
    device: Device, text: str, value: str
) -> None:
    await device.execute(LIE)
    with pytest.raises(UnsupportedValueError, match="cannot come back"):
        await device.evaluate(f"lie({text!r}, {value})")
    assert await device.evaluate("lie('1.5', 1.5)") == 1.5
    assert device.generation == 1
