"""What annotations say: wrappers taken off, records known with their fields."""

import collections
import dataclasses
import enum
import pathlib
import types
import typing
import uuid
from collections.abc import Mapping, MutableMapping, MutableSequence, MutableSet, Sequence, Set
from typing import Annotated, Any, Final, Literal, NotRequired, Required, TypeVar, Union, cast

import attrs

from belay_actors.values._decode import Value

PLAIN = (type(None), bool, int, float, complex, str, bytes, bytearray, range)
_PATHS = (
    *(pathlib.PurePath, pathlib.PurePosixPath, pathlib.PureWindowsPath),
    *(pathlib.Path, pathlib.PosixPath, pathlib.WindowsPath),
)
TEXTS = (uuid.UUID, *_PATHS)  # what is all that its ``str`` says
DICTS = (dict, collections.defaultdict, Mapping, MutableMapping)
SETS = (set, frozenset, Set, MutableSet)

# What is accepted for each collection: not everything that ``isinstance`` knows as one is meant.
ITEMS: dict[type, tuple[type, ...]] = {
    list: (list,),
    tuple: (tuple,),
    collections.deque: (collections.deque,),
    MutableSequence: (list, collections.deque),
    Sequence: (list, tuple, collections.deque),
    set: (set,),
    frozenset: (frozenset,),
    MutableSet: (set,),
    Set: (set, frozenset),
}

_WRAPPERS = (Annotated, Final, Required, NotRequired)


def strip(kind: object) -> object:
    """The annotation without what does not matter here: ``Annotated``, ``NewType``, aliases."""
    while True:
        if typing.get_origin(kind) in _WRAPPERS:
            kind = typing.get_args(kind)[0]
        elif isinstance(kind, typing.NewType):
            kind = cast(object, kind.__supertype__)
        elif type(kind).__name__ == "TypeAliasType":  # of Python 3.12
            kind = getattr(kind, "__value__")  # noqa: B009
        else:
            return type(None) if kind is None else kind


def name_of(kind: object) -> str:
    """A name for messages."""
    if isinstance(kind, type) and not typing.get_args(kind):
        return kind.__name__
    return str(kind)


def is_anything(kind: object) -> bool:
    """Whether every value fits."""
    return kind is Any or kind is object or kind == Value


def is_union(kind: object) -> bool:
    """Whether it is a union, written in either way."""
    return typing.get_origin(kind) in (Union, types.UnionType)


def is_enumeration(kind: object) -> bool:
    """Whether it is an enumeration."""
    return isinstance(kind, type) and issubclass(kind, enum.Enum)


def is_literal(kind: object) -> bool:
    """Whether it is a ``Literal``."""
    return typing.get_origin(kind) is Literal


def is_sequence(kind: object) -> bool:
    """Whether it is a ``Sequence``, with the type of its items."""
    origin: object = typing.get_origin(kind)
    return origin is Sequence


def class_of(kind: object) -> type[object] | None:
    """The class that an annotation names, without its parameters."""
    found = typing.get_origin(kind) or kind
    return cast("type[object]", found) if isinstance(found, type) else None


def is_record(kind: object) -> bool:
    """Whether it is an attrs class or a dataclass."""
    found = class_of(kind)
    return found is not None and (attrs.has(found) or dataclasses.is_dataclass(found))


def is_named_tuple(kind: object) -> bool:
    """Whether it is a ``typing.NamedTuple``, whose fields have types."""
    found = class_of(kind)
    bases: tuple[object, ...] = getattr(found, "__orig_bases__", ())
    return found is not None and issubclass(found, tuple) and typing.NamedTuple in bases


def wires_of(literals: object) -> list[tuple[object, object]]:
    """The values of a ``Literal``, each with what it travels as."""
    found: tuple[object, ...] = typing.get_args(literals)
    return [
        (each, cast(object, each.value) if isinstance(each, enum.Enum) else each) for each in found
    ]


def fields_of(kind: object) -> dict[str, object]:
    """The fields of a record, a typed dict or a named tuple, with their annotations.

    Fields that are not given to a record when it is made do not travel.

    Raises:
        NameError, TypeError: an annotation cannot be read.
    """
    found = cast("type[object]", class_of(kind))
    hints = typing.get_type_hints(found, include_extras=True)
    if attrs.has(found):
        names = [field.name for field in attrs.fields(found) if field.init]
    elif dataclasses.is_dataclass(found):
        names = [field.name for field in dataclasses.fields(found) if field.init]
    else:
        names = [*hints]
    variables: tuple[object, ...] = getattr(found, "__parameters__", ())
    given = dict(zip(variables, typing.get_args(kind), strict=False))
    return {name: _fill_in(hints.get(name, Any), given) for name in names}


def _fill_in(kind: object, given: Mapping[object, object]) -> object:
    """An annotation with type variables replaced by what they stand for."""
    if isinstance(kind, TypeVar):
        return given.get(kind, kind)
    variables: tuple[object, ...] = getattr(kind, "__parameters__", ())
    if not variables or isinstance(kind, type):
        return kind
    return cast("dict[object, object]", kind)[tuple(given.get(each, each) for each in variables)]
