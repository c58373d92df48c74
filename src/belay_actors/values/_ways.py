"""How values of an annotation travel: checked, and taken apart into plain ones.

The opposite of ``structure``, for the same annotations. A record (attrs class, dataclass, typed
dict) travels as a dict of its fields, a named tuple as a tuple, a member of an enumeration as its
value, a ``timedelta`` as seconds, and dates, times, UUIDs and paths as text. An annotation that
cannot travel is refused when it is seen, before there is a value.
"""

import enum
import typing
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import Literal, cast

import attrs

from belay_actors.values import _annotations as annotations, _senders as senders
from belay_actors.values._annotations import class_of, name_of, strip
from belay_actors.values._encode import encode

_KEYS = frozenset((type(None), bool, int, float, complex, str, bytes, tuple, frozenset))
_ALL = _KEYS | {bytearray, range, list, dict, set}


@attrs.frozen(eq=False)
class Way:
    """How values of one annotation travel.

    Attributes:
        send: makes a plain value of one; raises ``Misfit``.
        wire: the types of what it makes.
        is_key: whether that may be a key of a dict, or in a set.
        is_same: whether that is the value itself.
        is_record: whether it is an attrs class or a dataclass.
    """

    send: senders.Send
    wire: frozenset[type]
    is_key: bool = False
    is_same: bool = False
    is_record: bool = False


ANYTHING = Way(senders.pass_on, _ALL, is_key=True, is_same=True)


def find_way(kind: object) -> Way:
    """Finds out how values of an annotation travel.

    Raises:
        TypeError: they cannot; the message says which part of the annotation is to blame.
    """
    try:
        return _Finder().find(kind)
    except RecursionError:
        raise TypeError(f"{name_of(kind)} never ends") from None


class _Finder:
    """Looks at one annotation, and all that it is made of."""

    def __init__(self) -> None:
        self._records: dict[object, Way | None] = {}  # None while its fields are looked at

    def find(self, kind: object) -> Way:
        kind = strip(kind)
        if annotations.is_anything(kind):
            return ANYTHING
        if annotations.is_union(kind):
            return self._union(kind)
        if typing.get_origin(kind) is Literal:
            return _literal(kind)
        found = class_of(kind)
        if found is not None:
            way = _leaf(found) or self._record(kind, found) or self._collection(kind, found)
            if way is not None:
                return way
        raise TypeError(f"{name_of(kind)} is no type that can travel between host and board")

    def _record(self, kind: object, found: type[object]) -> Way | None:
        is_tuple = annotations.is_named_tuple(kind)
        is_record = annotations.is_record(kind)
        if not (is_tuple or is_record or typing.is_typeddict(found)):
            return None
        wire: frozenset[type] = frozenset((tuple if is_tuple else dict,))
        if kind not in self._records:
            self._records[kind] = None
            fields = {name: self.find(field) for name, field in _fields(kind).items()}
            send = _record_sender(found, {name: way.send for name, way in fields.items()})
            is_key = is_tuple and all(way.is_key for way in fields.values())
            self._records[kind] = Way(send, wire, is_key=is_key, is_record=is_record)
        return self._records[kind] or Way(self._later(kind), wire, is_record=is_record)

    def _later(self, kind: object) -> senders.Send:
        """For a record that is a part of itself."""

        def send(value: object) -> object:
            way = self._records[kind]
            assert way is not None, "it is looked at only until its annotation was"
            return way.send(value)

        return send

    def _collection(self, kind: object, found: type[object]) -> Way | None:
        parts, name = typing.get_args(kind), name_of(kind)
        if found is tuple and (parts or kind is not tuple) and parts[-1:] != (...,):
            ways = [self.find(part) for part in parts]
            return Way(
                senders.row([way.send for way in ways], name),
                frozenset((tuple,)),
                is_key=all(way.is_key for way in ways),
            )
        if found in annotations.DICTS:
            key, value = map(self.find, parts or (object, object))
            _check_key(key, name)
            return Way(senders.pairs(key.send, value.send, (found,), name), frozenset((dict,)))
        accepted = annotations.ITEMS.get(found)
        if accepted is None:
            return None
        item = self.find(parts[0] if parts else object)
        if found not in annotations.SETS:
            wire = frozenset(tuple if each is tuple else list for each in accepted)
            send = senders.items(item.send, accepted, name)
            return Way(send, wire, is_key=found is tuple and item.is_key)
        _check_key(item, name)
        send = senders.members(item.send, accepted, name)
        return Way(send, frozenset(accepted), is_key=found is frozenset)

    def _union(self, kind: object) -> Way:
        arms = [self.find(arm) for arm in typing.get_args(kind)]
        for place, arm in enumerate(arms):
            for other in arms[:place]:
                _check_apart(arm, other, kind)
        return Way(
            senders.first_that_fits([arm.send for arm in arms], name_of(kind)),
            frozenset[type]().union(*(arm.wire for arm in arms)),
            is_key=all(arm.is_key for arm in arms),
            is_same=all(arm.is_same for arm in arms),
        )


