"""Constants of a module that board functions use: written down with the value they have there."""

from typing import cast

from belay_actors.values import encode

_PLAIN = (type(None), bool, int, float, complex, str, bytes, range)


def has_constant_name(name: str) -> bool:
    """Whether a name is in capitals, as constants are."""
    return name.isupper()


def is_constant(value: object) -> bool:
    """Whether a value can be sent and can never change."""
    if type(value) in (tuple, frozenset):
        return all(map(is_constant, cast("tuple[object, ...] | frozenset[object]", value)))
    return type(value) in _PLAIN


def write_constant(name: str, value: object) -> str:
    """Writes the statement that gives a constant its value."""
    return f"{name} = {encode(value)}\n"
