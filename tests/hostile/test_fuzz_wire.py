"""The wire machine against any bytes in any state, with any commands in between.

``fuzz_wire`` takes bytes, for a fuzzer that changes them by what they reach (``fuzz.py``); the
tests make scripts of what means something to the machine. Either way a script is played, and after
every step all that is promised of the machine is checked.
"""

import copy
import enum
import itertools
from collections.abc import Iterable, Iterator, Sequence

import attrs
from hypothesis import example, given, settings, strategies as st

from belay_actors.wire import (
    Event,
    NotStarted,
    Output,
    PasteRefused,
    Ready,
    Replied,
    ReplyKind,
    ResidentRepl,
    Restarted,
    State,
    Unanswered,
    Unsolicited,
)
from belay_actors.wire._requests import BLOCK, LEAVE

TOKEN = "abcd"
RAW_BANNER = b"raw REPL; CTRL-B to exit\r\n>"
FRIENDLY_BANNER = b'Type "help()" for more information.\r\n>>> '
SOFT_REBOOT = b"MPY: soft reboot\r\n"
END = b"\x04\x04>"

LOOP_END = LEAVE
MAX_PAYLOAD = 200
MARK_MAX = 50  # bytes; the longest banner, or the start of a frame
QUESTIONS_MAX = 6
QUESTION = BLOCK  # bytes, in the loop; elsewhere it is one
CODE = "x" * 1000


class Command(enum.Enum):
    """What the host may do in between."""

    RESYNC = enum.auto()
    RESYNC_BY_FRIENDLY = enum.auto()
    SUBMIT = enum.auto()
    SUBMIT_LARGE = enum.auto()
    PASTE = enum.auto()
    PASTE_LARGE = enum.auto()
    TAKE = enum.auto()
    ASK = enum.auto()
    LEAVE = enum.auto()
    ENTER = enum.auto()
    REQUEST = enum.auto()


@attrs.frozen
class Feed:
    """Bytes that come, and the sizes of the reads in which they come."""

    data: bytes
    sizes: Sequence[int]


Step = Command | Feed


def frame(kind: str, key: int, payload: bytes, token: str = TOKEN) -> bytes:
    """A frame as the core writes it."""
    head = f"\x1e{token}{kind}{key};{len(payload)};{sum(payload, ord(kind))};"
    return head.encode() + payload + b"\x1f"


