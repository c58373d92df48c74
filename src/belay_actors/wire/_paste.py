r"""Raw-paste: sending code with flow control, as a machine of its own.

The host writes ``\x05A\x01``. The board answers ``R\x01`` and its window size (two bytes, little
endian), or ``R\x00`` if it knows no raw-paste, or the raw banner if its firmware is older than
that. The window may then be sent, and again as much for each ``\x01`` that the board writes; the
first of them follows the size at once. ``\x04`` from the host ends the code, and the board echoes
it; ``\x04`` from the board alone ends it early, and must be echoed by the host. Then comes the
program's output.

Source: https://docs.micropython.org/en/latest/reference/repl.html#raw-paste-mode
"""

import enum
import re

from belay_actors.wire._banner import RAW_BANNER

_HEADER = b"\x05A\x01"
_MORE = 0x01
_END = b"\x04"
_ANSWER = re.compile(rb"R\x00|R\x01(..)|" + re.escape(RAW_BANNER), re.DOTALL)


class PasteState(enum.Enum):
    """Where an upload is."""

    OPENING = enum.auto()
    SENDING = enum.auto()
    SENT = enum.auto()
    REFUSED = enum.auto()


class PasteUpload:
    """One upload. ``outgoing`` holds what to write next; take it after each call.

    Args:
        code: the source, without control characters.
        window: bytes, where the board has shown it before; then a code that fits into its first two
            windows goes out with the header, in one write.
    """

    def __init__(self, code: bytes, window: int | None = None) -> None:
        self.state = PasteState.OPENING
        self.window = window
        self.outgoing = _HEADER
        self._rest = code
        self._credit = 0
        self._has_ended = False
        if window is not None and len(code) + len(_END) <= 2 * window:
            self._send(len(code))

    def _send(self, size: int) -> None:
        self.outgoing += self._rest[:size]
        self._rest = self._rest[size:]
        if not self._rest and not self._has_ended:
            self._has_ended = True
            self.outgoing += _END

    def receive(self, data: bytes, position: int) -> int:
        """Takes in what the board wrote.

        Returns:
            The position of the first byte that was not used: output, once the state is ``SENT``, or
            the start of an answer that is not complete.
        """
        if self.state is PasteState.OPENING:
            answer = _ANSWER.search(data, position)
            if answer is None:
                return max(position, len(data) - len(RAW_BANNER))
            position = answer.end()
            if answer[1] is None:
                self.state = PasteState.REFUSED
                return position
            self.state = PasteState.SENDING
            self.window = int.from_bytes(answer[1], "little")
            self._grant()
        while self.state is PasteState.SENDING and position < len(data):
            self._flow(data[position])
            position += 1
        return position

    def _flow(self, byte: int) -> None:
        if byte == _MORE:
            self._grant()
        elif byte == _END[0]:
            if not self._has_ended:
                self._has_ended = True
                self.outgoing += _END
            self.state = PasteState.SENT

    def _grant(self) -> None:
        assert self.window is not None
        self._credit += self.window
        size = min(self._credit, len(self._rest))
        self._credit -= size
        if size or not self._has_ended:
            self._send(size)
