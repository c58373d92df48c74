r"""The raw REPL as a state machine: bytes in, events out; commands in, bytes out.

Two rules carry it.

*Only a frame says what became of a call.* The raw REPL's own marks (``OK``, ``\x04``, ``>``) are
not escaped, so a program can print them. They are used for one thing only: after the reply frame
they tell that the board is back at its prompt. Where they seem to come without a frame, the machine
asks with a ``\x01``: at the prompt a board answers that with its banner, while code runs it has to
wait.

*Bytes that are nobody's harm nobody.* What comes before ``OK``, or while no call runs, goes out as
``Unsolicited``; a frame of an older call is dropped.

How a call goes, in states::

    IDLE --submit--> SENT --OK--> RUNNING ------- V, U ----------> REPLIED --\x04--> CLOSING
      ^       \                     ^  \                             ^                  |
      |        \--> PASTING --------/   \--- T ---> FAILING --- E ---/                  |
      \-----------------------------------<-----------------------------------\x04>----/

``resync`` leads from anywhere to SYNCING, and the raw banner from there to IDLE. A banner that
nobody asked for means that the board has started anew: DETACHED, until the next ``resync``.

Source: https://docs.micropython.org/en/latest/reference/repl.html#raw-mode-and-raw-paste-mode
"""

import enum

from belay_actors.wire._banner import RAW_BANNER, find_banner, find_broken_off
from belay_actors.wire._events import (
    Dropped,
    Event,
    Output,
    PasteRefused,
    Ready,
    Replied,
    ReplyKind,
    Restarted,
    SessionOutput,
    Unanswered,
    Unsolicited,
)
from belay_actors.wire._frames import CONTROL, Damaged, Frame, FrameReader, NoFrame, Partial
from belay_actors.wire._paste import PasteState, PasteUpload

RESYNC = b"\x03\x03\x01"
LEAVE = b"\x03\x02"
_END_OF_CODE = b"\x04"
_ASK_FOR_BANNER = b"\x01"
_EOT = b"\x04"
_PROMPT = b"\x04>"
_OK = b"OK"

_TAIL_MAX = 2048
_TRACEBACK_MAX = 64 * 1024


class State(enum.Enum):
    """Where the board is, as far as its bytes have told."""

    DETACHED = enum.auto()
    SYNCING = enum.auto()
    IDLE = enum.auto()
    PASTING = enum.auto()
    SENT = enum.auto()
    RUNNING = enum.auto()
    FAILING = enum.auto()
    REPLIED = enum.auto()
    CLOSING = enum.auto()


_IN_PROGRAM = (State.RUNNING, State.FAILING)
_BEHIND_REPLY = (State.REPLIED, State.CLOSING)


