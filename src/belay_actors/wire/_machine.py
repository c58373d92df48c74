r"""The raw REPL as a state machine: bytes in, events out; commands in, bytes out.

Two rules carry it.

*Only a frame says what became of a call.* The raw REPL's own marks (``OK``, ``\x04``, ``>``) are
not escaped, so a program can print them, and boot banners, too. The marks are used for one thing
only: after the reply frame they tell that the board is back at its prompt. Where they, or a banner,
come without a frame, the machine asks with a ``\x01``: at a prompt a board answers that with its
raw banner, while code runs it has to wait.

*Bytes that are nobody's harm nobody.* Firmware writes each mark separately, and threads may print
anywhere in between. What comes before ``OK``, behind a reply, or while no call runs, goes out as
``Unsolicited``; a frame of an older call is dropped.

How a call goes, in states::

    IDLE --submit--> SENT --OK--> RUNNING ------- V, U ------> REPLIED --\x04--> CLOSING
      ^       \                     ^  \                          ^                 |
      |        \--> OPENING --R--> SENDING \--- T --> FAILING --- E                 | \x04
      \------------------------ > ------------------------- PROMPTING <-------------/

``resync`` leads from anywhere to SYNCING, and the raw banner from there to PROMPTING. A banner that
nobody asked for means that the board has started anew: DETACHED, until the next ``resync``.

Source: https://docs.micropython.org/en/latest/reference/repl.html#raw-mode-and-raw-paste-mode
"""

from belay_actors.wire._banner import ANSWER, BANNERS, RAW_BANNER
from belay_actors.wire._events import (
    REPLY_KINDS,
    Dropped,
    Event,
    NotStarted,
    Output,
    PasteRefused,
    Ready,
    Replied,
    Restarted,
    SessionOutput,
    Unanswered,
    Unsolicited,
)
from belay_actors.wire._frames import Damaged, Frame, FrameReader
from belay_actors.wire._marks import END_OF_TEXT
from belay_actors.wire._paste import PasteUpload
from belay_actors.wire._reader import Reader
from belay_actors.wire._requests import read_as_a_whole
from belay_actors.wire._states import (
    EXPLAINING,
    IN_PROGRAM,
    OBSERVED,
    PRINTING,
    RESIDENT,
    TO_PROMPT,
    State,
)

_RESYNC = b"\x03\x03\x01"
_RESYNC_BY_FRIENDLY = b"\x03\x03\x02\x01"
_END_OF_CODE = b"\x04"
_TO_FRIENDLY = b"\x02"
_INTERRUPT_TO_FRIENDLY = b"\x03\x02"

_TAIL_MAX = 2048
_TRACEBACK_MAX = 64 * 1024


