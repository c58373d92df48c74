"""The reader of values against any bytes.

``fuzz_decode`` takes bytes, for a fuzzer that changes them by what they reach (``fuzz.py``); the
tests make texts of what means something to the reader, and damage texts that do stand for a value.
"""

import ast
import re
import warnings
from typing import cast

from hypothesis import example, given, settings, strategies as st

from belay_actors.values import Value, decode

SUPPORTED = (
    bool, int, float, complex, str, bytes, bytearray, range,
    list, tuple, dict, set, frozenset, type(None),
)  # fmt: skip


def fuzz_decode(data: bytes) -> None:
    """For a fuzzer: a value of a supported type comes out of any bytes, or a ``ValueError``."""
    expected = read_by_python(data)
    try:
        value = decode(data)
    except ValueError:
        assert repr(expected).encode() != data or b"..." in data
        return
    check_types(value)
    assert typed(decode(repr(value).encode())) == typed(value)
    if not _OURS_ONLY.search(data):
        assert typed(expected) == typed(value)


# Words that Python's reader of literals does not know, leading zeros, complex numbers, of which it
# loses signs of zeros, and exact floats.
_OURS_ONLY = re.compile(rb"nan|inf|range|set|bytearray|\b0\d|j|\|[0-9a-f]+\Z")


def read_by_python(data: bytes) -> Value:
    """What Python itself makes of it; the name of an error where it makes nothing."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return cast(Value, ast.literal_eval(data.decode()))
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError) as error:
        return type(error).__name__


def check_types(value: Value) -> None:
    parts = [value]
    for part in parts:
        assert type(part) in SUPPORTED
        if isinstance(part, dict):
            parts += [*part.keys(), *part.values()]
        elif isinstance(part, list | tuple | set | frozenset):
            parts += part


def typed(value: Value) -> object:
    """The value with its types, all the way down; numbers by their digits, sets sorted."""
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


TOKENS = st.sampled_from(
    r"""
    [ ] ( ) { } , : ' " b' b" b B u' r' f' \ \' \x \x41 \x4 \u0041 \ud800 \U00110000 \0 \n \d
    \N{DOT} - + . j e E 0 1 9 12 -1 1.5 1e5 1e999 -0.0 1_0 0x1f 0o7 007 1j (1+2j) (-0-1j) nan inf
    -inf nanj infj None True False set() set frozenset({1}) bytearray(b'') range(3) range(1,2,0)
    range( * ** = := @ % ~ < > ; ! # lambda for in if else not await x f __import__ eval
    999999999999999999999999 [] {} () {1:2} {1} (1,) [1,] {,} {[]: {[] {1: [[ (( € 😀 | |0
    |000000000000f83f |000000000000f83f000000000000f83f 1.5|000000000000f83f 1.5 |000000000000f87f
    """.split()  # noqa: SIM905  # easier to read
)
SPACES = st.sampled_from(["", "", "", " ", "  ", "\t", "\n", "\0", "\u20ac", "\U0001f600"])
TEXTS = st.lists(TOKENS | SPACES, max_size=12).map("".join)

HASHABLE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.binary(max_size=5),
    lambda inner: st.lists(inner, max_size=3).map(tuple) | st.frozensets(inner, max_size=3),
    max_leaves=4,
)
VALUES = st.recursive(
    HASHABLE | st.floats() | st.complex_numbers() | st.binary(max_size=5).map(bytearray)
    | st.builds(range, st.integers(), st.integers()),
    lambda inner: (
        st.lists(inner, max_size=4) | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(HASHABLE, inner, max_size=4) | st.sets(HASHABLE, max_size=4)
    ),
    max_leaves=8,
)  # fmt: skip


@settings(max_examples=1000, deadline=None)
@given(TEXTS)
def test_any_text_of_what_means_something(text: str) -> None:
    fuzz_decode(text.encode())


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=80))
@example(b"")
@example(b"\0")
@example(b"(1,)\0")
@example("'\u20ac\\n'".encode())
@example(b"{1: 2, 3}")
@example(b"{[]: 1}")
@example(b"(1)")
def test_any_bytes(data: bytes) -> None:
    fuzz_decode(data)


@settings(max_examples=500, deadline=None)
@given(value=VALUES, where=st.integers(0, 10**6), count=st.integers(0, 3), new=TOKENS | SPACES)
def test_any_value_that_was_damaged(value: Value, where: int, count: int, new: str) -> None:
    data = repr(value).encode()
    place = where % (len(data) + 1)
    fuzz_decode(data[:place] + new.encode() + data[place + count :])
