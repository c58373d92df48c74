r"""From a board's ``repr`` to a value: read from left to right, checked, never evaluated.

The reader knows how MicroPython writes the types below, and nothing else of Python. It is not
``ast``: a text made for that takes Python's own parser minutes (f-strings), or 300 times its size
in memory (lists). Here the work is linear in the text, and a value has at most a million parts and
is nested at most 200 deep. Anything else, whoever wrote it, is a ``ValueError``.

Behind the text may stand what its floats really are: ``|`` and 16 hexadecimal digits for each. They
take the places of those that were read, which have to be nearly the same.
"""

import binascii
import math
import re
import struct
import sys
from collections.abc import Callable, Iterator
from itertools import groupby

from belay_actors.values._limits import DEEPEST, LONGEST_NUMBER, MOST_PARTS

Value = (
    None
    | bool
    | int
    | float
    | complex
    | str
    | bytes
    | bytearray
    | range
    | list["Value"]
    | tuple["Value", ...]
    | dict["Value", "Value"]
    | set["Value"]
    | frozenset["Value"]
)
"""What an expression on a board may evaluate to."""

_MOST_ALIKE = 100  # keys of one hash: more are no accident, and work on them is quadratic, too
_SHOWN = 100  # bytes of a text in an error message

_SMALL_INT = re.compile(rb"-?\d{1,18}")
# Possessive, so that no text makes a pattern go back over what it has read.
_NUMBER = rb"(?:\d++(?:\.\d*+)?(?:e[+-]?\d++)?|inf|nan)"
_ESCAPE = rb"\\(?:[\\'\"nrt]|x[0-9a-f]{2}|u[0-9a-f]{4}|U[0-9a-f]{8})"
_TOKEN = re.compile(
    rb"""\ ?(?:
    (?P<int>-?\d{1,18}(?![\d.ej+-]))
    |(?P<open>[\[({])
    |(?P<quoted>b?(?:'(?:[^'\\\x00-\x1f]++|%b)*+'|"(?:[^"\\\x00-\x1f]++|%b)*+"))
    |(?P<number>(?P<real>-?%b)(?:(?P<imaginary>[+-]%b)j|(?P<j>j))?)
    |(?P<word>[A-Za-z]++)
    )"""
    % (_ESCAPE, _ESCAPE, _NUMBER, _NUMBER),
    re.VERBOSE,
)
# The rest of a list of small integers, as MicroPython writes it.
_SMALL_INTS = re.compile(rb"(-?\d{1,18}+(?:, -?\d{1,18}+)*+)\]")
_CONSTANTS: dict[bytes, bool | None] = {b"None": None, b"True": True, b"False": False}
_HEX = b"0123456789abcdef"
_DOUBLE = struct.Struct("<d")
_DIGITS = 16  # of a double
_LARGEST = sys.float_info.max  # its text may be that of something larger, which is read as infinity
_NEAR = 1e-9  # relative: no firmware writes a float with more of an error than that
_TINY = 1e-300  # but some lose more where floats lose bits themselves
_END = b"\0"  # behind the text; nothing in a value has it


def decode(payload: bytes) -> Value:
    """Returns the value that a ``repr`` from a board stands for.

    Args:
        payload: the ``repr``, as MicroPython writes it, in UTF-8; with the exact floats behind it,
            if the board has sent them.

    Raises:
        ValueError: it stands for no value of a supported type, or for one with more than a million
            parts, nested more than 200 deep, or with a number of more than 4300 digits; or the
            exact floats are not those of the text.
    """
    if _SMALL_INT.fullmatch(payload):  # as most are, and then these
        return int(payload)
    if payload in _CONSTANTS:
        return _CONSTANTS[payload]
    try:
        return _Reader(*_split(payload)).read()
    except (ValueError, TypeError, RecursionError) as error:
        shown = payload[:_SHOWN].decode("utf-8", "backslashreplace")
        rest = "..." if len(payload) > _SHOWN else ""
        raise ValueError(f"no value: {shown}{rest} ({error})") from error


def _split(payload: bytes) -> tuple[bytes, Iterator[tuple[float]] | None]:
    """The text, and the exact floats behind it: a text that holds a ``|`` ends with no digit."""
    if payload[-1:] not in _HEX or b"|" not in payload:
        return payload, None
    text, _, digits = payload.rpartition(b"|")
    if len(digits) % _DIGITS:
        raise ValueError("half an exact float")
    return text, _DOUBLE.iter_unpack(binascii.unhexlify(digits))


