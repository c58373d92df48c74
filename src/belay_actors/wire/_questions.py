r"""Questions to the board: a ``\x01``, which it answers with its raw banner as soon as it can.

At a prompt that is at once; while code runs the question waits, or the program reads it as input
and there is no answer. Answers come in the order of the questions, so those of earlier calls come
first. When the frame of a call has come, all that was asked before it has been answered or eaten.
"""

from belay_actors.wire._banner import LONGEST_BANNER, find_banner
from belay_actors.wire._marks import END_OF_TEXT, PROMPT

_ASK = b"\x01"
_FRAME_START = b"\x1e"
_FRAME_END = b"\x1f"
_MOST = 3  # in one call: a program that reads its input eats them


class Questions:
    """When to ask, and whose answer an answer is.

    Attributes:
        older: how many answers are owed to questions from before the present call.
        own: how many are owed to its own.
        for_start: how many of its own were asked because it did not start.
    """

    def __init__(self) -> None:
        self.older: int = 0
        self.own: int = 0
        self.for_start: int = 0
        self._asked = 0
        self._is_due = False
        self._ends = 0  # marks of an end that the running program seems to have printed

    @property
    def owed(self) -> int:
        """How many answers may still come."""
        return self.older + self.own

    @property
    def is_start_answer(self) -> bool:
        """Whether the next answer is to a question why code does not start."""
        return self.for_start > 0 and self.older == 0

    def begin_call(self) -> None:
        """Code is sent."""
        self.older += self.own
        self.own = self.for_start = 0

    def begin_program(self) -> None:
        """The code seems to run."""
        self._asked = self._ends = 0

    def end_call(self) -> None:
        """The frame of the call has come."""
        self.older = 0

    def forget(self) -> None:
        """The board starts anew, or does not matter any more."""
        self.older = self.own = 0
        self._is_due = False

    def ask(self) -> bytes:
        """A question, to be sent now."""
        self.own += 1
        return _ASK

    def ask_for_start(self) -> bytes:
        """The same, because code does not start."""
        self.for_start += 1
        return self.ask()

    def resync(self) -> None:
        """The board is asked for its banner in another way."""
        self._is_due = False
        self.own += 1

    def take(self) -> bytes:
        """The question that is due, if any."""
        is_due, self._is_due = self._is_due, False
        return self.ask() if is_due else b""

    def answered(self, count: int = 1) -> int:
        """Answers have come. Returns how many of them the present call's questions have got.

        An answer to an older question may really be one to a newer: the older was eaten. So where
        the call has asked, and got none, it asks again.
        """
        late = min(self.older, count)
        self.older -= late
        mine = count - late
        if late and self.own and not mine:
            self._is_due = True
        self.own = max(self.own - mine, 0)
        return mine

    def observe(self, known: bytes, text: bytes) -> None:
        r"""Asks if a running program seems over: at two ``\x04`` and then a ``>``, or at a banner.

        Or at the first or last byte of a frame, where the rest makes none: that may be the reply,
        into which a thread has printed.

        Args:
            known: what it has printed before.
            text: what it prints now.
        """
        # Not by patterns: looking for one byte is many times as fast, and this sees all output.
        if self._counts_an_end(text) or _FRAME_START in text or _FRAME_END in text:
            self.doubt()
        known = known[-LONGEST_BANNER:]
        context = known + text
        banner = find_banner(context, 0, len(context))
        while banner is not None and banner[1] <= len(known):
            banner = find_banner(context, banner[1], len(context))
        if banner is not None:
            self._wonder(2 * _MOST)

    def doubt(self) -> None:
        """The reply may have come in a way that nobody could read."""
        self._wonder(_MOST)

    def _counts_an_end(self, text: bytes) -> bool:
        is_complete = False
        position = 0
        while True:
            position = text.find(PROMPT if self._ends > 1 else END_OF_TEXT, position) + 1
            if not position:
                return is_complete
            is_complete = is_complete or self._ends > 1
            self._ends = (self._ends + 1) % 3

    def _wonder(self, most: int) -> None:
        if not self._is_due and self._asked < most:
            self._asked += 1
            self._is_due = True
