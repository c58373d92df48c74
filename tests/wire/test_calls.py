"""One call after another, as a board in good health answers them."""

from collections.abc import Callable

import pytest

from belay_actors.wire import (
    Event,
    Output,
    RawRepl,
    Replied,
    ReplyKind,
    State,
)

Frame = Callable[..., bytes]

END = b"\x04\x04>"
TRACEBACK = b'Traceback (most recent call last):\r\n  File "<stdin>", line 1\r\nValueError: 1\r\n'


def receive_each(machine: RawRepl, data: bytes) -> list[Event]:
    """Feeds byte by byte."""
    return [event for byte in data for event in machine.receive(bytes([byte]))]


def output_of(events: list[Event]) -> bytes:
    return b"".join(event.data for event in events if isinstance(event, Output))


def test_code_is_sent_with_its_end(idle: RawRepl) -> None:
    assert idle.submit(1, "print('é')\nf()") == "print('é')\nf()\x04".encode()
    assert idle.state is State.SENT
    assert idle.is_busy


def test_a_value_comes_back(idle: RawRepl, frame: Frame) -> None:
    idle.submit(1, "f()")
    events = idle.receive(b"OK" + frame("V", 1, "42") + END)
    assert events == [Replied(1, ReplyKind.VALUE, b"42", b"")]
    assert idle.state is State.IDLE
    assert not idle.is_busy
    assert idle.take_outgoing() == b""


def test_a_value_may_be_of_many_characters(idle: RawRepl, frame: Frame) -> None:
    idle.submit(1, "f()")
    events = idle.receive(b"OK" + frame("V", 1, "'grüße ☃ \U0001f40d'") + END)
    assert events == [Replied(1, ReplyKind.VALUE, "'grüße ☃ \U0001f40d'".encode(), b"")]


def test_a_value_that_cannot_be_sent_says_so(running: RawRepl, frame: Frame) -> None:
    events = running.receive(frame("U", 1, "'Pin'") + END)
    assert events == [Replied(1, ReplyKind.UNSENDABLE, b"'Pin'", b"")]


def test_an_error_comes_with_its_traceback(running: RawRepl, frame: Frame) -> None:
    error = "('ValueError', '1', False)"
    events = running.receive(frame("T", 1) + TRACEBACK + frame("E", 1, error) + END)
    assert events == [Replied(1, ReplyKind.ERROR, error.encode(), TRACEBACK)]


def test_what_was_printed_before_an_error_is_no_part_of_its_traceback(
    running: RawRepl, frame: Frame
) -> None:
    events = running.receive(b"before\r\n" + frame("T", 1) + TRACEBACK + frame("E", 1, "()") + END)
    assert events == [Output(b"before\r\n"), Replied(1, ReplyKind.ERROR, b"()", TRACEBACK)]


def test_a_traceback_may_hold_the_marks_of_the_raw_repl(running: RawRepl, frame: Frame) -> None:
    text = b"ValueError: \x04\x04>OK"
    events = receive_each(running, frame("T", 1) + text + frame("E", 1, "()") + END)
    assert events == [Replied(1, ReplyKind.ERROR, b"()", text)]


def test_an_error_is_forgotten_by_the_next_call(running: RawRepl, frame: Frame) -> None:
    running.receive(frame("T", 1) + TRACEBACK + frame("E", 1, "()") + END)
    running.submit(2, "g()")
    assert running.receive(b"OK" + frame("V", 2, "1") + END) == [
        Replied(2, ReplyKind.VALUE, b"1", b"")
    ]


def test_calls_follow_each_other(idle: RawRepl, frame: Frame) -> None:
    for number in range(1, 4):
        idle.submit(number, "f()")
        events = receive_each(idle, b"OKtext" + frame("V", number, str(number)) + END)
        assert output_of(events) == b"text"
        assert events[-1] == Replied(number, ReplyKind.VALUE, str(number).encode(), b"")


def test_a_reply_comes_out_when_the_board_is_at_its_prompt(running: RawRepl, frame: Frame) -> None:
    assert receive_each(running, frame("V", 1, "42") + b"\x04\x04") == []
    assert running.is_busy
    assert running.receive(b">") == [Replied(1, ReplyKind.VALUE, b"42", b"")]


def test_output_comes_out_while_the_code_runs(running: RawRepl) -> None:
    assert running.receive(b"one\n") == [Output(b"one\n")]
    assert running.receive(b"two\n") == [Output(b"two\n")]
    assert running.state is State.RUNNING


def test_a_call_in_a_call_is_a_mistake_of_the_host(running: RawRepl) -> None:
    with pytest.raises(AssertionError, match="a call in state RUNNING"):
        running.submit(2, "g()")


@pytest.mark.parametrize(
    "printed",
    [
        b"\x04",
        b"OK",
        b">",
        b"\x04>",
        b"\x04\x04>",
        b"OK\x04\x04>",
        b"\x04\x04>" * 5,
        b"R\x01\x80\x00\x01",
        b"\x1e",
        b"\x1f",
        b"\x1eabc",
        b"\x1e\x1e\x1eabcd\x1e",
        b"\x1eabcd",
        b"\x1eabcdV1;1;1\n",
        b"\x00\x01\x02\x03\x05",
        b"\xff\xfe\xc3",
        b"raw REPL; CTRL-B to exit\r\n",
        b"MPY: soft reboo",
        b'Type "help()" for more information.\r\n>>>',
        b"rrrr\rr",
    ],
)
@pytest.mark.parametrize("feed", [RawRepl.receive, receive_each])
def test_whatever_a_program_prints_is_output(
    running: RawRepl,
    frame: Frame,
    printed: bytes,
    feed: Callable[[RawRepl, bytes], list[Event]],
) -> None:
    events = feed(running, printed + frame("V", 1, "42") + END)
    assert output_of(events) == printed
    assert events[-1] == Replied(1, ReplyKind.VALUE, b"42", b"")
    assert all(isinstance(event, Output) for event in events[:-1])


@pytest.mark.parametrize("letter", "VUTE")
def test_a_frame_of_another_attachment_is_output(
    running: RawRepl, frame: Frame, letter: str
) -> None:
    foreign = frame(letter, 1, "'x'", token="dcba")
    events = running.receive(foreign + frame("V", 1, "42") + END)
    assert events == [Output(foreign), Replied(1, ReplyKind.VALUE, b"42", b"")]


def test_leaving_may_run_a_last_code(idle: RawRepl) -> None:
    assert idle.leave("del x") == b"del x\x04\x02"
    assert idle.state is State.DETACHED


def test_leaving_without_a_last_code_is_no_soft_reset(idle: RawRepl) -> None:
    assert idle.leave() == b"\x02"


def test_leaving_goes_to_the_friendly_prompt_from_anywhere(running: RawRepl) -> None:
    assert running.leave() == b"\x03\x02"
    assert running.state is State.DETACHED
    assert not running.is_busy


def test_a_reply_is_believed_though_its_ok_was_lost(idle: RawRepl, frame: Frame) -> None:
    """Its number is used once only, so it can be no other call's."""
    idle.submit(1, "f()")
    assert idle.receive(frame("V", 1, "42") + END) == [Replied(1, ReplyKind.VALUE, b"42", b"")]
