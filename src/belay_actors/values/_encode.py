"""From a value to source text: one expression that a MicroPython board evaluates to that value.

The opposite of ``decode``, with the same types and the same limits. Only the types themselves are
taken, no subclasses: an ``IntEnum`` or a named tuple would arrive as something else than it was.

Firmware reads most decimal fractions right, but not all: the unix port is off by one in the last
bit for one literal of some thousands. So a float whose decimal digits are not exactly its value is
written as an integer times a power of two, where no step has to round.
"""

import math
import reprlib
from collections.abc import Callable, Iterable, Mapping
from typing import cast

from belay_actors.values._limits import DEEPEST, LONGEST_NUMBER, MOST_PARTS
from belay_actors.values._misfit import Misfit

_NAN_TEXT = "(1e999-1e999)"  # no name, which a program may have given to something else
_TOO_LARGE = 10**LONGEST_NUMBER
_TOO_SMALL = -_TOO_LARGE
_DIGITS = 15  # any integer of so many is a double
_PRECISION = 53  # bits

# A board keeps the short strings of all code that it has read in memory for ever. They come as the
# beginnings of longer ones, so that it does not fill up with the arguments of old calls.
_INTERNED = 10  # bytes
_FILL = "."

_Write = Callable[[object], str]


def encode(value: object, *, exact_floats: bool = True) -> str:
    """Returns source text of an expression that is ``value`` on a board.

    Where an operator is to stand beside it, put it in parentheses.

    Args:
        value: made of None, bool, int, float, complex, str, bytes, bytearray, list, tuple, dict,
            set, frozenset and range. Infinities and nan are floats like others.
        exact_floats: whether the board has 64-bit floats, which are to arrive bit for bit; other
            boards take the nearest that they have.

    Raises:
        TypeError: it, or a part of it, is of another type; the message says which.
        ValueError: it has more than a million parts, is nested more than 200 deep or holds itself,
            or has an int of more than 4300 digits or a str with a lone surrogate.
    """
    write = (_EXACT if exact_floats else _NEAREST).get(type(value))
    try:
        if write is not None:
            return write(value)
        return _Writer(exact_floats=exact_floats).write(value)
    except Misfit as misfit:
        error = misfit.to_error()
    except RecursionError:  # the caller was deep in calls already
        error = ValueError("the value is nested too deeply for what is left of Python's stack")
    raise error


def encoders(*, exact_floats: bool) -> Mapping[type, Callable[[object], str]]:
    """The writers of values that have no parts, by their types; for many calls.

    Each takes a value of exactly its type, and raises ``Misfit`` if it cannot be sent; ``encode``
    has the error that says why.
    """
    return _EXACT if exact_floats else _NEAREST


class _Writer:
    """Writes one value. Every part is counted, and checked when its turn comes."""

    __slots__ = ("_depth", "_keys", "_parts", "_simple")

    def __init__(self, *, exact_floats: bool) -> None:
        self._simple = _EXACT if exact_floats else _NEAREST
        self._keys = _EXACT_KEYS if exact_floats else _NEAREST_KEYS
        self._parts = 1
        self._depth = 0

    def write(self, value: object) -> str:
        write = self._simple.get(type(value))
        if write is not None:
            return write(value)
        write_nested = _NESTED.get(type(value))
        if write_nested is None:
            raise Misfit(_explain(value))
        count = len(cast("list[object]", value))
        self._parts += 2 * count if write_nested is _dict else count
        if self._parts > MOST_PARTS:
            raise Misfit(f"brings it to more than {MOST_PARTS} parts; send it in parts", ValueError)
        if self._depth == DEEPEST:
            problem = f"is nested more than {DEEPEST} deep, or holds itself"
            raise Misfit(problem, ValueError)
        self._depth += 1
        text = write_nested(self, value)
        self._depth -= 1
        return text

    def items(self, items: Iterable[object]) -> str:
        """The items of a list or tuple, with commas between them."""
        texts: list[str] = []
        find = self._simple.get
        try:
            for item in items:
                write = find(type(item))
                texts.append(self.write(item) if write is None else write(item))
        except Misfit as misfit:
            misfit.steps.append(f"[{len(texts)}]")
            raise
        return ",".join(texts)

    def members(self, members: Iterable[object]) -> str:
        """The members of a set, which have no numbers."""
        member: object = None
        texts: list[str] = []
        try:
            for member in members:
                texts.append(self._key(member))
        except Misfit as misfit:
            misfit.steps.append(f"{{{reprlib.repr(member)}}}")
            raise
        return ",".join(texts)

    def pairs(self, pairs: dict[object, object]) -> str:
        """Keys and values of a dict."""
        key: object = None
        step = "[{}]"
        texts: list[str] = []
        try:
            for key, value in pairs.items():
                step = "[{}] (the key)"
                key_text = self._key(key)
                step = "[{}]"
                texts.append(f"{key_text}:{self.write(value)}")
        except Misfit as misfit:
            misfit.steps.append(step.format(reprlib.repr(key)))
            raise
        return ",".join(texts)

    def _key(self, key: object) -> str:
        """What a board must be able to hash, with all that is in it."""
        simple, self._simple = self._simple, self._keys
        text = self.write(key)
        self._simple = simple
        return text


