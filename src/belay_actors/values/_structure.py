"""From a plain value to the type that a caller asked for, by cattrs, without surprises.

cattrs itself would turn ``"3"`` into ``3`` and ``3`` into ``"3"``, and a text into a list of
characters. Here a value of a basic type must already be of that type; the one exception is that an
``int`` may stand for a ``float``. And a collection is made of a list, tuple or set.

The value comes from a board, so it may be anything: what does not fit is refused at the first
problem. Only for a small value all of them are looked for, to tell where they are.
"""

import reprlib
from collections.abc import Callable, Collection, Mapping
from typing import TypeVar, cast, get_origin

import attrs
import cattrs
from cattrs.strategies import configure_union_passthrough

from belay_actors.values._decode import Value

T = TypeVar("T")

_Basic = None | bool | int | float | complex | str | bytes | bytearray
_NO_COLLECTIONS = (Mapping, str, bytes, bytearray, range)

_SMALL = 1000  # parts; with problems in all of them, some milliseconds and a megabyte
_MESSAGE_MAX = 1000  # characters


def check_type(returns: type[object]) -> None:
    """Checks, before anything is sent, that values can be structured as ``returns``.

    Raises:
        TypeError: cattrs knows no way to make such a value.
    """
    try:
        _converter.get_structure_hook(returns)
    except cattrs.StructureHandlerNotFoundError as error:
        raise TypeError(f"a value cannot be returned as {_name(returns)}: {error}") from error


def _name(kind: type[object]) -> str:
    return getattr(kind, "__name__", str(kind))


def _make_converter(*, finds_all: bool) -> cattrs.Converter:
    converter = cattrs.Converter(forbid_extra_keys=True, detailed_validation=finds_all)

    def accept(value: object, kind: type) -> object:
        if kind is float and type(value) is int:
            return float(value)
        if type(value) is not kind:
            raise TypeError(f"{reprlib.repr(value)} is no {kind.__name__}")
        return value

    for kind in (bool, int, float, complex, str, bytes, bytearray):
        converter.register_structure_hook(kind, accept)
    configure_union_passthrough(_Basic, converter)
    _guard_collections(converter)
    return converter


def _guard_collections(converter: cattrs.Converter) -> None:
    """Has collections made of nothing that would go on and on, such as a ``range``."""
    passing: list[object] = []  # the type whose own hook is being looked up now

    def is_guarded(kind: object) -> bool:
        if kind in passing:
            passing.clear()
            return False
        origin: object = get_origin(kind) or kind
        return (
            isinstance(origin, type)
            and issubclass(origin, Collection)
            and not issubclass(origin, _NO_COLLECTIONS)
            and not attrs.has(cast(type[object], origin))
        )

    def make_guard(kind: type) -> Callable[[object, type], object]:
        passing.append(kind)
        structure_items = converter.get_structure_hook(kind, cache_result=False)

        def structure_collection(value: object, kind: type) -> object:
            if not isinstance(value, list | tuple | set | frozenset):
                raise TypeError(f"{reprlib.repr(value)} is no list, tuple or set")
            return structure_items(value, kind)

        return structure_collection

    converter.register_structure_hook_factory(is_guarded, make_guard)


_converter = _make_converter(finds_all=False)
_thorough_converter = _make_converter(finds_all=True)


def structure(value: Value, returns: type[T]) -> T:
    """Returns ``value`` as the type ``returns``, which may be anything that cattrs knows.

    Raises:
        TypeError: the value does not fit; the message says what, and in a small value also where.
    """
    try:
        return _converter.structure(value, returns)
    except Exception as error:  # cattrs raises whatever its hooks do
        problems = _describe(error, value, returns)
        raise TypeError(f"the value does not fit {_name(returns)}: {problems}") from error


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
