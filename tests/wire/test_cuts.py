"""However a stream is cut, it says the same: generated transcripts, whole and in pieces."""

import itertools
from collections.abc import Callable, Iterable

import attrs
from hypothesis import assume, given, settings, strategies as st

from belay_actors.wire import Event, Output, RawRepl, Ready, Replied, ReplyKind, State, Unsolicited

Frame = Callable[..., bytes]
Cut = Callable[[bytes], Iterable[bytes]]

RAW_BANNER = b"raw REPL; CTRL-B to exit\r\n>"
BANNERS = (RAW_BANNER, b'Type "help()" for more information.\r\n>>> ', b"MPY: soft reboot\r\n")
GRANT = b"R\x01\x80\x00\x01\x04"

MARKS = st.sampled_from(
    [
        b"\x04", b"OK", b">", b"\x04\x04>", b"\x1e", b"\x1f", b"\x1eabcd", b"\x1eabcdV1;", b"abcd",
        b"raw REPL; CTRL-B", b'Type "help()"', b"MPY: soft", b"r", b"M", b"T", b"\r\n", b"text",
        b"\x1eabcdV1;3;9;\n", b"\x1edcbaV1;1;49;1\x1f", b"R\x01", b"\x01", b"\x03", b"\xff",
    ]
)  # fmt: skip
PRINTED = st.lists(MARKS | st.binary(max_size=3), max_size=8).map(b"".join)
# A program may print banners, too; but the raw one right behind a question is taken for its answer.
IN_PROGRAM = st.lists(MARKS | st.binary(max_size=3) | st.sampled_from(BANNERS[1:])).map(b"".join)
# Noise where the machine looks for a mark must not hold that mark.
NOISE = st.text("abc>\n\xe9", max_size=6).map(str.encode)
PAYLOADS = st.text("ab'\xe9\u2603;0", max_size=8)


@attrs.frozen
class Call:
    """A call, and what the board does in it. ``kind`` is a frame's letter, or none comes."""

    before: bytes
    sent: bytes
    printed: list[bytes | str]  # str: the payload of a session's output
    kind: str | None
    payload: str
    traceback: bytes
    behind: bytes
    is_pasted: bool


CALLS = st.builds(
    Call,
    before=PRINTED,
    sent=NOISE,
    printed=st.lists(IN_PROGRAM | PAYLOADS, max_size=4),
    kind=st.sampled_from(["V", "U", "E", None]),
    payload=PAYLOADS,
    traceback=IN_PROGRAM,
    behind=NOISE,
    is_pasted=st.booleans(),
)


def board_bytes(call: Call, number: int, frame: Frame) -> bytes:
    """What the board writes in a call."""
    data = GRANT if call.is_pasted else call.sent + b"OK"
    for text in call.printed:
        data += frame("P", 3, text) if isinstance(text, str) else text
    if call.kind is None:
        return data + b"\x04Error\r\n\x04>"
    if call.kind == "E":
        data += frame("T", number) + call.traceback
    return data + frame(call.kind, number, call.payload) + call.behind + b"\x04\x04>"


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


def play(calls: list[Call], frame: Frame, cut: Cut) -> list[Event]:
    """Plays a transcript to a machine. The board answers questions when it is at its prompt."""
    machine = RawRepl("abcd")
    events: list[Event] = []
    outgoing = b""

    def feed(data: bytes) -> None:
        nonlocal outgoing
        for piece in cut(data):
            events.extend(machine.receive(piece))
            outgoing += machine.take_outgoing()

    machine.resync()
    feed(b"boot\r\n" + RAW_BANNER)
    for number, call in enumerate(calls):
        feed(call.before)
        machine.submit(number, "f()", paste=call.is_pasted)
        feed(board_bytes(call, number, frame))
        feed(RAW_BANNER * outgoing.count(b"\x01"))
        outgoing = b""
        assert machine.state is State.IDLE
    return merged(events)


def has_no_banner(calls: list[Call], frame: Frame) -> bool:
    """No banner between calls, and no raw banner at all, has come about by chance."""
    between = b"".join(call.before for call in calls)
    everything = b"".join(
        call.before + board_bytes(call, number, frame) for number, call in enumerate(calls)
    )
    is_raw = RAW_BANNER[:-1] in everything
    return not is_raw and not any(banner in between for banner in BANNERS)


def whole(data: bytes) -> Iterable[bytes]:
    return [data] if data else []


def in_bytes(data: bytes) -> Iterable[bytes]:
    return (bytes([byte]) for byte in data)


def in_sizes(sizes: list[int]) -> Cut:
    """Cuts into pieces of these sizes, in turn, going on where the last cut stopped."""
    turns = itertools.cycle(sizes)

    def cut(data: bytes) -> Iterable[bytes]:
        while data:
            size = next(turns)
            yield data[:size]
            data = data[size:]

    return cut


TRANSCRIPTS = st.lists(CALLS, min_size=1, max_size=3)


@settings(max_examples=150, deadline=None)
@given(calls=TRANSCRIPTS)
def test_a_stream_in_single_bytes_says_the_same(calls: list[Call], frame: Frame) -> None:
    assume(has_no_banner(calls, frame))
    assert play(calls, frame, in_bytes) == play(calls, frame, whole)


@settings(max_examples=150, deadline=None)
@given(calls=TRANSCRIPTS, sizes=st.lists(st.integers(1, 12), min_size=1, max_size=6))
def test_a_stream_in_pieces_says_the_same(
    calls: list[Call], sizes: list[int], frame: Frame
) -> None:
    assume(has_no_banner(calls, frame))
    assert play(calls, frame, in_sizes(sizes)) == play(calls, frame, whole)


@settings(max_examples=100, deadline=None)
@given(calls=TRANSCRIPTS)
def test_a_stream_gives_every_call_its_own_reply(calls: list[Call], frame: Frame) -> None:
    assume(has_no_banner(calls, frame))
    events = play(calls, frame, whole)
    assert isinstance(events[0], Ready)
    replies = [event for event in events if isinstance(event, Replied)]
    assert [(reply.number, reply.kind, reply.payload) for reply in replies] == [
        (number, ReplyKind(call.kind.encode()), call.payload.encode())
        for number, call in enumerate(calls)
        if call.kind is not None
    ]


@settings(max_examples=100, deadline=None)
@given(printed=IN_PROGRAM)
def test_a_programs_output_comes_out_as_it_was_printed(printed: bytes, frame: Frame) -> None:
    assume(b"\x1eabcdV1;3;9;" not in printed)  # it forges the attachment's own frames
    call = Call(b"", b"", [printed], "V", "1", b"", b"", is_pasted=False)
    assume(has_no_banner([call], frame))
    events = play([call], frame, whole)
    assert b"".join(event.data for event in events if isinstance(event, Output)) == printed
