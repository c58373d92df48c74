"""The newest part of what a board has printed on its own: bounded, for people to read."""

_LIMIT = 64 * 1024  # characters
_PARTS_MAX = 1000  # each takes some memory, however short it is


class RecentText:
    """Keeps the last 64 Ki characters of a text that goes on and on."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._size = 0

    def add(self, text: str) -> None:
        """Appends; the oldest goes when there is too much."""
        self._parts.append(text)
        self._size += len(text)
        if self._size > 2 * _LIMIT or len(self._parts) > _PARTS_MAX:
            kept = "".join(self._parts)[-_LIMIT:]
            self._parts = [kept]
            self._size = len(kept)

    def __str__(self) -> str:
        return "".join(self._parts)[-_LIMIT:]
