"""A session's own data: what an operation keeps for its later parts, by typed keys.

Not the board's names, which live on the board, but the host's: a calibration that the first step
has read, a counter that a child task keeps. Keys are objects, not texts, so a type checker knows
what comes out, and two libraries that share a session cannot take each other's entries.
"""

from collections.abc import Callable, Iterator
from typing import Generic, TypeVar, cast

import attrs

T = TypeVar("T")
D = TypeVar("D")


@attrs.frozen(eq=False)
class StateKey(Generic[T]):
    """Names one entry of a ``SessionState``, and its type. Make it once, at module level.

    Two keys are never the same, whatever they are called.

    Attributes:
        name: for messages.
        kind: of the values; what is not of that class is refused. Of a generic type, such as
            ``list[int]``, only a type checker sees the parts.
    """

    name: str
    kind: type[T]

    def __attrs_post_init__(self) -> None:
        if not isinstance(self.name, str):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"the name of a key is a str, not {type(self.name).__name__}")
        isinstance(None, self._runtime_class)  # raises TypeError if it is no class

    @property
    def _runtime_class(self) -> type:
        return cast(type, getattr(self.kind, "__origin__", self.kind))

    def check(self, value: T) -> None:
        """Raises ``TypeError`` if a value is not of the key's type."""
        if not isinstance(value, self._runtime_class):
            raise TypeError(
                f"state {self.name!r} is a {self._runtime_class.__name__}, not "
                f"{type(value).__name__}"
            )


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
        self._check_usable()
        try:
            return cast(T, self._values[cast(StateKey[object], key)])
        except KeyError:
            raise KeyError(f"the session has no state {key.name!r}; set it first") from None

    def __setitem__(self, key: StateKey[T], value: T) -> None:
        """Sets a value; ``TypeError`` if it is not of the key's type."""
        self._check_usable()
        key.check(value)
        self._values[cast(StateKey[object], key)] = value

    def __delitem__(self, key: StateKey[T]) -> None:
        """Removes a value; ``KeyError`` if it is not there."""
        self._check_usable()
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
        self._check_usable()
        return cast(T, self._values.get(cast(StateKey[object], key), default))

    def clear(self) -> None:
        """Removes everything."""
        self._values.clear()