class RawRepl:
    """One board's raw REPL, seen from the host.

    Args:
        token: four characters that mark this attachment's frames.
        max_payload: bytes; the largest frame that is believed.
        is_lossless: whether the board's input never overflows. Then a call is over when its frame
            has come, and the next may be sent before the prompt is there: it will wait its turn.
    """

    def __init__(
        self, token: str, *, max_payload: int = 64 * 1024 * 1024, is_lossless: bool = False
    ) -> None:
        self.state = State.DETACHED
        self._is_lossless = is_lossless
        self._has_next = False
        self.paste_window: int | None = None
        self._frames = FrameReader(token.encode("ascii"), max_payload)
        self._events: list[Event] = []
        self._outgoing = b""
        self._held = bytearray()
        self._held_until = 0
        self._number = -1
        self._reply: Replied | None = None
        self._traceback = b""
        self._tail = b""
        self._asked = 0
        self._has_new_text = False
        self._upload: PasteUpload | None = None

    @property
    def is_busy(self) -> bool:
        """Whether something is under way that will end in an event."""
        if self.state in _BEHIND_REPLY:
            return self._has_next or not self._is_lossless
        return self.state not in (State.IDLE, State.DETACHED)

    @property
    def is_running(self) -> bool:
        """Whether the board is known to run the code of the last command."""
        return self.state in _IN_PROGRAM

    @property
    def tail(self) -> bytes:
        """The end of what the board has printed since the last command, for messages."""
        return self._tail

    # Commands: each returns what to write.

    def resync(self) -> bytes:
        """Asks the board, whatever it is doing, for its raw prompt; ``Ready`` is the answer."""
        self.state = State.SYNCING
        self._has_next = False
        self._upload = None
        self._tail = b""
        self._asked = 0
        return RESYNC

    def leave(self) -> bytes:
        """Sends the board to its friendly prompt, where other tools expect it."""
        self.state = State.DETACHED
        return LEAVE

    def submit(self, number: int, code: str, *, paste: bool = False) -> bytes:
        """Sends code that will answer with a frame numbered ``number``.

        Args:
            number: of the call; never used again on this attachment.
            code: source without control characters other than line feeds.
            paste: use raw-paste, unless the board is not quite at its prompt yet. More to write
                may come from ``take_outgoing`` later.
        """
        assert not self.is_busy, f"a call in state {self.state.name}"
        self._number = number
        self._traceback = self._tail = b""
        if self.state in _BEHIND_REPLY:
            self._has_next = True
            return code.encode() + _END_OF_CODE
        if paste:
            self.state = State.PASTING
            self._upload = PasteUpload(code.encode(), self.paste_window)
            return self._take_upload()
        self.state = State.SENT
        return code.encode() + _END_OF_CODE

    def take_outgoing(self) -> bytes:
        """What the machine wants written because of what it received."""
        outgoing, self._outgoing = self._outgoing, b""
        return outgoing

    # Bytes in.

    def receive(self, data: bytes) -> list[Event]:
        """Takes in bytes from the board, cut anywhere, and returns what they say."""
        if self._held:
            self._held += data
            if len(self._held) < self._held_until and CONTROL.search(data) is None:
                return []
            data = bytes(self._held)
            self._held.clear()
        self._events = []
        self._held_until = 0
        self._has_new_text = False
        rest = self._consume(data)
        self._held += data[rest:]
        if self._has_new_text and not self._held and self.state in _IN_PROGRAM:
            self._ask_if_over()
        return self._events

    def _consume(self, data: bytes) -> int:
        """Walks from mark to mark. Returns where the bytes start that mean nothing yet."""
        position = 0
        while position < len(data):
            if self.state is State.PASTING:
                position = self._paste(data, position)
                if self.state is State.PASTING:
                    return position
                continue
            found = self._next_mark(data, position)
            if found is None:
                end = self._end_of_text(data, position)
                self._text(data[position:end])
                return end
            start, end, mark = found
            self._text(data[position:start])
            if mark is None:
                return start
            self._mark(mark, data[start:end])
            position = end
        return position

    def _next_mark(
        self, data: bytes, start: int
    ) -> tuple[int, int, Frame | Damaged | bytes | None] | None:
        """The first thing from ``start`` on that is not text: start, end and what it is.

        A mark of which the end is missing is ``None``.
        """
        stop = len(data)
        found: tuple[int, int, Frame | Damaged | bytes | None] | None = None
        for plain in self._plain_marks():
            position = data.find(plain, start, stop)
            if position >= 0:
                found = (position, position + len(plain), plain)
                stop = position
        banner = find_banner(data, start)
        if banner is not None and banner[0] < stop:
            found = (*banner, data[slice(*banner)])
            stop = banner[0]
        position = self._frames.find(data, start)
        while 0 <= position < stop:
            frame, end = self._frames.read(data, position)
            if isinstance(frame, Partial):
                self._held_until = frame.size
                return position, position, None
            if not isinstance(frame, NoFrame):
                return position, end, frame
            position = self._frames.find(data, end)
        return found

    def _plain_marks(self) -> tuple[bytes, ...]:
        match self.state:
            case State.SENT:
                return (_OK,)
            case State.REPLIED:
                return (_EOT,)
            case State.CLOSING:
                return (_PROMPT,)
            case _:
                return ()

    def _end_of_text(self, data: bytes, start: int) -> int:
        """Where text ends that is surely text: the first byte of a mark may be the last to come."""
        end = find_broken_off(data, start)
        for plain in self._plain_marks():
            if len(plain) > 1 and data.endswith(plain[:1]):
                end = min(end, len(data) - 1)
        return max(start, end)

    # What text and marks mean in each state.

    def _text(self, text: bytes) -> None:
        if not text:
            return
        if self.state is State.RUNNING:
            self._events.append(Output(text))
        elif self.state is State.FAILING:
            self._traceback = (self._traceback + text)[-_TRACEBACK_MAX:]
        elif self.state is not State.SYNCING:
            self._events.append(Unsolicited(text))
        self._tail = (self._tail + text)[-_TAIL_MAX:]
        self._has_new_text = True

    def _mark(self, mark: Frame | Damaged | bytes, raw: bytes) -> None:
        if isinstance(mark, Frame):
            self._frame(mark)
        elif isinstance(mark, Damaged):
            self._events.append(Dropped(mark.key, is_damaged=True))
            self._tail = (self._tail + raw)[-_TAIL_MAX:]
        elif mark == _OK:
            self.state = State.RUNNING
            self._asked = 0
            self._tail = b""
        elif mark == _EOT:
            self.state = State.CLOSING
        elif mark == _PROMPT:
            self._close()
        else:
            self._banner(mark)

    def _frame(self, frame: Frame) -> None:
        if frame.kind == b"P":
            self._events.append(SessionOutput(frame.key, frame.payload))
        elif frame.key != self._number or self.state not in _IN_PROGRAM:
            self._events.append(Dropped(frame.key, is_damaged=False))
        elif frame.kind == b"T":
            self.state = State.FAILING
        else:
            kind = ReplyKind(frame.kind)
            self._reply = Replied(self._number, kind, frame.payload, self._traceback)
            self.state = State.REPLIED
            if self._is_lossless:
                self._events.append(self._reply)

    def _close(self) -> None:
        self.state = State.SENT if self._has_next else State.IDLE
        self._has_next = False
        if self._reply is not None and not self._is_lossless:
            self._events.append(self._reply)

    def _banner(self, banner: bytes) -> None:
        is_raw = banner == RAW_BANNER
        if self.state is State.SYNCING and is_raw:
            self.state = State.IDLE
            self._events.append(Ready(self._tail))
        elif self.state in _IN_PROGRAM and is_raw and self._asked:
            self.state = State.IDLE
            self._events.append(Unanswered(self._number, self._tail))
        elif self.state in (State.IDLE, State.SENT) and is_raw and self._asked:
            self._asked -= 1  # the late answer to a question that a frame has settled
        elif self.state is not State.SYNCING:
            self.state = State.DETACHED
            self.paste_window = None
            self._events.append(Restarted(banner))

    def _ask_if_over(self) -> None:
        if self._tail.endswith(_PROMPT) and self._tail.find(_EOT) < len(self._tail) - 2:
            self._asked += 1
            self._outgoing += _ASK_FOR_BANNER

    def _paste(self, data: bytes, start: int) -> int:
        assert self._upload is not None
        position = self._upload.receive(data, start)
        self._outgoing += self._take_upload()
        if self._upload.state is PasteState.REFUSED:
            self.state = State.IDLE
            self._events.append(PasteRefused(self._number))
        elif self._upload.state is PasteState.SENT:
            self.state = State.RUNNING
            self.paste_window = self._upload.window
        return position

    def _take_upload(self) -> bytes:
        assert self._upload is not None
        outgoing, self._upload.outgoing = self._upload.outgoing, b""
        return outgoing
