"""Frames that are stale, damaged, cut short, or only look like frames."""

from collections.abc import Callable

import pytest

from belay_actors.wire import (
    Dropped,
    Event,
    Output,
    RawRepl,
    Replied,
    ReplyKind,
    SessionOutput,
    State,
    Unanswered,
)

Frame = Callable[..., bytes]
MakeIdle = Callable[..., RawRepl]

END = b"\x04\x04>"
RAW_BANNER = b"raw REPL; CTRL-B to exit\r\n>"


def output_of(events: list[Event]) -> bytes:
    return b"".join(event.data for event in events if isinstance(event, Output))


def assert_replies(machine: RawRepl, frame: Frame) -> None:
    """The call goes on, and ends with its own reply."""
    assert machine.receive(frame("V", 1, "42") + END)[-1] == Replied(1, ReplyKind.VALUE, b"42", b"")


@pytest.mark.parametrize("number", [0, 2, -1])
@pytest.mark.parametrize("letter", "VUTE")
def test_a_frame_of_another_call_is_dropped(
    running: RawRepl, frame: Frame, letter: str, number: int
) -> None:
    assert running.receive(frame(letter, number, "'x'")) == [Dropped(number, is_damaged=False)]
    assert running.state is State.RUNNING
    assert_replies(running, frame)


def test_a_frame_that_comes_when_no_call_runs_is_dropped(idle: RawRepl, frame: Frame) -> None:
    assert idle.receive(frame("V", 7, "1")) == [Dropped(7, is_damaged=False)]
    assert idle.state is State.IDLE


def test_a_second_reply_to_the_same_call_is_dropped(running: RawRepl, frame: Frame) -> None:
    running.receive(frame("V", 1, "1"))
    assert running.receive(frame("V", 1, "2")) == [Dropped(1, is_damaged=False)]
    assert running.receive(END) == [Replied(1, ReplyKind.VALUE, b"1", b"")]


def damage(data: bytes, old: bytes, new: bytes) -> bytes:
    assert old in data
    return data.replace(old, new)


def test_a_frame_with_a_wrong_sum_is_dropped_and_the_call_is_unanswered(
    running: RawRepl, frame: Frame
) -> None:
    damaged = damage(frame("V", 1, "42"), b"42\x1f", b"43\x1f")
    events = running.receive(damaged + END)
    assert events[0] == Dropped(1, is_damaged=True)
    assert not any(isinstance(event, Replied) for event in events)
    assert running.take_outgoing() == b"\x01"
    (event,) = running.receive(RAW_BANNER)
    assert isinstance(event, Unanswered)
    assert event.number == 1


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"'hello'\x1f", b"'hel\x1f"),
        (b"'hello'\x1f", b"'hello'"),
        (b"'hello'\x1f", b"'hel\x00o'\x1f"),
        (b"'hello'\x1f", b"'hel\nlo'\x1f"),
        (b";7;", b";8;"),
        (b";7;", b";6;"),
        (b";7;", b";70;"),
    ],
)
def test_a_broken_frame_never_becomes_a_value(
    running: RawRepl, frame: Frame, old: bytes, new: bytes
) -> None:
    events = running.receive(damage(frame("V", 1, "'hello'"), old, new) + END)
    assert events[0] == Dropped(1, is_damaged=True)
    assert not any(isinstance(event, Replied) for event in events)
    assert running.take_outgoing() == b"\x01"


def test_a_whole_frame_behind_a_broken_one_is_read(running: RawRepl, frame: Frame) -> None:
    broken = frame("P", 3, "'a long text'")[:-6]
    events = running.receive(broken + frame("V", 1, "42") + END)
    assert events == [
        Dropped(3, is_damaged=True),
        Replied(1, ReplyKind.VALUE, b"42", b""),
    ]


@pytest.mark.parametrize(
    "header",
    [
        b"\x1eabcdX1;1;49;1\x1f",
        b"\x1eabcdv1;1;49;1\x1f",
        b"\x1eabcdV;1;49;1\x1f",
        b"\x1eabcdV1;;49;1\x1f",
        b"\x1eabcdV1:1:49:1\x1f",
        b"\x1eabcdV--1;1;49;1\x1f",
        b"\x1eabcdV1;-1;49;1\x1f",
        b"\x1eabcdV12345678901;1;49;1\x1f",
        b"\x1eabcdV1;1234567890;49;1\x1f",
        b"\x1eabcd" + b"V" * 60,
        b"\x1eabcdV1;1;" + b"4" * 60,
    ],
)
def test_a_header_that_is_none_is_output(running: RawRepl, frame: Frame, header: bytes) -> None:
    events = running.receive(header)
    events += running.receive(frame("V", 1, "42") + END)
    assert output_of(events) == header
    assert events[-1] == Replied(1, ReplyKind.VALUE, b"42", b"")


def test_a_frame_that_claims_more_than_is_believed_is_output(
    make_idle: MakeIdle, frame: Frame
) -> None:
    machine = make_idle(max_payload=1000)
    machine.submit(1, "f()")
    machine.receive(b"OK")
    claim = b"\x1eabcdV1;999999999;1;"
    assert output_of(machine.receive(claim)) == claim
    assert machine.receive(b"text") == [Output(b"text")]
    assert_replies(machine, frame)


def test_a_frame_as_large_as_is_believed_is_read(make_idle: MakeIdle, frame: Frame) -> None:
    machine = make_idle(max_payload=1000)
    machine.submit(1, "f()")
    events = machine.receive(b"OK" + frame("V", 1, "x" * 1000) + END)
    assert events == [Replied(1, ReplyKind.VALUE, b"x" * 1000, b"")]


def test_a_program_that_forges_a_frame_start_does_not_hold_back_what_follows_a_line(
    running: RawRepl,
) -> None:
    printed = b"\x1eabcdV1;500;1;forged\n"
    events = running.receive(printed)
    assert events[0] == Dropped(1, is_damaged=True)
    assert running.receive(b"next\n") == [Output(b"next\n")]


@pytest.mark.parametrize("key", [0, -1, 7, 4_000_000_000])
def test_session_output_names_its_session(running: RawRepl, frame: Frame, key: int) -> None:
    assert running.receive(frame("P", key, "'tick\\n'")) == [SessionOutput(key, b"'tick\\n'")]
    assert_replies(running, frame)


def test_a_frame_may_be_cut_anywhere(make_idle: MakeIdle, frame: Frame) -> None:
    data = frame("V", 1, "'hello'") + END
    for cut in range(1, len(data)):
        machine = make_idle()
        machine.submit(1, "f()")
        machine.receive(b"OK")
        events = machine.receive(data[:cut]) + machine.receive(data[cut:])
        assert events == [Replied(1, ReplyKind.VALUE, b"'hello'", b"")], cut


def test_what_cannot_become_a_frame_any_more_is_not_held_back(running: RawRepl) -> None:
    assert output_of(running.receive(b"\x1e")) == b""
    assert output_of(running.receive(b"K")) == b"\x1eK"


def test_what_was_said_before_a_call_cannot_start_it(idle: RawRepl, frame: Frame) -> None:
    for byte in b"\x1eOK":
        idle.receive(bytes([byte]))
    idle.submit(1, "f()")
    events = idle.receive(b"OK" + frame("V", 1, "42") + END)
    assert output_of(events) == b""
    assert events[-1] == Replied(1, ReplyKind.VALUE, b"42", b"")
