r"""The raw REPL, and beyond it the resident loop: the machine for boards that can bear one.

The loop is a call of the raw REPL that answers with a value, and then goes on: it reads requests
and answers them with frames. So there is no prompt, and no other mark than frames; a call is over
with its frame. Three states more::

    SENT --OK--> RUNNING --- V ---> LISTENING --request--> SERVING --- V, U, E ---> LISTENING
                                        |                     |
                                        |                     T
                                        |                     v
                                        |                  BREAKING --- E ---> LISTENING
                                        v
                      SYNCING, DETACHED, or by its own end to REPLIED, CLOSING, PROMPTING, IDLE

The loop ends when it is asked to, with an error (a Ctrl-C that came too late for a call, or a
request that it cannot read), or with the board. An error of its own comes in frames with the number
of the call that it is. Should even these be lost, what the raw REPL prints behind a call is a
reason to ask, as ever: at the raw prompt the question is answered with the banner, in the loop by a
frame.
"""

from belay_actors.wire._banner import RAW_BANNER
from belay_actors.wire._events import Dropped, Replied, ReplyKind, Unanswered
from belay_actors.wire._frames import Damaged, Frame
from belay_actors.wire._machine import RawRepl
from belay_actors.wire._requests import ASK, LEAVE, encode_block, encode_request
from belay_actors.wire._states import RESIDENT, State

_CTRL_A = b"\x01"
_CTRL_B = b"\x02"
_CTRL_C = b"\x03"
_PRESENCE = 0  # the number in the frame that answers a question; no call in the loop has it
_IN_CALL = (State.SERVING, State.BREAKING)
_OWN_WORDS = (b"T", b"E", b"V", b"U")  # the key of a ``P`` is that of a session


