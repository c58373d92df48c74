"""Resync: from every state, through whatever the board still had to say, to its raw prompt."""

from collections.abc import Callable

import pytest

from belay_actors.wire import (
    Event,
    RawRepl,
    Ready,
    Replied,
    ReplyKind,
    Restarted,
    State,
)

Frame = Callable[..., bytes]
MakeIdle = Callable[..., RawRepl]

END = b"\x04\x04>"
RAW_BANNER = b"raw REPL; CTRL-B to exit\r\n>"
FRIENDLY_BANNER = b'Type "help()" for more information.\r\n>>> '
SOFT_REBOOT = b"MPY: soft reboot\r\n"
INTERRUPTED = b"Traceback (most recent call last):\r\nKeyboardInterrupt: \r\n"


def submit(machine: RawRepl, received: bytes, *, paste: bool = False) -> None:
    machine.submit(1, "f()" * 100, paste=paste)
    machine.receive(received)


STATES: dict[str, Callable[[RawRepl, Frame], object]] = {
    "detached": lambda machine, frame: machine.leave(),
    "syncing": lambda machine, frame: machine.resync(),
    "idle": lambda machine, frame: None,
    "sent": lambda machine, frame: submit(machine, b""),
    "half of OK": lambda machine, frame: submit(machine, b"O"),
    "running": lambda machine, frame: submit(machine, b"OKhalf a li"),
    "in a frame": lambda machine, frame: submit(machine, b"OK" + frame("V", 1, "'long'")[:-3]),
    "in a header": lambda machine, frame: submit(machine, b"OK\x1eabcdV1;2"),
    "failing": lambda machine, frame: submit(machine, b"OK" + frame("T", 1) + b"Traceb"),
    "replied": lambda machine, frame: submit(machine, b"OK" + frame("V", 1, "1")),
    "closing": lambda machine, frame: submit(machine, b"OK" + frame("V", 1, "1") + END[:1]),
    "before a paste is answered": lambda machine, frame: submit(machine, b"R", paste=True),
    "in a paste": lambda machine, frame: submit(machine, b"R\x01\x80\x00\x01", paste=True),
}
JUNK = {
    "nothing": b"",
    "a prompt": b"\r\n>>> ",
    "an interrupted call": b"\x04" + INTERRUPTED + b"\x04>",
    "marks": b"OK\x04\x04>R\x01\x80\x00\x01",
    "a boot": b"\r\n" + SOFT_REBOOT + FRIENDLY_BANNER + b"\r\n",
    "half a banner": b"\r\nraw REPL; CTRL-B",
    "a start of a frame": b"\r\n\x1eabcdV1;",
    "paste mode": b"\r\npaste mode; Ctrl-C to cancel, Ctrl-D to finish\r\n=== ",
}


def receive_each(machine: RawRepl, data: bytes) -> list[Event]:
    return [event for byte in data for event in machine.receive(bytes([byte]))]


def test_resync_interrupts_and_then_asks_for_the_raw_prompt(running: RawRepl) -> None:
    assert running.resync() == b"\x03\x03\x01"
    assert running.state is State.SYNCING
    assert running.is_busy


@pytest.mark.parametrize("junk", JUNK.values(), ids=JUNK.keys())
@pytest.mark.parametrize("enter", STATES.values(), ids=STATES.keys())
def test_resync_leads_from_every_state_through_any_junk_to_the_prompt(
    make_idle: MakeIdle,
    frame: Frame,
    enter: Callable[[RawRepl, Frame], object],
    junk: bytes,
) -> None:
    for feed in (RawRepl.receive, receive_each):
        machine = make_idle()
        enter(machine, frame)
        machine.resync()
        events = feed(machine, junk + b"\r\n" + RAW_BANNER)
        assert isinstance(events[-1], Ready)
        assert not any(isinstance(event, Replied | Restarted) for event in events)
        machine.submit(2, "g()")
        assert feed(machine, b"OK" + frame("V", 2, "1") + END) == [
            Replied(2, ReplyKind.VALUE, b"1", b"")
        ]


def test_a_reply_that_comes_during_a_resync_is_dropped(running: RawRepl, frame: Frame) -> None:
    running.resync()
    events = running.receive(frame("V", 1, "42") + END + RAW_BANNER)
    assert not any(isinstance(event, Replied) for event in events)
    assert isinstance(events[-1], Ready)


def test_ready_tells_what_was_skipped(idle: RawRepl) -> None:
    idle.resync()
    assert idle.receive(b"MicroPython v9\r\n" + RAW_BANNER) == [Ready(b"MicroPython v9\r\n")]


def test_ready_tells_the_end_of_very_much_that_was_skipped(idle: RawRepl) -> None:
    idle.resync()
    events = idle.receive(b"x" * 100_000 + b"the end\r\n" + RAW_BANNER)
    (event,) = events
    assert isinstance(event, Ready)
    assert event.skipped.endswith(b"xxxthe end\r\n")
    assert len(event.skipped) < 10_000


def test_what_was_skipped_is_forgotten_by_the_next_resync(idle: RawRepl) -> None:
    idle.resync()
    idle.receive(b"first\r\n" + RAW_BANNER)
    idle.resync()
    assert idle.receive(b"second\r\n" + RAW_BANNER) == [Ready(b"second\r\n")]


def test_what_the_board_says_after_a_resync_has_no_asking_in_it(running: RawRepl) -> None:
    running.resync()
    running.receive(b"\x04\x04>")
    assert running.take_outgoing() == b""


def test_resync_forgets_the_rest_of_an_upload(idle: RawRepl) -> None:
    """It would be written behind the resync, to a board that takes it for the next code."""
    idle.submit(1, "f()" * 100, paste=True)
    idle.receive(b"R\x01\x80\x00\x01")
    idle.resync()
    assert idle.take_outgoing() == b""
    idle.receive(RAW_BANNER)
    assert idle.take_outgoing() == b""


def test_resync_forgets_a_question_that_was_not_written(running: RawRepl) -> None:
    running.receive(b"\x04\x04>")
    running.resync()
    assert running.take_outgoing() == b""


def test_a_late_answer_to_a_question_from_before_a_resync_is_no_restart(
    running: RawRepl,
) -> None:
    r"""The program printed ``\x04\x04>`` and was then interrupted; the question is still asked."""
    running.receive(b"\x04\x04>")
    assert running.take_outgoing() == b"\x01"
    running.resync()
    events = running.receive(RAW_BANNER + RAW_BANNER)
    assert not any(isinstance(event, Restarted) for event in events)
    assert running.state is State.IDLE


def test_the_answer_to_an_earlier_resync_is_no_restart(idle: RawRepl) -> None:
    """As when the first was cancelled and then repeated: the board answers both."""
    idle.resync()
    idle.resync()
    events = idle.receive(RAW_BANNER + RAW_BANNER)
    assert not any(isinstance(event, Restarted) for event in events)
    assert idle.state is State.IDLE
