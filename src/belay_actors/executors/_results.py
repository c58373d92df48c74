"""Results that are kept for a while, for tasks that ask for it with ``cache_result``.

The cache belongs to one session, so a result never outlives what is on the board, and never comes
from another one. Only results are kept, no failures.
"""

import copy
from collections.abc import Hashable

import attrs
import trio

from belay_actors.values import Value

_MOST = 256  # results; the one that was used least recently goes first


@attrs.frozen
class _Kept:
    value: Value
    until: float


class ResultCache:
    """Results by whatever names a call: its function, and its arguments as they are sent."""

    __slots__ = ("_kept",)

    def __init__(self) -> None:
        self._kept: dict[Hashable, _Kept] = {}

    def find(self, key: Hashable) -> tuple[Value] | None:
        """Returns a copy of a result that is still good, alone in a tuple; ``None`` without one."""
        kept = self._kept.pop(key, None)
        if kept is None or kept.until <= trio.current_time():
            return None
        self._kept[key] = kept
        return (copy.deepcopy(kept.value),)

    def keep(self, key: Hashable, value: Value, seconds: float) -> None:
        """Keeps a copy of a result for that long."""
        self._kept.pop(key, None)
        self._kept[key] = _Kept(copy.deepcopy(value), trio.current_time() + seconds)
        if len(self._kept) > _MOST:
            del self._kept[next(iter(self._kept))]
