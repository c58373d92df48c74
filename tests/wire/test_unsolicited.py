"""Bytes that belong to no call, and output of sessions' threads: never an error, never a result."""

from collections.abc import Callable

import pytest

from belay_actors.wire import (
    Event,
    Output,
    RawRepl,
    Ready,
    Replied,
    ReplyKind,
    SessionOutput,
    State,
    Unsolicited,
)

Frame = Callable[..., bytes]

END = b"\x04\x04>"
RAW_BANNER = b"raw REPL; CTRL-B to exit\r\n>"


def unsolicited_of(events: list[Event]) -> bytes:
    return b"".join(event.data for event in events if isinstance(event, Unsolicited))


def others_of(events: list[Event]) -> list[Event]:
    return [event for event in events if not isinstance(event, Unsolicited)]


REPLIED = Replied(1, ReplyKind.VALUE, b"42", b"")


@pytest.mark.parametrize("noise", [b"boot\r\n", b"\x04", b"\x04\x04>", b"\x00\xff", b">"])
def test_bytes_between_calls_are_unsolicited(idle: RawRepl, frame: Frame, noise: bytes) -> None:
    assert idle.receive(noise) == [Unsolicited(noise)]
    idle.submit(1, "f()")
    assert idle.receive(b"OK" + frame("V", 1, "42") + END) == [REPLIED]


@pytest.mark.parametrize("noise", [b"tick\n", b"\x04\x04>", b"O", b"K", b"o k\r\n"])
def test_bytes_before_the_code_has_started_are_unsolicited(
    idle: RawRepl, frame: Frame, noise: bytes
) -> None:
    idle.submit(1, "f()")
    events = idle.receive(noise + b"OK" + frame("V", 1, "42") + END)
    assert unsolicited_of(events) == noise
    assert others_of(events) == [REPLIED]


def test_noise_that_says_ok_cannot_change_the_result(idle: RawRepl, frame: Frame) -> None:
    idle.submit(1, "f()")
    events = idle.receive(b"all OK\r\n" + b"OK" + frame("V", 1, "42") + END)
    assert events[-1] == REPLIED


def test_bytes_inside_of_a_call_are_its_output(running: RawRepl, frame: Frame) -> None:
    events = running.receive(b"tick\n" + frame("V", 1, "42") + END)
    assert events == [Output(b"tick\n"), REPLIED]


def test_bytes_between_a_reply_and_the_prompt_are_unsolicited(
    running: RawRepl, frame: Frame
) -> None:
    events = running.receive(frame("V", 1, "42") + b"one\x04two\x04>three\n")
    assert unsolicited_of(events) == b"onetwothree\n"
    assert others_of(events) == [REPLIED]
    assert running.state is State.IDLE


def test_bytes_between_the_last_mark_and_the_prompt_do_not_hide_the_prompt(
    running: RawRepl, frame: Frame
) -> None:
    r"""Firmware writes ``\x04`` and ``>`` separately, and a thread may print in between."""
    events = running.receive(frame("V", 1, "42") + b"\x04\x04" + b"tick\n" + b">")
    assert REPLIED in events
    assert running.state is State.IDLE
    assert b"tick\n" in unsolicited_of(events)


def test_bytes_after_the_prompt_are_unsolicited(running: RawRepl, frame: Frame) -> None:
    events = running.receive(frame("V", 1, "42") + END + b"tick\n")
    assert events == [REPLIED, Unsolicited(b"tick\n")]


def test_bytes_while_detached_are_unsolicited(idle: RawRepl) -> None:
    idle.leave()
    assert idle.receive(b"hello\r\n") == [Unsolicited(b"hello\r\n")]


TICK = SessionOutput(3, b"'tick\\n'")


def to_detached(machine: RawRepl, frame: Frame) -> None:
    machine.leave()


def to_syncing(machine: RawRepl, frame: Frame) -> None:
    machine.resync()


def to_idle(machine: RawRepl, frame: Frame) -> None:
    pass


def to_sent(machine: RawRepl, frame: Frame) -> None:
    machine.submit(1, "f()")


def to_running(machine: RawRepl, frame: Frame) -> None:
    machine.submit(1, "f()")
    machine.receive(b"OK")


def to_failing(machine: RawRepl, frame: Frame) -> None:
    to_running(machine, frame)
    machine.receive(frame("T", 1))


def to_replied(machine: RawRepl, frame: Frame) -> None:
    to_running(machine, frame)
    machine.receive(frame("V", 1, "42"))


def to_closing(machine: RawRepl, frame: Frame) -> None:
    to_replied(machine, frame)
    machine.receive(b"\x04")


def to_paste_opening(machine: RawRepl, frame: Frame) -> None:
    machine.submit(1, "f()", paste=True)


def to_paste_sending(machine: RawRepl, frame: Frame) -> None:
    machine.submit(1, "f()" * 100, paste=True)
    machine.receive(b"R\x01\x80\x00\x01")


@pytest.mark.parametrize(
    ("enter", "rest", "last"),
    [
        (to_detached, b"", None),
        (to_syncing, RAW_BANNER, Ready(b"")),
        (to_idle, b"", None),
        (to_sent, b"OK%s" + END, REPLIED),
        (to_running, b"%s" + END, REPLIED),
        (to_failing, b"", None),
        (to_replied, END, REPLIED),
        (to_closing, b"\x04>", REPLIED),
        (to_paste_opening, b"R\x01\x80\x00\x01\x04%s" + END, REPLIED),
        (to_paste_sending, b"\x01\x04%s" + END, REPLIED),
    ],
)
def test_session_output_gets_through_in_every_state(
    idle: RawRepl,
    frame: Frame,
    enter: Callable[[RawRepl, Frame], None],
    rest: bytes,
    last: Event | None,
) -> None:
    enter(idle, frame)
    events = idle.receive(frame("P", 3, "'tick\\n'"))
    if b"%s" in rest:
        rest = rest % frame("V", 1, "42")
    events += idle.receive(rest)
    assert TICK in events
    if last is not None:
        assert events[-1] == last


def test_session_output_is_no_part_of_a_traceback(running: RawRepl, frame: Frame) -> None:
    tick = frame("P", 3, "'tick\\n'")
    events = running.receive(
        frame("T", 1) + b"Trace" + tick + b"back\n" + frame("E", 1, "()") + END
    )
    assert events == [TICK, Replied(1, ReplyKind.ERROR, b"()", b"Traceback\n")]


def test_bytes_before_a_paste_is_answered_are_unsolicited(idle: RawRepl) -> None:
    idle.submit(1, "f()", paste=True)
    events = idle.receive(b"tick\n")
    events += idle.receive(b"R\x01\x80\x00\x01")
    assert unsolicited_of(events) == b"tick\n"