class Player:
    """Plays a script to a machine, and checks it."""

    def __init__(self, *, is_lossless: bool) -> None:
        self.machine = ResidentRepl(TOKEN, max_payload=MAX_PAYLOAD, is_lossless=is_lossless)
        self.number = 0
        self.is_pending = False  # a call that has not ended in an event
        self.may_write = 0  # bytes that the machine may still want written

    def play(self, steps: Iterable[Step]) -> None:
        for step in steps:
            if isinstance(step, Feed):
                self.feed(step)
            else:
                self.command(step)
        self.end_well()

    def command(self, command: Command) -> None:
        match command:
            case Command.RESYNC:
                assert self.machine.resync() in (b"\x03\x03\x01", LOOP_END + b"\x01")
                self.is_pending = False
                self.may_write += QUESTION
            case Command.RESYNC_BY_FRIENDLY:
                sent = self.machine.resync(by_friendly=True)
                assert sent in (b"\x03\x03\x02\x01", LOOP_END + b"\x02\x01")
                self.is_pending = False
                self.may_write += QUESTION
            case Command.LEAVE:
                assert len(self.machine.leave("del x")) <= 7 + len(LOOP_END)
                self.is_pending = False
            case Command.TAKE:
                self.take()
            case Command.ASK:
                if self.machine.is_unstarted or self.machine.is_replied:
                    assert self.machine.ask() == b"\x01"
                    self.may_write += (
                        QUESTION  # if only an older question is answered, it asks again
                    )
            case _:
                self.submit(command)

    def submit(self, command: Command) -> None:
        if self.machine.is_busy or self.machine.is_detached:
            return
        self.number += 1
        self.is_pending = True
        if self.machine.is_resident:
            older = self.machine._questions.owed
            sent = self.machine.request(self.number, 1, "f()", is_expression=True)
            assert len(sent) == QUESTION
            self.may_write = QUESTION * (QUESTIONS_MAX + older)
            return
        code = CODE if command in (Command.SUBMIT_LARGE, Command.PASTE_LARGE) else "f()"
        is_pasted = command in (Command.PASTE, Command.PASTE_LARGE)
        if command is Command.ENTER:
            sent = self.machine.enter(self.number, code)
        else:
            sent = self.machine.submit(self.number, code, paste=is_pasted)
        end_of_code = 2 if is_pasted else 1
        most = 3 + len(code) + end_of_code
        assert len(sent) <= most
        older = len(self.machine._outgoing) + self.machine._questions.owed
        self.may_write = most - len(sent) + QUESTION * (QUESTIONS_MAX + older)

    def take(self) -> None:
        outgoing = self.machine.take_outgoing()
        self.may_write -= len(outgoing)
        assert self.may_write >= 0, "a board makes the host write"
        assert self.machine.take_outgoing() == b""

    def feed(self, feed: Feed) -> None:
        if not feed.data:  # the end of a stream, which no machine is told of
            return
        before = copy.deepcopy(self.machine)
        events = self.machine.receive(feed.data)
        self.check_events(events)
        self.check_held()
        # While it waits for an answer, what comes last in a read may be that answer.
        if before._questions.owed == 0 or not {State.RUNNING, State.SERVING, State.BREAKING} & {
            before.state,
            self.machine.state,
        }:
            pieces = [event for piece in cut(feed) for event in before.receive(piece)]
            assert merged(pieces) == merged(events)
            assert look_inside(before) == look_inside(self.machine)

    def check_events(self, events: list[Event]) -> None:
        for event in events:
            match event:
                case (
                    Replied(number) | Unanswered(number) | PasteRefused(number) | NotStarted(number)
                ):
                    assert self.is_pending
                    assert number == self.number
                    self.is_pending = False
                case Restarted():
                    self.is_pending = False
                case Ready():
                    assert not self.is_pending
                case _:
                    pass

    def check_held(self) -> None:
        machine = self.machine
        assert len(machine._held) <= MAX_PAYLOAD + MARK_MAX + machine._questions.owed * len(
            RAW_BANNER
        )
        assert len(machine.tail) <= 2048
        assert len(machine._traceback) <= 64 * 1024

    def end_well(self) -> None:
        """Whatever has been, one resync and its answer lead to the next call's own reply."""
        self.command(Command.RESYNC)
        events = self.machine.receive(RAW_BANNER)
        assert isinstance(events[-1], Ready)
        assert self.machine.state is State.IDLE
        self.submit(Command.SUBMIT)
        reply = b"OKtext" + frame("P", 1, b"'x'") + frame("V", self.number, b"42") + END
        events = self.machine.receive(reply)
        assert Replied(self.number, ReplyKind.VALUE, b"42", b"") in events
        assert not self.machine.is_busy


def cut(feed: Feed) -> Iterator[bytes]:
    """The data, in reads of these sizes in turn."""
    position = 0
    for size in itertools.cycle(feed.sizes):
        if position >= len(feed.data):
            return
        yield feed.data[position : position + size]
        position += size


def merged(events: Iterable[Event]) -> list[Event]:
    """Events with adjacent texts of one kind put together."""
    result: list[Event] = []
    for event in events:
        last = result[-1] if result else None
        if isinstance(event, Output) and isinstance(last, Output):
            result[-1] = Output(last.data + event.data)
        elif isinstance(event, Unsolicited) and isinstance(last, Unsolicited):
            result[-1] = Unsolicited(last.data + event.data)
        else:
            result.append(event)
    return result


