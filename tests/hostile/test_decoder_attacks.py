"""Texts that were made to make the reader of values slow, large, or run something."""

import contextlib
import math
import re
import sys
import time
import tracemalloc
import types
import warnings
from collections.abc import Callable, Iterator

import pytest

from belay_actors.values import _decode, decode

SIZE = 500_000  # bytes: some of these took Python's own parser minutes, or gigabytes
MERSENNE = 2**61 - 1  # integers that differ by it have one hash

NO_VALUES: dict[str, bytes] = {
    "f-strings": b"f'" + b"{1}" * (SIZE // 3) + b"'",
    "nested f-strings": b"f'{" * (SIZE // 3),
    "a sum": b"1" + b"+1" * (SIZE // 2),
    "a sum of complex numbers": b"1j" + b"+1j" * (SIZE // 3),
    "signs": b"-" * SIZE + b"1",
    "tildes": b"~" * SIZE + b"1",
    "nots": b"not " * (SIZE // 4) + b"1",
    "powers": b"9" + b"**9" * (SIZE // 3),
    "a comparison": b"1" + b"<1" * (SIZE // 2),
    "round brackets": b"(" * SIZE,
    "square brackets": b"[" * (SIZE // 2) + b"]" * (SIZE // 2),
    "braces": b"{1:" * (SIZE // 3),
    "sets of sets": b"frozenset({" * (SIZE // 11),
    "attributes": b"a" + b".b" * (SIZE // 2),
    "calls": b"a" + b"()" * (SIZE // 2),
    "subscripts": b"a" + b"[0]" * (SIZE // 3),
    "lambdas": b"lambda:" * (SIZE // 7) + b"1",
    "conditions": b"1 if 1 else " * (SIZE // 12) + b"1",
    "comprehensions": b"[x" + b" for x in y" * (SIZE // 11) + b"]",
    "names": b"[" + b"a," * (SIZE // 2) + b"]",
    "one long name": b"a" * SIZE,
    "adjacent strings": b"'a'" * (SIZE // 3),
    "a string without end": b"'" + b"a" * SIZE,
    "escapes without end": b"'" + b"\\'" * (SIZE // 2),
    "escapes that are none": b"'" + b"\\d" * (SIZE // 2) + b"'",
    "backslashes": b"'" + b"\\" * (SIZE + 1) + b"'",
    "digits": b"9" * SIZE,
    "hexadecimal digits": b"0x" + b"f" * SIZE,
    "digits with underscores": b"1" + b"_1" * (SIZE // 2),
    "digits behind a point": b"0." + b"9" * SIZE,
    "digits of an exponent": b"1e" + b"9" * SIZE,
    "digits of a complex number": b"(1+" + b"9" * SIZE + b"j)",
    "digits of a number that is none": b"(" + b"9" * SIZE + b"x",
    "many long numbers": b"[" + b", ".join([b"9" * 4301] * (SIZE // 4301)) + b"]",
    "spaces": b" " * SIZE + b"1",
    "spaces in a list": b"[1," + b" " * SIZE + b"1]",
    "commas": b"[" + b"," * SIZE + b"]",
    "null bytes": b"\0" * SIZE,
    "null bytes in a string": b"'" + b"\0" * SIZE + b"'",
    "no UTF-8": b"'" + b"\xff" * SIZE + b"'",
    "surrogates in UTF-8": b"'" + b"\xed\xa0\x80" * (SIZE // 3) + b"'",
    "half a character": b"'" + b"\xe2\x82" * (SIZE // 2) + b"'",
    "keys that are lists": b"{" + b"[]: 1, " * (SIZE // 7) + b"}",
    "keys without values": b"{1: 1, " + b"1, " * (SIZE // 3) + b"}",
    "a set of sets": b"{" + b"{1}, " * (SIZE // 5) + b"}",
    "ranges without step": b"[" + b"range(0, 0, 0), " * (SIZE // 16) + b"]",
    "a program": b"(lambda: [x for x in ().__class__.__base__.__subclasses__()])()",
    "a line end": b"1\n",
    "a comment": b"1 # one",
}


@pytest.mark.parametrize("attack", NO_VALUES)
def test_a_text_that_is_no_value_is_refused_at_once(attack: str) -> None:
    began = time.process_time()
    with (
        warnings.catch_warnings(record=True) as warned,
        pytest.raises(ValueError, match=r"^no value: ") as caught,
    ):
        warnings.simplefilter("always")
        decode(NO_VALUES[attack])
    assert time.process_time() - began < 10
    assert len(str(caught.value)) < 600
    assert warned == []


def display(item: bytes) -> Callable[[int], bytes]:
    """A list of the same item, again and again, in about so many bytes."""
    return lambda size: b"[" + b", ".join([item] * (size // (len(item) + 2))) + b"]"


VALUES: dict[str, Callable[[int], bytes]] = {
    "integers": display(b"1"),
    "lists": display(b"[]"),
    "one-tuples": display(b"(1,)"),
    "sets": display(b"{1}"),
    "empty sets": display(b"set()"),
    "dicts": display(b"{1: 1}"),
    "ranges": display(b"range(0, 1000000000000)"),
    "bytearrays": display(b"bytearray(b'')"),
    "numbers of 4300 digits": display(b"9" * 4300),
    "floats": display(b"1.5e+20"),
    "floats too large": display(b"1e999"),
    "complex numbers": display(b"(1+2j)"),
    "short strings": display(b"'\xe2\x82\xac'"),
    "a long string": lambda size: b"'" + b"x" * size + b"'",
    "a long string and one rare character": lambda size: (
        b"'" + b"x" * size + "\U0001f600".encode() + b"'"
    ),
    "a long string of escapes": lambda size: b"'" + b"\\U0001f600" * (size // 10) + b"'",
    "long bytes": lambda size: b"b'" + b"\\x00" * (size // 4) + b"'",
    "a large set": lambda size: f"{{{', '.join(map(str, range(size // 7)))}}}".encode(),
}


@pytest.mark.parametrize("attack", VALUES)
def test_a_large_value_takes_time_in_proportion(attack: str) -> None:
    payload = VALUES[attack](SIZE)
    began = time.process_time()
    decode(payload)
    assert time.process_time() - began < 10


@pytest.fixture
def traced() -> Iterator[None]:
    tracemalloc.start()
    yield
    tracemalloc.stop()


@pytest.mark.parametrize("attack", VALUES)
def test_a_large_value_takes_memory_in_proportion(attack: str, traced: None) -> None:
    payload = VALUES[attack](100_000)
    parts = len(re.findall(rb"[\w'(\[{]+", payload))
    tracemalloc.reset_peak()
    before, _ = tracemalloc.get_traced_memory()
    decode(payload)
    _, peak = tracemalloc.get_traced_memory()
    assert peak - before < 15 * len(payload) + 250 * parts


def test_a_payload_of_the_largest_size_is_read(traced: None) -> None:
    payload = b"'" + b"x" * (64 * 1024 * 1024) + b"'"
    tracemalloc.reset_peak()
    value = decode(payload)
    _, peak = tracemalloc.get_traced_memory()
    assert isinstance(value, str)
    assert len(value) == len(payload) - 2
    assert peak < 6 * len(payload)


def test_a_value_of_too_many_parts_is_refused() -> None:
    assert decode(b"[" + b"1," * 999_999 + b"]") == [1] * 999_999
    with pytest.raises(ValueError, match="too many parts"):
        decode(b"[" + b"1," * 1_000_000 + b"]")


@pytest.mark.parametrize(
    ("opening", "closing"),
    [("[", "]"), ("(", ",)"), ("{1: ", "}"), ("frozenset({", "})")],
)
def test_a_value_that_is_nested_too_deeply_is_refused(opening: str, closing: str) -> None:
    levels = opening.count("(") + opening.count("[") + opening.count("{")
    fits, deeper = 198 // levels, 202 // levels
    decode(f"{opening * fits}0{closing * fits}".encode())
    with pytest.raises(ValueError, match="nested too deeply"):
        decode(f"{opening * deeper}0{closing * deeper}".encode())


def test_a_number_of_too_many_digits_is_refused_whatever_the_interpreter_allows() -> None:
    limit = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(0)  # a program may do that, and then the work is quadratic
    try:
        assert decode(b"-" + b"9" * 4300) == 1 - 10**4300
        with pytest.raises(ValueError, match="too many digits"):
            decode(b"9" * 10_000_000)
        with pytest.raises(ValueError, match="too many digits"):
            decode(b"-" + b"9" * 10_000_000)
    finally:
        sys.set_int_max_str_digits(limit)


def test_a_number_that_was_read_can_be_shown() -> None:
    """Not more digits than ``str`` takes: an error message shows values."""
    with pytest.raises(ValueError, match="no value"):
        decode(b"0x" + b"f" * 4000)
    assert len(repr(decode(b"[" + b"9" * 4300 + b"]"))) == 4302


COLLIDING = ", ".join(str(number * MERSENNE) for number in range(1, 20_000))


@pytest.mark.parametrize(
    "text",
    [
        f"{{{COLLIDING}}}",
        f"{{{COLLIDING.replace(',', ': 0,')}: 0}}",
        f"set([{COLLIDING}])",
        f"frozenset({{{COLLIDING}}})",
        f"{{({COLLIDING.replace(', ', ',), (')},)}}",
    ],
    ids=["set", "dict", "set of a list", "frozenset", "tuples"],
)
def test_keys_that_were_chosen_to_collide_are_refused(text: str) -> None:
    began = time.process_time()
    with pytest.raises(ValueError, match="keys of one hash"):
        decode(text.encode())
    assert time.process_time() - began < 1


def test_keys_that_collide_by_accident_are_keys() -> None:
    keys = [*range(-50, 1000), *range(MERSENNE, MERSENNE + 1000), *map(float, range(2000, 3000))]
    assert decode(repr(set(keys)).encode()) == set(keys)
    assert decode(repr(dict.fromkeys(keys, 0)).encode()) == dict.fromkeys(keys, 0)


CODE = [
    b"__import__('os').system('true')",
    b"exec('import os')",
    b"eval('1')",
    b"compile('1', '', 'eval')",
    b"open('/etc/passwd')",
    b"print(1)",
    b"().__class__.__base__.__subclasses__()",
    b"[x for x in (1,)]",
    b"{x: x for x in (1,)}",
    b"(lambda: 1)()",
    b"(x := 1)",
    b"[*(1, 2)]",
    b"{**{}}",
    b"f'{print(1)}'",
    b"f'{1!r}'",
    b"yield",
    b"await x",
    b"10**10**10",
    b"b'x'*10**9",
    b"'%s' % 1",
    b"1 if 1 else 2",
    b"bytearray(1000000000)",
    b"bytearray(range(3))",
    b"range(range(1))",
    b"range('a')",
    b"set(range(1000000000))",
    b"frozenset(b'abc')",
    b"set({1: 2})",
    b"set('abc')",
    b"set(*[1])",
    b"range(*(1, 2))",
    b"bytearray(source=b'')",
    b"bytes(10)",
    b"str(1)",
    b"dict(a=1)",
    b"list(range(10))",
    b"complex('1')",
    b"set.__class__",
    b"nan.real",
    b"inf()",
    b"None()",
    b"True[0]",
    b"...",
    b"Ellipsis",
    b"NotImplemented",
    b"__builtins__",
]


@pytest.mark.parametrize("payload", CODE, ids=repr)
def test_code_is_refused(payload: bytes) -> None:
    with pytest.raises(ValueError, match="no value"):
        decode(payload)


VALID = b"{'a': [1, -2.5, (1+2j), nan], b'\\x00': (set(), {1}, bytearray(b'x')), range(3): None}"


def test_nothing_runs_but_the_reader() -> None:
    """Every call that Python makes in a decoding is looked at."""
    files: set[str] = set()
    functions: set[str] = set()

    def look(frame: types.FrameType, event: str, arg: object) -> None:
        if event == "call":
            files.add(frame.f_code.co_filename)
        elif event == "c_call":
            functions.add(getattr(arg, "__name__", repr(arg)))

    for payload in (VALID, *CODE):  # codecs are imported when they are first used
        with contextlib.suppress(ValueError):
            decode(payload)
    for payload in (VALID, *CODE):
        with contextlib.suppress(ValueError):
            sys.setprofile(look)
            try:
                decode(payload)
            finally:
                sys.setprofile(None)
    assert files == {_decode.__file__}
    assert not functions & {"eval", "exec", "compile", "__import__", "getattr", "open", "print"}
    assert "match" in functions


def test_a_message_shows_only_the_beginning() -> None:
    with pytest.raises(ValueError, match=r"^no value: \u20ac{33}\\xe2\.\.\. \(.{1,50}\)$"):
        decode(b"\xe2\x82\xac" * 10_000_000)


def test_nan_and_infinities_of_a_board_are_floats() -> None:
    values = decode(b"(nan, -nan, inf, -inf, 1e999, -1e999)")
    assert isinstance(values, tuple)
    assert [math.isnan(value) for value in values if isinstance(value, float)] == [
        True, True, False, False, False, False,
    ]  # fmt: skip
