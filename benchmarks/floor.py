"""The floor: a hand-written blocking raw-REPL client, as short as it can be.

It knows nothing of cancellation, noise, resets or threads; it is what a call costs if nothing ever
goes wrong.
"""

import os
import select
from collections.abc import Iterator

from belay_actors.transport import LocalLink

_BANNER = b"raw REPL; CTRL-B to exit\r\n>"
_PROMPT = b"\x04>"
_FRAME_END = b"\x1f"
_START = len(b"OK")
_END = len(b"\x04\x04>")


class BlockingClient:
    """Runs code over the pty of a link, which nobody else may use meanwhile."""

    def __init__(self, link: LocalLink) -> None:
        self._descriptor = link._descriptor  # noqa: SLF001  # nobody else is to do this

    def enter(self) -> None:
        """Enters the raw REPL, from whatever the board does."""
        os.write(self._descriptor, b"\x03\x03\x01")
        self._read_until(_BANNER)

    def leave(self) -> None:
        """Leaves the raw REPL."""
        os.write(self._descriptor, b"\x02")
        self._read_until(b">>> ")

    def run(self, code: bytes) -> bytes:
        """Runs code and returns what it printed."""
        os.write(self._descriptor, code + b"\x04")
        return self._read_until(_PROMPT)[_START:-_END]

    def evaluate(self, expression: bytes) -> int:
        """Returns the integer that an expression has for its value."""
        return int(self.run(b"print(" + expression + b")"))

    def request(self, data: bytes) -> bytes:
        """Sends to what answers in frames, and returns a frame."""
        os.write(self._descriptor, data)
        return self._read_until(_FRAME_END)

    def lines(self, code: bytes) -> Iterator[bytes]:
        """Runs code and yields the lines that it prints, as they come."""
        os.write(self._descriptor, code + b"\x04")
        rest = b""
        skipped = _START
        while True:
            select.select([self._descriptor], [], [])
            *lines, rest = (rest + os.read(self._descriptor, 65536)).split(b"\n")
            for line in lines:
                yield line[skipped:]
                skipped = 0
            if rest.endswith(_PROMPT):
                return

    def _read_until(self, end: bytes) -> bytes:
        data = b""
        while not data.endswith(end):
            select.select([self._descriptor], [], [])
            data += os.read(self._descriptor, 65536)
        return data