class RawRepl(Reader):
    """One board's raw REPL, seen from the host.

    Args:
        token: four characters that mark this attachment's frames.
        max_payload: bytes; the largest frame that is believed.
        is_lossless: whether the board's input never overflows. Then a call is over with its frame,
            and the next may be sent before the prompt is there.
    """

    def __init__(
        self, token: str, *, max_payload: int = 64 * 1024 * 1024, is_lossless: bool = False
    ) -> None:
        super().__init__(FrameReader(token.encode("ascii"), max_payload))
        self.paste_window: int | None = None
        self._is_lossless = is_lossless
        self._outgoing = b""
        self._after_prompt = State.IDLE
        self._at_prompt: Event | None = None  # what to tell when the prompt has come
        self._upload = PasteUpload(b"", None)
        self._traceback = self._tail = b""

    @property
    def is_busy(self) -> bool:
        """Whether something is under way that will end in an event."""
        if self.state in TO_PROMPT:
            return self._at_prompt is not None or self._after_prompt is not State.IDLE
        return self.state not in (State.IDLE, State.LISTENING, State.DETACHED)

    @property
    def is_unstarted(self) -> bool:
        """Whether code was sent by the plain raw REPL, which the board has not begun to run."""
        return self.state is State.SENT

    @property
    def is_uploading(self) -> bool:
        """Whether code is sent by raw-paste, and the board has a word to say about that."""
        return self.state in (State.OPENING, State.SENDING)

    @property
    def is_uploaded(self) -> bool:
        """Whether all of the code that is sent by raw-paste is on its way, so that it may run."""
        return self._upload.has_ended

    @property
    def is_replied(self) -> bool:
        """Whether the call's frame has come, and only the prompt is waited for."""
        return self.state in TO_PROMPT and self._at_prompt is not None

    @property
    def is_detached(self) -> bool:
        """Whether nothing is known of the board, so that it needs a resync."""
        return self.state is State.DETACHED

    @property
    def tail(self) -> bytes:
        """The end of what the board has printed since the last command, for messages."""
        return self._tail

    # Commands: each returns what to write.

    def resync(self, *, by_friendly: bool = False) -> bytes:
        """Asks the board, whatever it is doing, for its raw prompt; ``Ready`` is the answer.

        Args:
            by_friendly: leave the raw REPL first, and enter it again.
        """
        if self.state is not State.SYNCING:
            self.state = State.SYNCING
            self._tail = b""
        self._at_prompt = None
        self._outgoing = b""
        self._questions.resync()
        return _RESYNC_BY_FRIENDLY if by_friendly else _RESYNC

    def leave(self, code: str = "") -> bytes:
        """Sends the board to its friendly prompt, where other tools expect it.

        Args:
            code: to run before that, if the board is at its prompt. (Without any, an end of code
                would be a soft reset.)
        """
        is_busy = self.is_busy
        self.state = State.DETACHED
        self._forget()
        self._held.clear()
        if is_busy:
            return _INTERRUPT_TO_FRIENDLY
        return code.encode() + _END_OF_CODE + _TO_FRIENDLY if code else _TO_FRIENDLY

    def submit(
        self, number: int, code: str, *, paste: bool = False, is_long: bool = False
    ) -> bytes:
        """Sends code that will answer with a frame numbered ``number``.

        Args:
            number: of the call; never used again on this attachment.
            code: source without control characters other than line feeds.
            paste: use raw-paste; more may come from ``take_outgoing`` later.
            is_long: have a board that has ``sys.stdin.buffer``, and loses nothing, read it as a
                whole: the prompt reads byte by byte.
        """
        assert not self.is_busy, f"a call in state {self.state.name}"
        assert self.state is not State.DETACHED, "a call before a resync"
        self._begin_call(number)
        first = State.OPENING if paste else State.SENT
        if self.state in TO_PROMPT:
            self._after_prompt = first
        else:
            self.state = first
        data = code.encode()
        if paste:
            self._upload = PasteUpload(data, self.paste_window)
            return self._upload.open()
        return read_as_a_whole(data) if is_long else data + _END_OF_CODE

    def _begin_call(self, number: int) -> None:
        self._number = number
        self._traceback = self._tail = b""
        self._questions.begin_call()

    def ask(self) -> bytes:
        """Asks whether the board is at its prompt, because it does not start or end a call.

        Returns:
            What to write. If code was lost on its way the answer is ``NotStarted``.
        """
        if self.state is State.SENT:
            return self._questions.ask_for_start()
        return self._word(self._questions.ask())

    def take_outgoing(self) -> bytes:
        """What the machine wants written because of what it received."""
        outgoing, self._outgoing = self._outgoing, b""
        return outgoing + self._word(self._questions.take())

    def _word(self, question: bytes) -> bytes:
        """Puts a question, if there is one, as the board will understand it."""
        return question

    # What text, marks, banners and frames mean.

    def _text(self, text: bytes) -> None:
        if not text:
            return
        if self.state in OBSERVED:
            self._questions.observe(self._tail, text)
        self._tail = (self._tail + text)[-_TAIL_MAX:]
        if self.state in PRINTING:
            self._events.append(Output(text))
        elif self.state in EXPLAINING:
            self._traceback = (self._traceback + text)[-_TRACEBACK_MAX:]
        elif self.state is not State.SYNCING:
            self._events.append(Unsolicited(text))

    def _end_unanswered(self, data: bytes, end: int) -> int:
        answers, rest = divmod(len(data) - end, len(ANSWER))
        if self.state not in IN_PROGRAM or not answers or rest:
            return end
        if self._questions.answered(answers):
            self._events.append(Unanswered(self._number, self._tail))
            self.state = State.IDLE
        return len(data)

    def _mark(self, mark: bytes) -> None:
        if mark in BANNERS:
            self._banner(mark)
            return
        match self.state:
            case State.SENT:
                self._start()
            case State.REPLIED:
                self.state = State.CLOSING
            case State.CLOSING:
                self.state = State.PROMPTING
            case State.PROMPTING:
                self._prompt()
            case State.OPENING:
                self._paste_answer(mark)
            case _:
                self._paste_flow(mark)

    def _start(self) -> None:
        self.state = State.RUNNING
        self._tail = b""
        self._questions.begin_program()

    def _prompt(self) -> None:
        self.state, self._after_prompt = self._after_prompt, State.IDLE
        if self._at_prompt is not None:
            self._events.append(self._at_prompt)
            self._at_prompt = None

    def _paste_answer(self, answer: bytes) -> None:
        if answer[1]:
            self.state = State.SENDING
            self.paste_window = int.from_bytes(answer[2:], "little")
            self._outgoing += self._upload.opened(self.paste_window)
        else:
            self._expect_prompt(PasteRefused(self._number))

    def _paste_flow(self, mark: bytes) -> None:
        if mark == END_OF_TEXT:
            self._outgoing += self._upload.ended()
            self._start()
        else:
            self._outgoing += self._upload.granted(len(mark))

    def _banner(self, banner: bytes) -> None:
        is_raw = banner == RAW_BANNER
        is_answer = is_raw and self._questions.owed > 0
        is_start_answer = is_answer and self._questions.is_start_answer
        if is_raw:
            self._questions.answered()
        if self.state is State.SYNCING and is_raw:
            self._expect_prompt(Ready(self._tail))
        elif self.state is State.SYNCING:
            self._text(banner)
        elif is_start_answer and self.state is State.SENT:
            # If it has said something it may have run, and only its marks are lost.
            number, tail = self._number, self._tail
            self._expect_prompt(Unanswered(number, tail) if tail else NotStarted(number))
        elif is_answer:  # late: a frame has settled the question
            after = self._after_prompt if self.state in TO_PROMPT else self.state
            self._expect_prompt(self._at_prompt, after)
        elif self.state is State.OPENING and is_raw:
            self._expect_prompt(PasteRefused(self._number))
        else:
            self._restart(banner)

    def _expect_prompt(self, event: Event | None, after: State = State.IDLE) -> None:
        """The board is at its prompt, which is all but written."""
        self.state, self._after_prompt = State.PROMPTING, after
        self._at_prompt = event

    def _restart(self, banner: bytes) -> None:
        self.state = State.DETACHED
        self.paste_window = None
        self._forget()
        self._events.append(Restarted(banner))

    def _forget(self) -> None:
        """Nothing that was under way will end any more."""
        self._at_prompt = None
        self._outgoing = b""
        self._questions.forget()

    def _frame(self, frame: Frame | Damaged, raw: bytes) -> None:
        if isinstance(frame, Damaged):
            self._events.append(Dropped(frame.key, is_damaged=True))
            self._tail = (self._tail + raw)[-_TAIL_MAX:]
        elif frame.kind == b"P":
            self._events.append(SessionOutput(frame.key, frame.payload))
        elif frame.key != self._number or not self._expects_reply:
            self._events.append(Dropped(frame.key, is_damaged=False))
        elif frame.kind == b"T":
            self.state = State.BREAKING if self.state in RESIDENT else State.FAILING
        else:
            self._reply(frame)

    @property
    def _expects_reply(self) -> bool:
        if self.state in TO_PROMPT:  # the prompt before it, or its mark, was lost
            return self._after_prompt is State.SENT
        return self.state in (State.SENT, *IN_PROGRAM)

    def _reply(self, frame: Frame) -> None:
        self._questions.end_call()
        self._settle(Replied(self._number, REPLY_KINDS[frame.kind], frame.payload, self._traceback))

    def _settle(self, reply: Replied) -> None:
        """The call has its reply; the prompt is to follow."""
        self.state, self._after_prompt = State.REPLIED, State.IDLE
        if self._is_lossless:
            self._events.append(reply)
        else:
            self._at_prompt = reply