def _fields(kind: object) -> Mapping[str, object]:
    try:
        return annotations.fields_of(kind)
    except (NameError, TypeError) as error:
        raise TypeError(f"the fields of {name_of(kind)} cannot be told: {error}") from error


def _record_sender(kind: type[object], fields: Mapping[str, senders.Send]) -> senders.Send:
    if typing.is_typeddict(kind):
        required = cast("frozenset[str]", getattr(kind, "__required_keys__"))  # noqa: B009
        return senders.typed_dict(kind.__name__, fields, required)
    if annotations.is_named_tuple(kind):
        return senders.row([*fields.values()], kind.__name__, kind=kind)
    return senders.attributes(kind, fields)


def _check_key(way: Way, name: str) -> None:
    if not way.is_key:
        raise TypeError(f"{name} cannot travel: a board cannot have such keys")


def _check_apart(arm: Way, other: Way, kind: object) -> None:
    """Refuses two arms of a union that could be taken for each other when they come back."""
    if (arm.is_same and other.is_same) or (arm.is_record and other.is_record):
        return  # records can be told apart by their fields; ``structure`` sees to that
    both = ", ".join(sorted(each.__name__ for each in _claims(arm) & _claims(other)))
    if both:
        raise TypeError(f"{name_of(kind)} cannot travel: more than one of it travels as {both}")


def _claims(arm: Way) -> frozenset[type]:
    """The types of what is taken for it when it comes back: an int may stand for a float."""
    return arm.wire | {int} if float in arm.wire else arm.wire


def _leaf(kind: type[object]) -> Way | None:
    wire = frozenset((kind,))
    if kind in annotations.PLAIN:
        send = senders.send_float if kind is float else senders.exact(kind)
        return Way(send, wire, is_key=wire <= _KEYS, is_same=True)
    if issubclass(kind, enum.Enum):
        return _enumeration(kind)
    if kind is timedelta:
        return Way(senders.send_seconds, frozenset((float,)), is_key=True)
    if kind is date or kind is datetime or kind is time:
        return Way(senders.iso_text(kind), frozenset((str,)), is_key=True)
    if kind in annotations.TEXTS:
        return Way(senders.text(kind), frozenset((str,)), is_key=True)
    return None


def _literal(kind: object) -> Way:
    wires = annotations.wires_of(kind)
    return Way(
        senders.one_of(wires, name_of(kind)),
        frozenset(type(wire) for _, wire in wires),
        is_key=True,
        is_same=all(literal is wire for literal, wire in wires),
    )


def _enumeration(kind: type[enum.Enum]) -> Way:
    values: Sequence[object] = [member.value for member in kind]
    for value in values:
        try:
            encode(value)
        except (TypeError, ValueError) as error:
            raise TypeError(
                f"{kind.__name__} cannot travel, because of a value: {error}"
            ) from error
    wire = frozenset(map(type, values))
    return Way(senders.member_value(kind), wire, is_key=wire <= _KEYS)
