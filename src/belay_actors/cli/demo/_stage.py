"""The books of the demo: how far each session is, what happened, and what was found to be true.

Nothing here knows a screen or a board. The sessions' work writes into these records, the screen
reads them, and at the end ``Stage.is_good`` decides about the exit code.
"""

import enum
import itertools
from collections.abc import Callable, Iterator

import attrs
import trio

from belay_actors import DeviceSnapshot, Session, SessionReport


class State(enum.Enum):
    """Where one of the demo's sessions is."""

    WAITING = "not open"
    OPEN = "open"
    WORKING = "working"
    LOOPING = "looping"
    CLEANING = "cleaning up"
    ENDED = "given back"
    FAILED = "failed"


@attrs.define(eq=False)
class Progress:
    """How far one session is; a row of the screen.

    Attributes:
        board: name of its board.
        name: of the session, for people.
        doing: what it does now, in a few words.
        state: where it is in its life.
        calls: how many of its calls have come back.
        session: once it is open.
    """

    board: str
    name: str
    doing: str = ""
    state: State = State.WAITING
    calls: int = 0
    session: Session | None = None

    @property
    def report(self) -> SessionReport | None:
        """What the session took and gave back; ``None`` until it has ended."""
        return self.session.report if self.session else None

    def tick(self, doing: str) -> None:
        """Counts a call that has come back."""
        self.calls += 1
        self.doing = doing


@attrs.frozen
class Event:
    """Something worth a line in a log.

    Attributes:
        seconds: since the demo began.
        board: name of the board; empty if it concerns them all.
        who: name of the session; empty likewise.
        text: what happened.
    """

    seconds: float
    board: str
    who: str
    text: str


@attrs.frozen
class Check:
    """A promise of the library, and what came of it here.

    Attributes:
        promise: what must be so.
        is_kept: whether it is.
        found: what was seen, in a few words or numbers.
        about: the session that saw it; ``None`` for what concerns them all.
    """

    promise: str
    is_kept: bool
    found: str
    about: Progress | None

    def __str__(self) -> str:
        return f"{self.about.name} {self.promise}" if self.about else self.promise


@attrs.frozen
class BoardEnd:
    """A board when all of its sessions have ended.

    Attributes:
        snapshot: the device's counters.
        heap: bytes in use on the board, before the first session and after the last.
    """

    snapshot: DeviceSnapshot
    heap: tuple[int, int]


class Stage:
    """Everything that is known about one run of the demo.

    Args:
        listener: called with each event as it happens.
        pace: multiplies every pause; below 1 is faster than a person can follow.

    Attributes:
        everyone_is_open: set once all sessions are open, so that none begins alone.
        loop_is_over: set when the endless loop has been cancelled.
        progress: of the sessions, in the order of the screen.
        checks: what was found so far.
        boards: the boards' ends.
    """

    def __init__(self, listener: Callable[[Event], None], pace: float = 1.0) -> None:
        self.everyone_is_open = trio.Event()
        self.loop_is_over = trio.Event()
        self.progress: list[Progress] = []
        self.checks: list[Check] = []
        self.boards: list[BoardEnd] = []
        self._listener = listener
        self._pace = pace
        self._started = trio.current_time()

    @property
    def seconds(self) -> float:
        """Time since the demo began."""
        return trio.current_time() - self._started

    def tell(self, text: str, about: Progress | None = None) -> None:
        """Makes an event known."""
        board, who = (about.board, about.name) if about else ("", "")
        self._listener(Event(self.seconds, board, who, text))

    def check(self, promise: str, is_kept: bool, found: str, about: Progress | None = None) -> None:
        """Notes whether a promise was kept, and what was found."""
        self.checks.append(Check(promise, is_kept, found, about))

    def open(self, row: Progress, session: Session) -> None:
        """Notes that a session is open; when it is the last one, ``everyone_is_open`` is set."""
        row.session = session
        row.state = State.OPEN
        if all(other.session for other in self.progress):
            self.everyone_is_open.set()

    async def pause(self, seconds: float) -> None:
        """Sleeps, only to pace the show.

        Cancellation: ends the sleep.
        """
        await trio.sleep(seconds * self._pace)

    def rounds(self, encores: int) -> Iterator[int]:
        """Counts rounds from 1: until the endless loop is over, and then ``encores`` more.

        So whoever works in rounds is at work before, during and after the loop, however slow the
        machine is.
        """
        for number in itertools.count(1):
            if encores <= 0:
                return
            yield number
            encores -= self.loop_is_over.is_set()

    def calls_on_other_boards(self, board: str) -> int:
        """Returns how many calls have come back so far from all boards but this one."""
        return sum(row.calls for row in self.progress if row.board != board)

    @property
    def failed_checks(self) -> list[Check]:
        """The promises that were not kept."""
        return [check for check in self.checks if not check.is_kept]

    @property
    def is_good(self) -> bool:
        """Whether something was checked, and every promise was kept."""
        return bool(self.checks) and not self.failed_checks