class ResidentRepl(RawRepl):
    """One board's raw REPL, in which a resident loop may be started. Arguments as ``RawRepl``."""

    def __init__(
        self, token: str, *, max_payload: int = 64 * 1024 * 1024, is_lossless: bool = False
    ) -> None:
        super().__init__(token, max_payload=max_payload, is_lossless=is_lossless)
        self._loop: int | None = None  # the number of the call that is the loop, or was
        self._is_entering = False
        self._is_ending = False  # it has said that there is an error, but not yet which
        self._announced: int | None = None  # the number of the call that is to send a block
        self._is_in_call = False  # whether a call was under way when the loop began to end

    @property
    def is_resident(self) -> bool:
        """Whether the board is in its loop, so that ``request`` is the way to call."""
        return self.state in RESIDENT

    # Commands: each returns what to write.

    def enter(self, number: int, code: str) -> bytes:
        """Sends code that starts the loop, which answers as any call; then ``is_resident``.

        If the answer is an error there is no loop.
        """
        self._is_entering = True
        return super().submit(number, code)

    def submit(
        self, number: int, code: str, *, paste: bool = False, is_long: bool = False
    ) -> bytes:
        """As for every raw REPL; not in the loop."""
        assert not self.is_resident, "code for a prompt in the loop"
        self._is_entering = False
        return super().submit(number, code, paste=paste, is_long=is_long)

    def request(self, number: int, key: int, code: str, *, is_expression: bool) -> bytes:
        """Asks the loop to run code; the reply is a frame numbered ``number``.

        Args:
            number: of the call; never used again on this attachment.
            key: of the namespace.
            code: source.
            is_expression: whether it has a value.
        """
        self._serve(number)
        return encode_request(number, key, code, is_expression=is_expression)

    def announce(self, number: int, key: int, name: str, size: int) -> bytes:
        """Announces a block to the loop. After a ``GRANTED`` all of it must follow.

        Args:
            number: of the call; the reply is a frame with it.
            key: of the namespace.
            name: that the bytes get there.
            size: of the block.
        """
        self._serve(number)
        self._announced = number
        return encode_block(number, key, name, size)

    def _serve(self, number: int) -> None:
        assert self.state is State.LISTENING, f"a request in state {self.state.name}"
        self._begin_call(number)
        self._questions.begin_program()
        self.state = State.SERVING

    def resync(self, *, by_friendly: bool = False) -> bytes:
        """As for every raw REPL. A loop that listens is asked to end; that needs no interrupt."""
        is_listening = self.state is State.LISTENING
        self._is_entering = self._is_ending = False
        out = super().resync(by_friendly=by_friendly)
        if not is_listening:
            return out
        return LEAVE + (_CTRL_B + _CTRL_A if by_friendly else _CTRL_A)

    def leave(self, code: str = "") -> bytes:
        """As for every raw REPL, out of the loop, too."""
        is_resident, is_busy = self.is_resident, self.is_busy
        out = super().leave(code)
        if not is_resident:
            return out
        return _CTRL_C + LEAVE + _CTRL_B if is_busy else LEAVE + out

    @property
    def is_half_read(self) -> bool:
        """Whether a frame has come in part, of which nothing else would tell that it was lost."""
        return bool(self._held) and self.state in _IN_CALL

    def _word(self, question: bytes) -> bytes:
        """In the loop, and where it may have begun, so that both loop and prompt can answer."""
        return ASK if question and (self.is_resident or self._is_entering) else question

    # What frames and banners mean.

    def _frame(self, frame: Frame | Damaged, raw: bytes) -> None:
        if isinstance(frame, Damaged):
            super()._frame(frame, raw)
            if frame.key == self._announced:  # what comes next it may take for the block, or not
                self._announced = None
                self._events.append(Unanswered(self._number, self._tail))
            elif frame.key == _PRESENCE and self._questions.owed:
                self._tell_presence()
            elif self.state in _IN_CALL or self._is_entering:
                self._questions.doubt()  # no prompt will tell that this was the reply
        elif frame.kind == b"Q" and frame.key == self._announced:
            self._announced = None
            self._events.append(Replied(frame.key, ReplyKind.GRANTED, b"", b""))
        elif frame.kind == b"Q" and frame.key == _PRESENCE:
            self._tell_presence()
        elif frame.kind == b"Q":  # late, or the program's
            self._events.append(Dropped(frame.key, is_damaged=False))
        elif frame.key == self._loop and frame.kind in _OWN_WORDS:
            self._end_loop(frame)
        else:
            is_late = frame.kind != b"P" and frame.key != self._number
            super()._frame(frame, raw)
            if is_late and (self.state in _IN_CALL or self._is_entering):
                self._questions.doubt()  # or a digit of its number is not what it was

    def _settle(self, reply: Replied) -> None:
        is_entered = self._is_entering and reply.kind is ReplyKind.VALUE
        if is_entered:
            self._loop = reply.number
        was_ending = self._is_ending and self.state is State.FAILING
        is_alive = self.is_resident or was_ending
        self._is_ending = False  # if it has said so, it was the program that did
        if was_ending and not self._is_in_call:  # a call that has its reply
            self.state = State.LISTENING
            self._events.append(Dropped(reply.number, is_damaged=False))
            return
        if not (is_entered or is_alive):
            super()._settle(reply)
            return
        self._is_entering = False
        self.state = State.LISTENING
        self._questions.begin_program()
        self._events.append(reply)

    def _tell_presence(self) -> None:
        """The loop reads requests: what the last call had to say has come, or is lost."""
        is_entered = self._is_entering and self.state is State.RUNNING
        if (
            self._questions.owed
            and self._questions.answered()
            and (is_entered or self.state in _IN_CALL)
        ):
            self._loop = self._number if is_entered else self._loop
            self._is_entering = False
            self.state = State.LISTENING
            self._questions.begin_program()
            self._events.append(Unanswered(self._number, self._tail))

    def _end_loop(self, frame: Frame) -> None:
        """The loop tells its own error. That it has returned is nothing that anybody waits for."""
        if frame.kind == b"T" and self.is_resident:
            self._is_in_call = self.state is not State.LISTENING
            self._is_ending = True
            self._traceback = b""
            self.state = State.FAILING
        elif frame.kind == b"E" and self._is_ending and self.state is State.FAILING:
            self._is_ending = False
            self.state, self._after_prompt = State.REPLIED, State.IDLE
            if self._is_in_call:  # and what was sent of it may lie at the prompt
                tail = b"\x04%b\x04>" % self._traceback  # as the raw REPL writes it
                self._events.append(Unanswered(self._number, tail))

    def _banner(self, banner: bytes) -> None:
        if self.state is State.LISTENING and banner == RAW_BANNER and self._questions.owed:
            self.state = State.IDLE  # the loop has ended unseen
        super()._banner(banner)
