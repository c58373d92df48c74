"""From a plain value to the type that a caller asked for, by cattrs, without surprises.

The value comes from a board, so it may be anything: what does not fit is refused at the first
problem. Only for a small value all of them are looked for, to tell where they are.
"""

import functools
from collections.abc import Hashable
from typing import TypeVar, cast

import cattrs

from belay_actors.values._annotations import name_of
from belay_actors.values._converter import make_converter
from belay_actors.values._decode import Value
from belay_actors.values._ways import find_way

T = TypeVar("T")

_SMALL = 1000  # parts; with problems in all of them, some milliseconds and a megabyte
_MESSAGE_MAX = 1000  # characters


_converter = make_converter(finds_all=False)
_thorough_converter = make_converter(finds_all=True)


def check_type(returns: type[object]) -> None:
    """Checks, before anything is sent, that values can be structured as ``returns``.

    Raises:
        TypeError: there is no way to make such a value.
    """
    try:
        _check(cast(Hashable, returns))
    except (TypeError, cattrs.StructureHandlerNotFoundError) as error:
        raise TypeError(f"a value cannot be returned as {name_of(returns)}: {error}") from error


@functools.lru_cache
def _check(returns: Hashable) -> None:
    find_way(returns)
    _converter.get_structure_hook(returns)


def structure(value: Value, returns: type[T]) -> T:
    """Returns ``value`` as the type ``returns``, which may be any that can travel.

    Args:
        value: as it came from a board.
        returns: as ``docs/values.md`` has them; ``check_type`` has accepted it.


    Raises:
        TypeError: the value does not fit; the message says what, and in a small value also where.
    """
    try:
        return _converter.structure(value, returns)
    except Exception as error:  # cattrs raises whatever its hooks do
        problems = _describe(error, value, returns)
        raise TypeError(f"the value does not fit {name_of(returns)}: {problems}") from error


def _describe(error: Exception, value: Value, returns: type[object]) -> str:
    try:
        problems = "; ".join(_find_problems(error, value, returns))
    except Exception:  # cattrs sorts the names of fields, but those of a board may be anything
        problems = type(error).__name__
    return problems if len(problems) <= _MESSAGE_MAX else f"{problems[:_MESSAGE_MAX]}..."


def _find_problems(first: Exception, value: Value, returns: type[object]) -> list[str]:
    """What does not fit: in a small value everything, with its place; else only the first."""
    if _is_small(value):
        try:
            _thorough_converter.structure(value, returns)
        except Exception as error:
            return cattrs.transform_error(error)
    return [f"{type(first).__name__}: {first}"]


def _is_small(value: Value) -> bool:
    """Whether a value has few parts; the characters of a text are some, too."""
    parts = [value]
    for part in parts:
        if not isinstance(part, str | bytes | list | tuple | dict | set | frozenset):
            continue
        if len(parts) + len(part) > _SMALL:
            return False
        if isinstance(part, dict):
            parts += [*part, *part.values()]
        elif not isinstance(part, str | bytes):
            parts += part
    return True