class _Reader:
    """Reads one text.

    Args:
        text: of a value.
        floats: what the floats of the text really are, if that is known.
    """

    def __init__(self, text: bytes, floats: Iterator[tuple[float]] | None) -> None:
        self._text = text + _END
        self._floats = floats
        self._position = 0
        self._parts = 0

    def read(self) -> Value:
        value = self._value(0)
        if self._position + len(_END) < len(self._text):
            raise self._surprise()
        if self._floats is not None and next(self._floats, None) is not None:
            raise ValueError("more exact floats than floats")
        return value

    def _value(self, depth: int) -> Value:
        self._parts += 1
        if self._parts > MOST_PARTS or depth > DEEPEST:
            raise ValueError("nested too deeply" if depth > DEEPEST else "too many parts")
        token = _TOKEN.match(self._text, self._position)
        if token is None:
            raise self._surprise()
        self._position = token.end()
        match token.lastgroup:
            case "int":
                return int(token[0])
            case "open":
                return self._display(token["open"], depth + 1)
            case "quoted":
                return _unquote(token["quoted"])
            case "number":
                return self._number(token)
            case _:
                return self._word(token["word"], depth + 1)

    def _display(self, opening: bytes, depth: int) -> Value:
        if opening == b"[":
            return self._list(depth)
        if opening == b"{":
            return self._dict_or_set(depth)
        items = self._items(b")", depth)
        if len(items) != 1 or self._text.startswith(b",)", self._position - 2):
            return tuple(items)
        if isinstance(items[0], complex):
            return items[0]
        raise self._surprise()

    def _list(self, depth: int) -> list[Value]:
        """A list; one of small integers, such as a batch of readings, is read at once."""
        found = _SMALL_INTS.match(self._text, self._position)
        if found is None or depth > DEEPEST:
            return self._items(b"]", depth)
        self._parts += self._text.count(b",", *found.span(1)) + 1
        if self._parts > MOST_PARTS:
            raise ValueError("too many parts")
        self._position = found.end()
        return [*map(int, found[1].split(b", "))]

    def _word(self, word: bytes, depth: int) -> Value:
        if word in _CONSTANTS:
            return _CONSTANTS[word]
        if word not in _MAKERS:
            raise self._surprise()
        self._take(b"(")
        return _MAKERS[word](*self._items(b")", depth))

    def _items(self, closing: bytes, depth: int) -> list[Value]:
        items: list[Value] = []
        while not self._text.startswith(closing, self._position):
            items.append(self._value(depth))
            if self._take(b"," + closing) == closing:
                return items
        self._position += 1
        return items

    def _dict_or_set(self, depth: int) -> Value:
        keys: list[Value] = []
        values: list[Value] = []
        while not self._text.startswith(b"}", self._position):
            keys.append(self._value(depth))
            mark = self._take(b":,}")
            if mark == b":":
                values.append(self._value(depth))
                mark = self._take(b",}")
            if mark == b"}":
                break
        else:
            self._position += 1
        _check_keys(keys)
        return set(keys) if keys and not values else dict(zip(keys, values, strict=True))

    def _number(self, token: re.Match[bytes]) -> int | float | complex:
        real, imaginary, is_imaginary = token.group("real", "imaginary", "j")
        if len(token["number"].lstrip(b"-")) > LONGEST_NUMBER:
            raise ValueError("too many digits")
        if imaginary is not None:
            return complex(self._float(float(real)), self._float(float(imaginary)))
        if is_imaginary:
            return complex(self._float(0.0), self._float(float(real)))
        return int(real) if real.lstrip(b"-").isdigit() else self._float(float(real))

    def _float(self, near: float) -> float:
        """What a float of the text really is."""
        if self._floats is None:
            return near
        exact = next(self._floats, (None,))[0]
        if exact is None:
            raise ValueError("fewer exact floats than floats")
        is_nan = exact != exact  # noqa: PLR0124
        if exact == near or (is_nan and near != near):  # noqa: PLR0124
            return exact
        if abs(near) > _LARGEST:
            near = math.copysign(_LARGEST, near)
        if abs(exact - near) <= _NEAR * abs(near) + _TINY:
            return exact
        raise ValueError(f"{exact} is not the {near} of the text")

    def _take(self, expected: bytes) -> bytes:
        """Takes the next byte, which must be one of these."""
        mark = self._text[self._position : self._position + 1]
        if mark not in expected:
            raise self._surprise()
        self._position += 1
        return mark

    def _surprise(self) -> ValueError:
        return ValueError(f"what comes at byte {self._position} is not understood")


def _unquote(literal: bytes) -> str | bytes:
    is_bytes = literal.startswith(b"b")
    body = literal[2:-1] if is_bytes else literal[1:-1]
    text = body.decode("ascii" if is_bytes else "utf-8")
    if b"\\" in body:
        text = text.encode("ascii", "backslashreplace").decode("unicode_escape")
    return text.encode("latin-1") if is_bytes else text


def _check_keys(keys: list[Value]) -> None:
    """Keys chosen to have one hash would take the square of their number in time."""
    if len(keys) > _MOST_ALIKE:
        for _, alike in groupby(sorted(map(hash, keys))):
            if sum(1 for _ in alike) > _MOST_ALIKE:
                raise ValueError("too many keys of one hash")


def _bytearray(source: Value = b"") -> bytearray:
    if not isinstance(source, bytes):
        raise TypeError("a bytearray of something else than bytes")
    return bytearray(source)


def _set(source: Value = ()) -> set[Value]:
    return set(_items(source))


def _frozenset(source: Value = ()) -> frozenset[Value]:
    return frozenset(_items(source))


def _items(source: Value) -> list[Value]:
    if not isinstance(source, list | tuple | set):
        raise TypeError("a set of something that is no display")
    items = list(source)
    _check_keys(items)
    return items


def _range(*bounds: Value) -> range:
    numbers = [bound for bound in bounds if isinstance(bound, int)]
    if len(numbers) != len(bounds):
        raise TypeError("a range of something else than integers")
    return range(*numbers)


_MAKERS: dict[bytes, Callable[..., Value]] = {
    b"bytearray": _bytearray,
    b"set": _set,
    b"frozenset": _frozenset,
    b"range": _range,
}
