r"""Raw-paste: how much of a program may be sent when.

The host writes ``\x05A\x01``. The board answers ``R\x01`` and its window size (two bytes, little
endian), or ``R\x00`` if it knows no raw-paste, or the raw banner if its firmware is older than
that. The window may then be sent, and again as much for each ``\x01`` that the board writes; the
first of them follows the size at once. ``\x04`` from the host ends the code, and the board echoes
it; ``\x04`` from the board alone ends it early, and must be echoed by the host. Then comes the
output.

Source: https://docs.micropython.org/en/latest/reference/repl.html#raw-paste-mode
"""

_HEADER = b"\x05A\x01"
_END = b"\x04"


class PasteUpload:
    """One upload; each method returns what to write next.

    Args:
        code: the source, without control characters.
        window: bytes, where the board has shown it before; then a code that fits into its first
            two windows goes out with the header, in one write.

    Attributes:
        has_ended: whether all of the code was sent, and its end.
    """

    def __init__(self, code: bytes, window: int | None) -> None:
        self._code = code
        self._sent = 0
        self._credit = 0
        self.has_ended = False
        self.window = window or 0

    def open(self) -> bytes:
        """Asks for the mode."""
        fits = len(self._code) + len(_END) <= 2 * self.window
        return _HEADER + (self._send(len(self._code)) if fits else b"")

    def opened(self, window: int) -> bytes:
        """The board is in the mode, and has this window."""
        self.window = window
        return self.granted(1)

    def granted(self, count: int) -> bytes:
        """So many windows more are free."""
        self._credit += count * self.window
        size = min(self._credit, len(self._code) - self._sent)
        self._credit -= size
        return self._send(size)

    def ended(self) -> bytes:
        """The board takes no more."""
        self._sent = len(self._code)
        return self._send(0)

    def _send(self, size: int) -> bytes:
        start, self._sent = self._sent, self._sent + size
        part = self._code[start : self._sent]
        if self._sent < len(self._code) or self.has_ended:
            return part
        self.has_ended = True
        return part + _END
