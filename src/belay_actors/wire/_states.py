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


IN_PROGRAM = (State.RUNNING, State.FAILING)
TO_PROMPT = (State.REPLIED, State.CLOSING, State.PROMPTING)
