"""From a board's ``repr`` to a value: parsed, checked node by node, never evaluated.

Only the types below can come out. Anything else in the text, whoever wrote it there, is a
``ValueError``; so is text that is too long or too deep for the parser.
"""

import ast
import math
import re
from collections.abc import Callable

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

_SHOWN = 100  # characters of a text in an error message
_SMALL_INT = re.compile(rb"-?\d{1,18}")
_NAMES: dict[str, float | complex] = {
    "nan": math.nan,
    "inf": math.inf,
    "nanj": complex(0, math.nan),
    "infj": complex(0, math.inf),
}


def decode(payload: bytes) -> Value:
    """Returns the value that a ``repr`` from a board stands for.

    Args:
        payload: the ``repr``, as MicroPython writes it, in UTF-8.

    Raises:
        ValueError: it stands for no value of a supported type.
    """
    if _SMALL_INT.fullmatch(payload):
        return int(payload)
    try:
        return _value(ast.parse(payload.decode(), mode="eval").body)
    except (SyntaxError, ValueError, TypeError, MemoryError, RecursionError) as error:
        raise ValueError(f"no value: {_shorten(payload)}") from error


def _shorten(payload: bytes) -> str:
    text = payload.decode("utf-8", "backslashreplace")
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def _value(node: ast.expr) -> Value:  # noqa: PLR0911  # a table, in effect
    match node:
        case ast.Constant(value=None | bool() | int() | float() | complex() | str() | bytes()):
            return node.value  # type: ignore[return-value]  # mypy does not narrow by the pattern
        case ast.Name(id=name) if name in _NAMES:
            return _NAMES[name]
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return _negative(_number(operand))
        case ast.BinOp(left=left, op=ast.Add() | ast.Sub() as operator, right=right):
            return _complex(left, operator, right)
        case ast.List(elts=items):
            return [_value(item) for item in items]
        case ast.Tuple(elts=items):
            return tuple(_value(item) for item in items)
        case ast.Set(elts=items):
            return set(map(_value, items))
        case ast.Dict(keys=keys, values=values):
            return dict(zip(map(_key, keys), map(_value, values), strict=True))
        case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]) if name in _MAKERS:
            return _MAKERS[name](*map(_value, arguments))
        case _:
            raise ValueError(ast.dump(node))


def _key(node: ast.expr | None) -> Value:
    if node is None:
        raise ValueError("unpacking in a dict")
    return _value(node)


def _number(node: ast.expr) -> int | float | complex:
    value = _value(node)
    if not isinstance(value, int | float | complex) or isinstance(value, bool):
        raise TypeError(f"no number: {value!r}")
    return value


def _negative(value: int | float | complex) -> int | float | complex:
    # ``-1j`` is written for a real part of 0, but ``-(1j)`` has one of -0.
    return complex(0, -value.imag) if isinstance(value, complex) else -value


def _complex(left: ast.expr, operator: ast.operator, right: ast.expr) -> complex:
    real, imaginary = _real(left), _number(right)
    if not isinstance(imaginary, complex):
        raise TypeError("a sum that is no complex number")
    sign = 1 if isinstance(operator, ast.Add) else -1
    return complex(real, sign * imaginary.imag)  # a sum would lose the signs of zeros


def _real(node: ast.expr) -> float:
    match node:
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_real(operand)  # of a float: a real part is written without its point
        case _:
            number = _number(node)
            if isinstance(number, complex):
                raise TypeError("a sum of complex numbers")
            return float(number)


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
    return list(source)


def _range(*bounds: Value) -> range:
    numbers = [bound for bound in bounds if isinstance(bound, int)]
    if len(numbers) != len(bounds):
        raise TypeError("a range of something else than integers")
    return range(*numbers)


_MAKERS: dict[str, Callable[..., Value]] = {
    "bytearray": _bytearray,
    "set": _set,
    "frozenset": _frozenset,
    "range": _range,
}
