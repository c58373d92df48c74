"""The floor: a hand-written blocking raw-REPL client, as short as it can be.

It knows nothing of cancellation, noise, resets or threads; it is what a call costs if nothing ever
goes wrong.
"""

import os
import select

from belay_actors.transport import LocalLink

PROMPT = b"\x04>"


class BlockingClient:
    """Runs code over the pty of a link, which nobody else may use meanwhile."""

    def __init__(self, link: LocalLink) -> None:
        self._descriptor = link._descriptor  # noqa: SLF001  # nobody else is to do this

    def enter(self) -> None:
        """Enters the raw REPL."""
        os.write(self._descriptor, b"\x03\x03\x01")
        self._read_until(b"raw REPL; CTRL-B to exit\r\n>")

    def call(self, code: bytes) -> bytes:
        """Runs code and returns all that comes back."""
        os.write(self._descriptor, code + b"\x04")
        return self._read_until(PROMPT)

    def _read_until(self, end: bytes) -> bytes:
        data = b""
        while not data.endswith(end):
            select.select([self._descriptor], [], [])
            data += os.read(self._descriptor, 65536)
        return data
