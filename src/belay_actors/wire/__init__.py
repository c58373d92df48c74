"""The raw REPL and its frames as a pure state machine. Knows no trio and does no I/O."""

from belay_actors.wire._events import (
    Dropped as Dropped,
    Event as Event,
    NotStarted as NotStarted,
    Output as Output,
    PasteRefused as PasteRefused,
    Ready as Ready,
    Replied as Replied,
    ReplyKind as ReplyKind,
    Restarted as Restarted,
    SessionOutput as SessionOutput,
    Unanswered as Unanswered,
    Unsolicited as Unsolicited,
)
from belay_actors.wire._frames import TOKEN_LENGTH as TOKEN_LENGTH
from belay_actors.wire._machine import RawRepl as RawRepl
from belay_actors.wire._resident import ResidentRepl as ResidentRepl
from belay_actors.wire._states import State as State
