"""Values that become part of a text: constants of a module, and defaults of parameters.

They are written as one would write them in a function, so that a constant equals the same literal.
"""

import ast
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


def write_value(value: object) -> str:
    """Writes an expression that has a value.

    Raises:
        TypeError, ValueError: the value cannot be sent.
    """
    text = encode(value, exact_floats=False)
    try:
        ast.literal_eval(repr(value))
    except ValueError:  # it has no literal, such as infinity
        return text
    return repr(value)
