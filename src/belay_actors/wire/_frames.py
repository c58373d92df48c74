r"""Frames: how the board's core marks what is an answer, among whatever else is printed.

    \x1e TOKEN KIND KEY ; LENGTH ; SUM ; PAYLOAD \x1f

``TOKEN`` is four characters, new at every attachment. ``KIND`` is a letter. ``KEY`` is the number
of the call, or for ``P`` that of the session. ``LENGTH`` counts the bytes of the payload and
``SUM`` adds them up, and ``KIND``, too. A payload is the ``repr`` of a value, which never holds a
control character; so a control character in a payload, a wrong sum or a missing ``\x1f`` tells a
damaged frame. Where the board has 64-bit floats, ``|`` and 16 hexadecimal digits for each float of
the value follow its ``repr``, if there are any.

======  ===============================================  ==========================
Letter  Meaning                                          Payload
======  ===============================================  ==========================
``V``   the value of the code; statements have ``None``  its ``repr``, exact floats
``U``   the value cannot be sent                         ``repr`` of its type's ``str``
``T``   an error: what follows is the board's traceback  empty
``E``   the error itself, after the traceback            ``(type, message, numbers)``
``N``   the code was damaged on its way, and not run     empty
``Q``   the resident loop is there, or wants a block     empty
``P``   a thread or timer of a session printed           ``(who, text)``
``P``   a thread of a session has ended                  ``(who, run, end)``
======  ===============================================  ==========================
"""

import re

import attrs

_START = b"\x1e"
_END = 0x1F
_HEADER = re.compile(rb"([ENPQTUV])(-?\d{1,10});(\d{1,9});(\d{1,12});")
_HEADER_MAX = 40  # bytes; a longer run without its third semicolon is no header
_REPLY = re.compile(
    rb"(\x1e.{4})([EUV])(\d{1,10});(\d{1,9});(\d{1,12});([^\x00-\x1f]*)\x1f", re.DOTALL
)
CONTROL = re.compile(rb"[\x00-\x1f]")

TOKEN_LENGTH = 4


@attrs.frozen
class Frame:
    """A frame that came whole. ``kind`` is its letter."""

    kind: bytes
    key: int
    payload: bytes


@attrs.frozen
class Damaged:
    """A frame whose header was fine, but not the rest."""

    key: int


@attrs.frozen
class Partial:
    """Bytes that may yet become a frame.

    Keep them, and look again when there are ``size`` bytes from the start mark on, or when a
    control character has come (which would damage it).
    """

    size: int


@attrs.frozen
class NoFrame:
    """The start mark, but no frame: the program printed it."""


Found = Frame | Damaged | Partial | NoFrame


@attrs.define
class FrameReader:
    """Recognises the frames of one attachment.

    Args:
        token: of the attachment.
        max_payload: bytes; a frame that claims more is no frame.
    """

    token: bytes
    max_payload: int
    mark: bytes = attrs.field(init=False)  # what every frame starts with

    def __attrs_post_init__(self) -> None:
        self.mark = _START + self.token

    def read_reply(self, data: bytes) -> tuple[Frame, int] | None:
        """Reads the reply that data begins with, fast; ``None`` for all that ``read`` is for."""
        found = _REPLY.match(data)
        if found is None:
            return None
        mark, kind, key, length, check, payload = found.groups()
        size = len(payload)
        if mark != self.mark or size != int(length) or size > self.max_payload:
            return None
        if sum(payload, kind[0]) != int(check):
            return None
        return Frame(kind, int(key), payload), found.end()

    def find(self, data: bytes, start: int) -> int:
        """Position of the first byte that may start a frame, or ``-1``."""
        return data.find(_START, start)

    def read(self, data: bytes, start: int) -> tuple[Found, int]:
        """Reads the frame that may start at ``start``.

        Returns:
            What is there, and where it ends. Nothing is consumed by ``Partial``.
        """
        mark = self.mark
        if not data.startswith(mark, start):
            is_prefix = mark.startswith(data[start : start + len(mark)])
            return (Partial(0), start) if is_prefix else (NoFrame(), start + 1)
        body = start + len(mark)
        header = _HEADER.match(data, body)
        if header is None:
            rest = data[body : body + _HEADER_MAX]
            is_open = len(rest) < _HEADER_MAX and CONTROL.search(rest) is None
            return (Partial(0), start) if is_open else (NoFrame(), start + 1)
        length = int(header[3])
        if length > self.max_payload:
            return NoFrame(), start + 1
        return self._payload(data, start, header, header.end() + length)

    def _payload(
        self, data: bytes, start: int, header: re.Match[bytes], end: int
    ) -> tuple[Found, int]:
        key = int(header[2])
        control = CONTROL.search(data, header.end(), end)
        if control is not None:
            return Damaged(key), control.start()
        if end >= len(data):
            return Partial(end + 1 - start), start
        payload = data[header.end() : end]
        if data[end] != _END or sum(payload, ord(header[1])) != int(header[4]):
            return Damaged(key), end
        return Frame(header[1], key, payload), end + 1