def _explain(value: object) -> str:
    kind = type(value)
    module = "" if kind.__module__ == "builtins" else f"{kind.__module__}."
    name = f"{module}{kind.__qualname__}"
    base = next((base for base in kind.__mro__ if base in _EXACT or base in _NESTED), None)
    if base is None:
        return (
            f"is of type {name}, which cannot be sent to a board; send something made of None, "
            "bool, numbers, str, bytes, range, list, tuple, dict and set"
        )
    return (
        f"is of type {name}, which would arrive as {base.__name__}; annotate the parameter, or "
        f"convert it with {base.__name__}()"
    )


# Each of these is called with a value of exactly its type.


def _int(value: object) -> str:
    number = cast(int, value)
    if _TOO_SMALL < number < _TOO_LARGE:
        return repr(number)
    raise Misfit(f"is an int of more than {LONGEST_NUMBER} digits", ValueError)


def _str(value: object) -> str:
    text = cast(str, value)
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError as error:
            problem = f"has a lone surrogate at index {error.start}, which is no character"
            raise Misfit(problem, ValueError) from None
    if len(text) > _INTERNED or not text:
        return repr(text)
    return f"{text.ljust(_INTERNED + 1, _FILL)!r}[:{len(text)}]"


def _bytes(value: object) -> str:
    data = cast(bytes, value)
    if len(data) > _INTERNED or not data:
        return repr(data)
    return f"{data.ljust(_INTERNED + 1, _FILL.encode())!r}[:{len(data)}]"


def _bytearray(value: object) -> str:
    return f"bytearray({_bytes(bytes(cast(bytearray, value)))})"


def _range(value: object) -> str:
    numbers = cast(range, value)
    start, stop, step = map(_int, (numbers.start, numbers.stop, numbers.step))
    return f"range({start},{stop},{step})"


def _range_as_key(_: object) -> str:
    raise Misfit("is a range, which a board cannot hash; send a tuple")


def _nearest_float(value: object) -> str:
    number = cast(float, value)
    if number - number == 0:
        return repr(number)
    return _NAN_TEXT if number != number else "1e999" if number > 0 else "-1e999"  # noqa: PLR0124


def _exact_float(value: object) -> str:
    number = cast(float, value)
    text = repr(number)
    fraction = text.partition(".")[2]
    if fraction.isdecimal() and len(text) <= _DIGITS + 1:
        # Its digits make an integer that is a double, and so is the power of ten to divide by.
        if number.is_integer() or number.as_integer_ratio()[1] <= 1 << len(fraction):
            return text  # the quotient is exact
    elif number - number != 0:
        return _nearest_float(number)
    return _scaled(number)


def _scaled(number: float) -> str:
    """An integer below 2**53, times a power of two."""
    numerator, denominator = number.as_integer_ratio()
    exponent = 1 - denominator.bit_length()
    if not exponent:
        exponent = max(0, numerator.bit_length() - _PRECISION)
        numerator >>= exponent
    return f"{numerator}*2.0**{exponent}"


def _complex_writer(write: _Write) -> _Write:
    def write_complex(value: object) -> str:
        number = cast(complex, value)
        if number.imag == 0 and math.copysign(1, number.imag) < 0:
            # Firmware adds the imaginary part to 0, which makes that of a negative zero.
            return f"-complex({write(-number.real)},0.0)"
        return f"complex({write(number.real)},{write(number.imag)})"

    return write_complex


def _list(writer: _Writer, value: object) -> str:
    return f"[{writer.items(cast('list[object]', value))}]"


def _tuple(writer: _Writer, value: object) -> str:
    items = cast("tuple[object, ...]", value)
    return f"({writer.items(items)}{',' * (len(items) == 1)})"


def _dict(writer: _Writer, value: object) -> str:
    return f"{{{writer.pairs(cast('dict[object, object]', value))}}}"


def _set(writer: _Writer, value: object) -> str:
    members = cast("set[object]", value)
    return f"{{{writer.members(members)}}}" if members else "set()"


def _frozenset(writer: _Writer, value: object) -> str:
    members = cast("frozenset[object]", value)
    return f"frozenset([{writer.members(members)}])" if members else "frozenset()"


_SAME: dict[type, _Write] = {
    type(None): repr,
    bool: repr,
    int: _int,
    str: _str,
    bytes: _bytes,
    bytearray: _bytearray,
    range: _range,
}
_EXACT: dict[type, _Write] = {
    **_SAME,
    float: _exact_float,
    complex: _complex_writer(_exact_float),
}
_NEAREST: dict[type, _Write] = {
    **_SAME,
    float: _nearest_float,
    complex: _complex_writer(_nearest_float),
}
_EXACT_KEYS = {**_EXACT, range: _range_as_key}
_NEAREST_KEYS = {**_NEAREST, range: _range_as_key}
_NESTED: dict[type, Callable[[_Writer, object], str]] = {
    list: _list,
    tuple: _tuple,
    dict: _dict,
    set: _set,
    frozenset: _frozenset,
}