def look_inside(machine: ResidentRepl) -> dict[str, object]:
    """All that a machine knows, but for what only spares it work."""
    inside = {name: value for name, value in vars(machine).items() if name != "_events"}
    del inside["_held_until"]
    inside["_upload"] = vars(machine._upload)
    inside["_questions"] = vars(machine._questions)
    return inside


DICTIONARY = [
    b"OK",
    b"\x04",
    b">",
    END,
    b"\x1e",
    b"\x1f",
    b"\x1eabcd",
    b"\x1eabcdV1;",
    b"\x1eabcdV1;1",
    b"\x1eabcdP1;199;1;",
    b"\x1eabcdV1;5;1;",
    b"\x1eabcdV1;24;1;",
    b"\x1eabcdV1;999999999;1;",
    b"\x1eabcdV1;1;1;x\x1f",
    b"\x1edcbaV1;1;49;1\x1f",
    frame("V", 1, b"1"),
    frame("V", 2, b"2"),
    frame("U", 1, b"'type'"),
    frame("T", 1, b""),
    frame("T", 2, b""),
    frame("E", 1, b"('E', '', False)"),
    frame("Q", 0, b""),
    frame("Q", 0, b"")[:-1] + b"\x00",
    frame("E", 2, b"()"),
    frame("P", 1, b"'text'"),
    frame("P", 9_999_999_999, b"x" * MAX_PAYLOAD),
    frame("V", 1, b"x" * (MAX_PAYLOAD + 1)),
    RAW_BANNER,
    RAW_BANNER[:-1],
    RAW_BANNER[:-2],
    RAW_BANNER[:10],
    FRIENDLY_BANNER,
    FRIENDLY_BANNER[:-3],
    FRIENDLY_BANNER[:20],
    SOFT_REBOOT,
    SOFT_REBOOT[:-1],
    b"R\x00",
    b"R\x01",
    b"R\x01\x00\x00",
    b"R\x01\x01\x00",
    b"R\x01\x80\x00\x01",
    b"R\x01\xff\xff\x01",
    b"R\x02",
    b"\x01",
    b"\x01" * 30,
    b"\r",
    b"\r\n",
    b"\x00",
    b"\xff\xfe",
    "\u20ac".encode(),
    b"text",
    b"x" * 300,
]


def read_script(data: bytes) -> Iterator[Step]:
    """Reads a script from any bytes."""
    commands = [*Command]
    position = 0
    while position < len(data):
        choice = data[position]
        position += 1
        if choice < len(commands):
            yield commands[choice]
        elif choice < 64:
            size = choice - len(commands)
            yield Feed(data[position : position + size], (choice % 5 + 1, choice % 3 + 1))
            position += size
        else:
            piece = DICTIONARY[(choice - 64) % len(DICTIONARY)]
            yield Feed(piece, (choice % 7 + 1,))


def fuzz_wire(data: bytes) -> None:
    """For a fuzzer: no bytes make the machine raise, or break what is promised of it."""
    Player(is_lossless=bool(data) and data[0] % 2 == 1).play(read_script(data[1:]))


def forged(  # noqa: PLR0917
    kind: str, key: int, length: int, check: int, payload: bytes, token: str
) -> bytes:
    """A frame that says something else than it holds."""
    return f"\x1e{token}{kind}{key};{length};{check};".encode() + payload


def beginning(piece: bytes, size: int) -> bytes:
    return piece[:size]


