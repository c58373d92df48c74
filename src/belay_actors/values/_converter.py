"""The converter: cattrs, made as strict as the wire.

cattrs itself would turn ``"3"`` into ``3`` and ``3`` into ``"3"``, and a text into a list of
characters. Here a value of a basic type must already be of that type; the one exception is that an
``int`` may stand for a ``float``. A collection is made of a list, tuple or set, and a union looks
at the type of the value alone.
"""

import enum
import functools
import pathlib
import reprlib
import typing
import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from types import GenericAlias
from typing import Literal, cast, get_origin

import attrs
import cattrs
from cattrs.disambiguators import create_default_dis_func
from cattrs.gen import typeddicts

from belay_actors.values import _annotations as annotations
from belay_actors.values._annotations import strip
from belay_actors.values._ways import find_way

Structure = Callable[[object, object], object]
_Record = type[attrs.AttrsInstance]  # or a dataclass, which cattrs takes as well

_NO_COLLECTIONS = (Mapping, str, bytes, bytearray, range)
_ITEMS = (list, tuple, set, frozenset)


def make_converter(*, finds_all: bool) -> cattrs.Converter:
    """Returns a converter.

    Args:
        finds_all: whether it looks for all problems of a value, and tells where they are.
    """
    converter = cattrs.Converter(forbid_extra_keys=True, detailed_validation=finds_all)
    for kind in annotations.PLAIN:
        converter.register_structure_hook(kind, _accept)
    _add_texts(converter)
    _guard_collections(converter)
    factories: dict[Callable[[object], bool], Callable[[object, cattrs.Converter], Structure]] = {
        typing.is_typeddict: _make_typed_dict_hook,
        annotations.is_sequence: _make_sequence_hook,
        annotations.is_union: _make_union_hook,
    }
    for is_kind, make_hook in factories.items():
        converter.register_structure_hook_factory(
            is_kind, functools.partial(_make_hook, make_hook, converter)
        )
    converter.register_structure_hook_func(annotations.is_enumeration, _member)
    converter.register_structure_hook_func(annotations.is_literal, _one_of)
    converter.register_structure_hook_func(
        lambda kind: kind is None, lambda value, _: _accept(value, type(None))
    )
    converter.register_structure_hook_func(annotations.is_anything, lambda value, _: value)
    return converter


def _make_hook(
    make_hook: Callable[[object, cattrs.Converter], Structure],
    converter: cattrs.Converter,
    kind: object,
) -> Structure:
    return make_hook(kind, converter)


def _accept(value: object, kind: type[object]) -> object:
    """A value of a basic type. An ``IntEnum`` comes here, too, since it is an ``int``."""
    if type(value) is kind:
        return value
    if kind is float and type(value) is int:
        return float(value)
    if annotations.is_enumeration(kind):
        return _member(value, cast("type[enum.Enum]", kind))
    raise TypeError(f"{reprlib.repr(value)} is no {kind.__name__}")


def _member(value: object, kind: type[enum.Enum]) -> enum.Enum:
    if any(type(member.value) is type(value) for member in kind):
        return kind(value)
    raise TypeError(f"{reprlib.repr(value)} is no value of {kind.__name__}")


def _one_of(value: object, kind: object) -> object:
    for literal, wire in annotations.wires_of(kind):
        if type(wire) is type(value) and wire == value:
            return literal
    raise TypeError(f"{reprlib.repr(value)} is not in {kind}")


def _add_texts(converter: cattrs.Converter) -> None:
    def read_text(value: object, kind: Callable[[str], object]) -> object:
        if type(value) is not str:
            raise TypeError(f"{reprlib.repr(value)} is no text of a {annotations.name_of(kind)}")
        read: object = getattr(kind, "fromisoformat", kind)
        return cast("Callable[[str], object]", read)(value)

    def read_seconds(value: object, _: object) -> timedelta:
        if type(value) is float or type(value) is int:
            return timedelta(seconds=value)
        raise TypeError(f"{reprlib.repr(value)} is no number of seconds")

    for kind in (date, datetime, time, uuid.UUID, pathlib.PurePath, pathlib.Path):
        converter.register_structure_hook(kind, read_text)
    converter.register_structure_hook(timedelta, read_seconds)


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
            if not isinstance(value, _ITEMS):
                raise TypeError(f"{reprlib.repr(value)} is no list, tuple or set")
            return structure_items(value, kind)

        return structure_collection

    converter.register_structure_hook_factory(is_guarded, make_guard)


def _make_typed_dict_hook(kind: object, converter: cattrs.Converter) -> Structure:
    """A typed dict with no keys but its own."""
    return cast(
        Structure,
        typeddicts.make_dict_structure_fn(  # pyright: ignore[reportUnknownMemberType]
            kind,
            converter,
            _cattrs_forbid_extra_keys=True,
            _cattrs_detailed_validation=converter.detailed_validation,
        ),
    )


def _make_sequence_hook(kind: object, converter: cattrs.Converter) -> Structure:
    """A ``Sequence`` stays what it is: a tuple is one, a list is another."""
    (item,) = typing.get_args(kind)
    row, items = GenericAlias(tuple, (item, ...)), GenericAlias(list, (item,))
    make_row, make_items = map(converter.get_structure_hook, (row, items))

    def structure_sequence(value: object, _: object) -> object:
        is_row = isinstance(value, tuple)
        return make_row(value, row) if is_row else make_items(value, items)

    return structure_sequence


# Unions.


def _make_union_hook(kind: object, converter: cattrs.Converter) -> Structure:
    """Which arm it is, the type of a value alone tells; ``_ways`` has seen to that."""
    arms: dict[type, list[object]] = {}
    for arm in typing.get_args(kind):
        for wire in find_way(arm).wire:
            arms.setdefault(wire, []).append(arm)
    hooks = {wire: _make_arm_hook(found, converter) for wire, found in arms.items()}
    if float in hooks:
        hooks.setdefault(int, hooks[float])
    for collection in [hooks[wire] for wire in _ITEMS if wire in hooks][:1]:
        for wire in _ITEMS:
            hooks.setdefault(wire, collection)

    def structure_union(value: object, kind: object) -> object:
        hook = hooks.get(type(value))
        if hook is None:
            raise TypeError(f"{reprlib.repr(value)} is no {kind}")
        return hook(value, kind)

    return structure_union


def _make_arm_hook(arms: Sequence[object], converter: cattrs.Converter) -> Structure:
    if len(arms) > 1 and all(map(annotations.is_record, map(strip, arms))):
        return _make_record_hook(
            [cast("type[attrs.AttrsInstance]", strip(arm)) for arm in arms], converter
        )
    plain = [arm for arm in arms if not annotations.is_literal(strip(arm))]
    if len(arms) > 1 and not plain:
        literals = [literal for arm in arms for literal in typing.get_args(strip(arm))]
        arm: object = Literal[tuple(literals)]
    else:
        arm = (plain or arms)[0]
    structure = converter.get_structure_hook(arm)
    return lambda value, _: structure(value, arm)


def _make_record_hook(arms: Sequence[_Record], converter: cattrs.Converter) -> Structure:
    """Records are told apart by fields that only one of them has."""
    choose = create_default_dis_func(converter, *arms)
    hooks = {arm: converter.get_structure_hook(arm) for arm in arms}

    def structure_record(value: object, kind: object) -> object:
        arm = choose(cast("Mapping[object, object]", value))
        if arm is None:
            raise TypeError(f"{reprlib.repr(value)} is no {kind}")
        return hooks[arm](value, arm)

    return structure_record
