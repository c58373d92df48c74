"""The states of the raw REPL, and by what bytes each of them is left.

A mark means something only in the state that waits for it; everywhere else the same bytes are text.
Frames and banners are looked for in every state.
"""

import enum
import re


class State(enum.Enum):
    """Where the board is, as far as its bytes have told."""

    DETACHED = enum.auto()
    SYNCING = enum.auto()
    IDLE = enum.auto()
    OPENING = enum.auto()
    SENDING = enum.auto()
    SENT = enum.auto()
    RUNNING = enum.auto()
    FAILING = enum.auto()
    REPLIED = enum.auto()
    CLOSING = enum.auto()
    PROMPTING = enum.auto()


IN_PROGRAM = (State.RUNNING, State.FAILING)
TO_PROMPT = (State.REPLIED, State.CLOSING, State.PROMPTING)

END_OF_TEXT = b"\x04"
PROMPT = b">"

MARKS: dict[State, re.Pattern[bytes]] = {
    State.SENT: re.compile(rb"OK"),
    State.REPLIED: re.compile(END_OF_TEXT),
    State.CLOSING: re.compile(END_OF_TEXT),
    State.PROMPTING: re.compile(PROMPT),
    State.OPENING: re.compile(rb"R(?:\x00|\x01..)", re.DOTALL),
    State.SENDING: re.compile(rb"\x01+|\x04"),
}

# The beginnings of marks that are longer than a byte, at the end of what has come.
BROKEN_OFF: dict[State, re.Pattern[bytes]] = {
    State.SENT: re.compile(rb"O\Z"),
    State.OPENING: re.compile(rb"R(?:\x01.?)?\Z", re.DOTALL),
}