KEYS = st.sampled_from([0, 1, 2, 3, -1, 10**10 - 1])
FRAMES = st.builds(frame, st.sampled_from("VUTEPNQX"), KEYS, st.binary(max_size=12))
FORGED = st.builds(
    forged,
    st.sampled_from("VUTEP"),
    KEYS,
    st.integers(0, 60) | st.sampled_from([199, 200, 201, 10**9 - 1, 10**9]),
    st.integers(0, 2000),
    st.binary(max_size=12) | st.sampled_from(DICTIONARY),
    st.sampled_from([TOKEN, "dcba", "abc", "ABCD"]),
)
CUT_OFF = st.builds(beginning, st.sampled_from(DICTIONARY) | FRAMES, st.integers(0, 60))
PIECES = st.sampled_from(DICTIONARY) | FRAMES | FORGED | CUT_OFF | st.binary(max_size=6)
SIZES = st.lists(st.integers(1, 20), min_size=1, max_size=4)
FEEDS = st.builds(Feed, st.lists(PIECES, max_size=6).map(b"".join), SIZES)
STEPS = st.lists(FEEDS | FEEDS | st.sampled_from(Command), max_size=12)


def come(data: bytes) -> Feed:
    return Feed(data, [1])


IDLE: list[Step] = [Command.RESYNC, come(RAW_BANNER)]
RUNNING: list[Step] = [*IDLE, Command.SUBMIT, come(b"OK")]
REPLIED: list[Step] = [*RUNNING, come(frame("V", 1, b"1"))]
PROMPTING: list[Step] = [*REPLIED, come(b"\x04\x04")]
OPENING: list[Step] = [*IDLE, Command.PASTE_LARGE]
LISTENING: list[Step] = [*IDLE, Command.ENTER, come(b"OK" + frame("V", 1, b"None"))]
SERVING: list[Step] = [*LISTENING, Command.REQUEST]
FAILING_LOOP: list[Step] = [*SERVING, come(frame("T", 1, b""))]
ASKED_LOOP: list[Step] = [*SERVING, come(END), Command.TAKE]
ASKED: list[Step] = [*RUNNING, come(END), Command.TAKE]
BEGINNINGS: dict[str, list[Step]] = {
    "detached": [],
    "syncing": [Command.RESYNC],
    "idle": IDLE,
    "sent": [*IDLE, Command.SUBMIT],
    "running": RUNNING,
    "failing": [*RUNNING, come(frame("T", 1, b""))],
    "asked": ASKED,
    "half answered": [*ASKED, come(RAW_BANNER[:20])],
    "answered": [*ASKED, come(RAW_BANNER)],
    "replied": REPLIED,
    "closing": [*REPLIED, come(b"\x04")],
    "prompting": PROMPTING,
    "sent before the prompt": [*REPLIED, Command.SUBMIT],
    "pasted before the prompt": [*REPLIED, Command.PASTE],
    "opening": OPENING,
    "refused": [*OPENING, come(b"R\x00")],
    "refused by a banner": [*OPENING, come(RAW_BANNER)],
    "sending": [*OPENING, come(b"R\x01\x01\x00")],
    "listening": LISTENING,
    "serving": SERVING,
    "asked in the loop": ASKED_LOOP,
    "the loop ends": FAILING_LOOP,
    "out of the loop": [*LISTENING, Command.RESYNC],
    "syncing again": [*PROMPTING, Command.RESYNC],
}


@settings(max_examples=400, deadline=None)
@given(st.booleans(), st.sampled_from([*BEGINNINGS]), STEPS)
@example(is_lossless=False, first="asked", steps=[come(RAW_BANNER[:-1]), Command.LEAVE])
def test_any_script_of_what_means_something(
    is_lossless: bool, first: str, steps: list[Step]
) -> None:
    Player(is_lossless=is_lossless).play([*BEGINNINGS[first], *steps])


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200))
@example(b"")
@example(b"\0\0\0")
def test_any_bytes(data: bytes) -> None:
    fuzz_wire(data)


@settings(max_examples=300, deadline=None)
@given(st.booleans(), st.binary(max_size=60))
def test_any_bytes_in_every_state(is_lossless: bool, data: bytes) -> None:
    for steps in BEGINNINGS.values():
        Player(is_lossless=is_lossless).play([*steps, come(data)])
