"""A session's own data: what an operation keeps for its later parts, by typed keys.

Not the board's names, which live on the board, but the host's: a calibration that the first step
has read, a counter that a child task keeps. Keys are objects, not texts, so a type checker knows
what comes out, and two libraries that share a session cannot take each other's entries.
"""

from collections.abc import Callable, Iterator
from types import UnionType
from typing import Generic, TypeVar, Union, cast, get_args, get_origin

import attrs

from belay_actors.session._resource import check_name

T = TypeVar("T")
D = TypeVar("D")

_UNIONS: tuple[object, ...] = (UnionType, Union)
# As type checkers have it: where a float is wanted, an int will do.
_NUMBERS: dict[object, tuple[type, ...]] = {float: (float, int), complex: (complex, float, int)}


@attrs.frozen(eq=False)
class StateKey(Generic[T]):
    """Names one entry of a ``SessionState``, and its type. Make it once, at module level.

    Two keys are never the same, whatever they are called. Where there are several types, a type
    checker has to be told twice: ``StateKey[int | None]("port", int | None)``.

    Attributes:
        name: for messages.
        kind: of the values; what is not of that class is refused, but an ``int`` does for a
            ``float``. Of a generic type, such as ``list[int]``, only a type checker sees the parts.

    Raises:
        TypeError, ValueError: the name is no text, or empty, or values cannot be checked for being
            of that kind.
    """

    name: str
    kind: type[T] | UnionType

    def __attrs_post_init__(self) -> None:
        check_name("the name of a key", self.name)
        for one in _classes_of(self.kind):
            isinstance(None, one)  # raises TypeError if that cannot be asked

    def check(self, value: T) -> None:
        """Raises ``TypeError`` if a value is not of the key's type."""
        if not isinstance(value, _classes_of(self.kind)):
            is_union = get_origin(self.kind) in _UNIONS
            name = str(self.kind) if is_union else getattr(self.kind, "__name__", str(self.kind))
            raise TypeError(f"state {self.name!r} is a {name}, not {type(value).__name__}")


def _classes_of(kind: object) -> tuple[type, ...]:
    """The classes that ``isinstance`` is to be asked for."""
    origin = get_origin(kind)
    if origin in _UNIONS:
        return tuple(one for part in get_args(kind) for one in _classes_of(part))
    if isinstance(kind, tuple):
        raise TypeError(f"a type is wanted, or a union such as int | str, not {kind!r}")
    return _NUMBERS.get(kind) or (origin or cast(type, kind),)


class SessionState:
    """Data of one session, on the host. Emptied when the session has ended.

    Args:
        check_usable: raises if the session has ended.
    """

    __slots__ = ("_check_usable", "_values")

    def __init__(self, check_usable: Callable[[], None]) -> None:
        self._check_usable = check_usable
        self._values: dict[StateKey[object], object] = {}

    def __getitem__(self, key: StateKey[T]) -> T:
        """Returns a value; ``KeyError`` if it was never set."""
        self._check(key)
        if key not in self:
            raise self._missing(key)
        return cast(T, self._values[cast(StateKey[object], key)])

    def __setitem__(self, key: StateKey[T], value: T) -> None:
        """Sets a value; ``TypeError`` if it is not of the key's type."""
        self._check(key)
        key.check(value)
        self._values[cast(StateKey[object], key)] = value

    def __delitem__(self, key: StateKey[T]) -> None:
        """Removes a value; ``KeyError`` if it is not there."""
        self._check(key)
        if key not in self:
            raise self._missing(key)
        del self._values[cast(StateKey[object], key)]

    def __contains__(self, key: object) -> bool:
        """Whether a value is set."""
        return key in self._values

    def __len__(self) -> int:
        return len(self._values)

    def __iter__(self) -> Iterator[StateKey[object]]:
        return iter([*self._values])

    def get(self, key: StateKey[T], default: D) -> T | D:
        """Returns a value, or ``default`` if it is not set."""
        self._check(key)
        return cast(T, self._values.get(cast(StateKey[object], key), default))

    def clear(self) -> None:
        """Removes everything."""
        self._values.clear()

    def _check(self, key: StateKey[T]) -> None:
        self._check_usable()
        if not isinstance(key, StateKey):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"a StateKey is wanted, not {key!r}")

    def _missing(self, key: StateKey[T]) -> KeyError:
        return KeyError(f"the session has no state {key.name!r}; set it first")
