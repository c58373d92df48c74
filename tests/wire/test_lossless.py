"""Lossless links: a call is over with its frame, and the next may be sent before the prompt."""

from collections.abc import Callable

import pytest

from belay_actors.wire import (
    Dropped,
    Event,
    Output,
    RawRepl,
    Ready,
    Replied,
    ReplyKind,
    Restarted,
    State,
    Unanswered,
    Unsolicited,
)

Frame = Callable[..., bytes]

END = b"\x04\x04>"
RAW_BANNER = b"raw REPL; CTRL-B to exit\r\n>"
SOFT_REBOOT = b"MPY: soft reboot\r\n"


@pytest.fixture
def lossless(make_idle: Callable[..., RawRepl], frame: Frame) -> RawRepl:
    """A machine whose call 1 has just replied; the prompt is still to come."""
    machine = make_idle(is_lossless=True)
    machine.submit(1, "f()")
    assert machine.receive(b"OK" + frame("V", 1, "1")) == [Replied(1, ReplyKind.VALUE, b"1", b"")]
    return machine


def receive_each(machine: RawRepl, data: bytes) -> list[Event]:
    return [event for byte in data for event in machine.receive(bytes([byte]))]


def test_a_call_is_over_with_its_frame(lossless: RawRepl) -> None:
    assert not lossless.is_busy


def test_the_prompt_behind_it_is_no_event(lossless: RawRepl) -> None:
    assert receive_each(lossless, END) == []
    assert lossless.state is State.IDLE


@pytest.mark.parametrize("before", range(len(END) + 1))
def test_the_next_call_may_be_sent_at_any_time(
    lossless: RawRepl, frame: Frame, before: int
) -> None:
    assert lossless.receive(END[:before]) == []
    assert lossless.submit(2, "g()") == b"g()\x04"
    assert lossless.is_busy
    events = lossless.receive(END[before:] + b"OKtext" + frame("V", 2, "2"))
    assert events == [Output(b"text"), Replied(2, ReplyKind.VALUE, b"2", b"")]


def test_only_one_call_may_be_sent_ahead(lossless: RawRepl) -> None:
    lossless.submit(2, "g()")
    with pytest.raises(AssertionError, match="a call in state"):
        lossless.submit(3, "h()")


def test_an_error_sent_ahead_has_its_own_traceback(lossless: RawRepl, frame: Frame) -> None:
    lossless.submit(2, "g()")
    events = receive_each(
        lossless, END + b"OK" + frame("T", 2) + b"Traceback\n" + frame("E", 2, "()") + END
    )
    assert events == [Replied(2, ReplyKind.ERROR, b"()", b"Traceback\n")]
    lossless.submit(3, "h()")
    assert lossless.receive(b"OK" + frame("V", 3, "3")) == [Replied(3, ReplyKind.VALUE, b"3", b"")]


def test_bytes_before_the_prompt_are_unsolicited(lossless: RawRepl, frame: Frame) -> None:
    lossless.submit(2, "g()")
    events = lossless.receive(b"tick\n" + END + b"OK" + frame("V", 2, "2"))
    assert events == [Unsolicited(b"tick\n"), Replied(2, ReplyKind.VALUE, b"2", b"")]


def test_a_second_frame_of_the_last_call_is_dropped(lossless: RawRepl, frame: Frame) -> None:
    assert lossless.receive(frame("V", 1, "9") + END) == [Dropped(1, is_damaged=False)]


@pytest.mark.parametrize("is_ahead", [False, True])
def test_a_restart_before_the_prompt_is_told(lossless: RawRepl, is_ahead: bool) -> None:
    if is_ahead:
        lossless.submit(2, "g()")
    assert lossless.receive(SOFT_REBOOT) == [Restarted(SOFT_REBOOT)]
    assert not lossless.is_busy


@pytest.mark.parametrize("is_ahead", [False, True])
def test_a_resync_before_the_prompt_starts_afresh(
    lossless: RawRepl, frame: Frame, is_ahead: bool
) -> None:
    if is_ahead:
        lossless.submit(2, "g()")
    lossless.resync()
    assert isinstance(lossless.receive(END + RAW_BANNER)[-1], Ready)
    assert lossless.state is State.IDLE
    lossless.submit(3, "h()")
    assert lossless.receive(b"OK" + frame("V", 3, "3")) == [Replied(3, ReplyKind.VALUE, b"3", b"")]


def test_a_call_sent_ahead_may_go_unanswered(lossless: RawRepl) -> None:
    lossless.submit(2, "g()")
    lossless.receive(END + b"OK\x04NameError\r\n\x04>")
    assert lossless.take_outgoing() == b"\x01"
    assert lossless.receive(RAW_BANNER) == [Unanswered(2, b"\x04NameError\r\n\x04>")]


@pytest.mark.parametrize("is_framed", [False, True])
def test_bytes_right_before_the_prompt_do_not_hide_it(
    lossless: RawRepl, frame: Frame, is_framed: bool
) -> None:
    noise = frame("P", 3, "'tick'") if is_framed else b"tick"
    lossless.receive(b"\x04\x04" + noise + b">")
    lossless.submit(2, "g()")
    events = lossless.receive(b"OK" + frame("V", 2, "2"))
    assert events == [Replied(2, ReplyKind.VALUE, b"2", b"")]
