"""Functions that check a value and make a plain one of it, for ``_ways`` to put together.

Each is called with a value of the user's; ``None`` in place of one lets every value through. What
does not fit raises ``Misfit``, to which each level adds where it was.
"""

import enum
import operator
import reprlib
from collections.abc import Callable, Iterable, Mapping, Sequence, Set as AbstractSet
from datetime import date, time, timedelta
from typing import cast

from belay_actors.values._misfit import Misfit

Send = Callable[[object], object]


def pass_on(value: object) -> object:
    """Every value is right as it is."""
    return value


def misfit(value: object, expected: str) -> Misfit:
    """The value is not what was expected."""
    return Misfit(f"is {reprlib.repr(value)}, which is no {expected}")


def exact(kind: type) -> Send:
    """Values of one type, subclasses not included."""

    def send(value: object) -> object:
        if type(value) is kind:
            return value
        raise misfit(value, kind.__name__)

    return send


def send_float(value: object) -> object:
    """A float, or an int that stands for one."""
    if type(value) is float or type(value) is int:
        return value
    raise misfit(value, "float")


def send_seconds(value: object) -> object:
    """A ``timedelta``."""
    if isinstance(value, timedelta):
        return value.total_seconds()
    raise misfit(value, "timedelta")


def iso_text(kind: type[date | time]) -> Send:
    """Dates and times of exactly one type: a ``datetime`` is a ``date``, too."""

    def send(value: object) -> object:
        if type(value) is kind:
            return value.isoformat()
        raise misfit(value, kind.__name__)

    return send


def text(kind: type[object]) -> Send:
    """Objects whose ``str`` is all that they are."""

    def send(value: object) -> object:
        if isinstance(value, kind):
            return str(value)
        raise misfit(value, kind.__name__)

    return send


def member_value(kind: type[enum.Enum]) -> Send:
    """Members of an enumeration."""

    def send(value: object) -> object:
        if isinstance(value, kind):
            return cast(object, value.value)
        raise misfit(value, kind.__name__)

    return send


def one_of(wires: Sequence[tuple[object, object]], name: str) -> Send:
    """One of some values, each with what it travels as."""

    def send(value: object) -> object:
        for literal, wire in wires:
            if type(value) is type(literal) and value == literal:
                return wire
        raise misfit(value, name)

    return send


def first_that_fits(sends: Sequence[Send], name: str) -> Send:
    """One of several kinds of value."""

    def send(value: object) -> object:
        problems: list[Misfit] = []
        for each in sends:
            try:
                return each(value)
            except Misfit as problem:
                problems.append(problem)
        nearest = max(problems, key=lambda problem: len(problem.steps))
        raise nearest if nearest.steps else misfit(value, name)

    return send


def items(send_item: Send, accepted: tuple[type, ...], name: str) -> Send:
    """Lists of what is alike; they become lists, and tuples tuples."""

    def send(value: object) -> object:
        if not isinstance(value, accepted):
            raise misfit(value, name)
        parts = _send_each(send_item, cast("Iterable[object]", value))
        return tuple(parts) if isinstance(value, tuple) else parts

    return send


def _send_each(send_item: Send, parts: Iterable[object]) -> list[object]:
    sent: list[object] = []
    try:
        for part in parts:
            sent.append(send_item(part))  # noqa: PERF401  # the error is to say where
    except Misfit as problem:
        problem.steps.append(f"[{len(sent)}]")
        raise
    return sent


def row(sends: Sequence[Send], name: str, *, kind: type[object] = tuple) -> Send:
    """Tuples of which each part has a type of its own."""

    def send(value: object) -> object:
        parts = cast("tuple[object, ...]", value)
        if type(value) is not kind or len(parts) != len(sends):
            raise misfit(value, name)
        return tuple(_send_parts(zip(range(len(sends)), sends, parts, strict=True), "[{}]"))

    return send


def _send_parts(parts: Iterable[tuple[object, Send, object]], step: str) -> list[object]:
    sent: list[object] = []
    place: object = None
    try:
        for place, send_part, part in parts:  # noqa: B007  # the error is to say where
            sent.append(send_part(part))
    except Misfit as problem:
        problem.steps.append(step.format(place))
        raise
    return sent


def members(send_member: Send, accepted: tuple[type, ...], name: str) -> Send:
    """Sets, which stay sets, and frozen ones, which stay frozen."""

    def send(value: object) -> object:
        if not isinstance(value, accepted):
            raise misfit(value, name)
        parts = cast("AbstractSet[object]", value)
        sent = _send_parts(((reprlib.repr(part), send_member, part) for part in parts), "{{{}}}")
        return frozenset(sent) if isinstance(value, frozenset) else set(sent)

    return send


def pairs(send_key: Send, send_value: Send, accepted: tuple[type, ...], name: str) -> Send:
    """Mappings; they become dicts."""

    def send(value: object) -> object:
        if not isinstance(value, accepted):
            raise misfit(value, name)
        mapping = cast("Mapping[object, object]", value)
        keys = [(f"[{reprlib.repr(key)}] (the key)", send_key, key) for key in mapping]
        values = [(f"[{reprlib.repr(key)}]", send_value, mapping[key]) for key in mapping]
        return dict(zip(_send_parts(keys, "{}"), _send_parts(values, "{}"), strict=True))

    return send


def attributes(kind: type[object], sends: Mapping[str, Send]) -> Send:
    """Objects with these attributes; they become dicts. A subclass may have more, so it is none."""
    names = [*sends]
    get = [operator.attrgetter(name) for name in names]

    def send(value: object) -> object:
        if type(value) is not kind:
            raise misfit(value, kind.__name__)
        parts = (
            (name, sends[name], get_one(value)) for name, get_one in zip(names, get, strict=True)
        )
        return dict(zip(names, _send_parts(parts, ".{}"), strict=True))

    return send


def typed_dict(name: str, sends: Mapping[str, Send], required: frozenset[str]) -> Send:
    """Dicts with these keys, some of which may be missing."""

    def send(value: object) -> object:
        if type(value) is not dict:
            raise misfit(value, name)
        given = cast("dict[str, object]", value)
        if not required <= given.keys() <= sends.keys():
            wanted = reprlib.repr(sorted(required))
            raise misfit(given, f"{name}; that has keys of {[*sends]}, and needs {wanted}")
        parts = ((f"[{key!r}]", sends[key], part) for key, part in given.items())
        return dict(zip(given, _send_parts(parts, "{}"), strict=True))

    return send
