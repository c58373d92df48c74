"""From a plain value to the type that a caller asked for, by cattrs, without surprises.

cattrs itself would turn ``"3"`` into ``3`` and ``3`` into ``"3"``. Here a value of a basic type
must already be of that type; the one exception is that an ``int`` may stand for a ``float``.
"""

from typing import TypeVar

import cattrs
from cattrs.strategies import configure_union_passthrough

from belay_actors.values._decode import Value

T = TypeVar("T")

_Basic = None | bool | int | float | complex | str | bytes | bytearray


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


def _make_converter() -> cattrs.Converter:
    converter = cattrs.Converter(forbid_extra_keys=True)

    def accept(value: object, kind: type) -> object:
        if kind is float and type(value) is int:
            return float(value)
        if type(value) is not kind:
            raise TypeError(f"{value!r} is no {kind.__name__}")
        return value

    for kind in (bool, int, float, complex, str, bytes, bytearray):
        converter.register_structure_hook(kind, accept)
    configure_union_passthrough(_Basic, converter)
    return converter


_converter = _make_converter()


def structure(value: Value, returns: type[T]) -> T:
    """Returns ``value`` as the type ``returns``, which may be anything that cattrs knows.

    Raises:
        TypeError: the value does not fit; the message says where.
    """
    try:
        return _converter.structure(value, returns)
    except Exception as error:  # cattrs raises whatever its hooks do
        problems = "; ".join(cattrs.transform_error(error))
        raise TypeError(f"the value does not fit {_name(returns)}: {problems}") from error
