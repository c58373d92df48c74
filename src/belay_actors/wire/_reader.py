"""The reader: walks through what a board has sent, cut anywhere, from mark to mark.

It finds marks, banners, frames, and the text between them, and keeps what may yet become one of
these. What they mean is the machine's affair; see ``_machine``.
"""

import abc

from belay_actors.wire._banner import find_broken_off
from belay_actors.wire._events import Event
from belay_actors.wire._frames import CONTROL, Damaged, Frame, FrameReader, NoFrame, Partial
from belay_actors.wire._marks import find_begun_answer, find_end_of_text, find_mark
from belay_actors.wire._questions import Questions
from belay_actors.wire._states import PRINTING, State

_STARTED = b"OK"
_PROMPTS = {State.REPLIED: b"\x04\x04>", State.CLOSING: b"\x04>", State.PROMPTING: b">"}


class Reader(abc.ABC):
    """Reads one board's bytes.

    Args:
        frames: recognises the attachment's frames.

    Attributes:
        state: where the board is; it says by which marks that is left.
    """

    def __init__(self, frames: FrameReader) -> None:
        self.state = State.DETACHED
        self._frames = frames
        self._questions = Questions()
        self._number = -1  # of the call
        self._events: list[Event] = []
        self._held = bytearray()  # bytes of which the meaning depends on what will follow
        self._held_until = 0

    def receive(self, data: bytes) -> list[Event]:
        """Takes in bytes from the board, cut anywhere, and returns what they say."""
        self._events = []
        if self._held:
            self._held += data
            if len(self._held) < self._held_until and CONTROL.search(data) is None:
                return self._events
            data = bytes(self._held)
            self._held.clear()
        else:
            data = self._take_usual(data)
        self._held_until = 0
        if data:
            self._held += self._consume(data)
        return self._events

    def _take_usual(self, data: bytes) -> bytes:
        """Takes what nearly always comes, and returns the rest.

        It has no text, so there is nothing else to be looked for in it.
        """
        if self.state is State.SENT and data.startswith(_STARTED):
            self._mark(_STARTED)
            data = data[len(_STARTED) :]
        if self.state in PRINTING:
            found = self._frames.read_reply(data)
            if found is not None and found[0].key == self._number:
                self._reply(found[0])
                data = data[found[1] :]
        prompt = _PROMPTS.get(self.state)
        if prompt is None or not prompt.startswith(data):
            return data
        for position in range(len(data)):
            self._mark(data[position : position + 1])
        return b""

    def _consume(self, data: bytes) -> bytes:
        """Walks from mark to mark. Returns the bytes at the end that mean nothing yet."""
        text = position = 0
        stop = self._frames.find(data, 0)
        while position < len(data):
            if 0 <= stop < position:
                stop = self._frames.find(data, position)
            found = find_mark(self.state, data, position, stop if stop >= 0 else len(data))
            if found is not None:
                self._text(data[text : found[0]])
                self._mark(data[slice(*found)])
                text = position = found[1]
            elif stop < 0:
                end = find_end_of_text(self.state, data, position, self._questions.owed)
                self._text(data[text:end])
                return data[self._end_unanswered(data, end) :]
            else:
                frame, position = self._frames.read(data, stop)
                if isinstance(frame, NoFrame):
                    continue
                begun = find_begun_answer(self.state, data, text, stop)
                self._text(data[text:begun])
                if isinstance(frame, Partial):
                    self._held_until = frame.size + stop - begun
                    return data[begun:]
                if isinstance(frame, Damaged):  # a board that restarts: its banner is no part
                    position = find_broken_off(data, stop, position)
                self._frame(frame, data[stop:position])
                if begun < stop:
                    data = data[begun:stop] + data[position:]
                    position, stop = 0, self._frames.find(data, 0)
                text = position
        self._text(data[text:])
        return b""

    # What they mean.

    @abc.abstractmethod
    def _text(self, text: bytes) -> None:
        """Text came; it may be empty."""

    @abc.abstractmethod
    def _mark(self, mark: bytes) -> None:
        """A mark of the state came, or a banner."""

    @abc.abstractmethod
    def _frame(self, frame: Frame | Damaged, raw: bytes) -> None:
        """A frame came."""

    @abc.abstractmethod
    def _reply(self, frame: Frame) -> None:
        """The frame of the call came that runs."""

    @abc.abstractmethod
    def _end_unanswered(self, data: bytes, end: int) -> int:
        """Ends the call if its questions have been answered. Returns how much is used up."""
