"""The states of the raw REPL; ``_marks`` has the bytes by which each of them is left."""

import enum


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
    LISTENING = enum.auto()  # from here on: in the resident loop
    SERVING = enum.auto()
    BREAKING = enum.auto()


RESIDENT = (State.LISTENING, State.SERVING, State.BREAKING)
PRINTING = (State.RUNNING, State.SERVING)
EXPLAINING = (State.FAILING, State.BREAKING)  # a traceback comes
IN_PROGRAM = (*PRINTING, *EXPLAINING)
OBSERVED = (*IN_PROGRAM, State.LISTENING)  # what is printed may show that the program has ended
TO_PROMPT = (State.REPLIED, State.CLOSING, State.PROMPTING)
