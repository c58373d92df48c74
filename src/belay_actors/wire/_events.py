"""What the wire machine says: frozen values, one for each thing to learn from a board."""

import enum

import attrs


class ReplyKind(enum.Enum):
    """How a call ended. The values are the letters of the frames."""

    VALUE = b"V"
    UNSENDABLE = b"U"
    ERROR = b"E"
    NOT_RUN = b"N"
    GRANTED = b"Q"  # no end: a block may now be sent


REPLY_KINDS = {kind.value: kind for kind in ReplyKind}  # looked up faster than by the class


@attrs.frozen
class Ready:
    """The board is at its raw prompt; ``skipped`` is the end of what it said before that."""

    skipped: bytes


@attrs.frozen
class Output:
    """The running program printed this."""

    data: bytes


@attrs.frozen
class SessionOutput:
    """A thread or timer of session ``key`` printed, or a thread of it has ended."""

    key: int
    payload: bytes


@attrs.frozen
class Unsolicited:
    """Bytes that belong to no call: boot messages, logs, raw writes of threads."""

    data: bytes


@attrs.frozen
class Replied:
    """The call is over and the board is at its prompt.

    Attributes:
        number: of the call.
        kind: how it ended.
        payload: the ``repr`` of the value, of the type's name, or of the error.
        traceback: what the board printed of an error.
    """

    number: int
    kind: ReplyKind
    payload: bytes
    traceback: bytes


@attrs.frozen
class Unanswered:
    """The call is over and the board is at its prompt, but no reply frame came.

    The core is not there (the board was reset unseen), memory ran out before it could run, or the
    frame was damaged; ``tail`` is the end of what was printed, with any traceback.
    """

    number: int
    tail: bytes


@attrs.frozen
class NotStarted:
    """The end of the code was lost on its way, so it did not run; the board is at its prompt."""

    number: int


@attrs.frozen
class Restarted:
    """The board shows a boot banner or a prompt that nobody asked for."""

    banner: bytes


@attrs.frozen
class PasteRefused:
    """The firmware has no raw-paste mode; nothing was run and the board is at its prompt."""

    number: int


@attrs.frozen
class Dropped:
    """A frame that was damaged, or answers a call that is long over."""

    number: int
    is_damaged: bool


Event = (
    Ready
    | Output
    | SessionOutput
    | Unsolicited
    | Replied
    | Unanswered
    | NotStarted
    | Restarted
    | PasteRefused
    | Dropped
)
