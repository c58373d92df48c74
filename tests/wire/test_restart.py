"""Boards that start anew: outside of a program's output a boot banner tells it at once.

A running program may print a banner itself, so there the machine asks: a board at a prompt answers
``\\x01`` with its raw banner.
"""

from collections.abc import Callable

import pytest

from belay_actors.wire import (
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
MakeIdle = Callable[..., RawRepl]
Enter = Callable[[RawRepl, Frame], None]

END = b"\x04\x04>"
RAW_BANNER = b"raw REPL; CTRL-B to exit\r\n>"
FRIENDLY_BANNER = b'Type "help()" for more information.\r\n>>> '
SOFT_REBOOT = b"MPY: soft reboot\r\n"


def submit(machine: RawRepl, received: bytes, *, paste: bool = False) -> None:
    machine.submit(1, "f()" * 100, paste=paste)
    machine.receive(received)
    machine.take_outgoing()


IN_PROGRAM: dict[str, Enter] = {
    "running": lambda machine, frame: submit(machine, b"OK"),
    "in half a line": lambda machine, frame: submit(machine, b"OKhalf a li"),
    "in a frame": lambda machine, frame: submit(machine, b"OK" + frame("V", 1, "'long'")[:-3]),
    "failing": lambda machine, frame: submit(machine, b"OK" + frame("T", 1)),
}
ELSEWHERE: dict[str, Enter] = {
    "sent": lambda machine, frame: submit(machine, b""),
    "half of OK": lambda machine, frame: submit(machine, b"O"),
    "replied": lambda machine, frame: submit(machine, b"OK" + frame("V", 1, "1")),
    "closing": lambda machine, frame: submit(machine, b"OK" + frame("V", 1, "1") + END[:1]),
    "prompting": lambda machine, frame: submit(machine, b"OK" + frame("V", 1, "1") + END[:2]),
    "before a paste is answered": lambda machine, frame: submit(machine, b"", paste=True),
    "in a paste": lambda machine, frame: submit(machine, b"R\x01\x80\x00\x01", paste=True),
}


def restarts_of(events: list[Event]) -> int:
    return sum(isinstance(event, Restarted) for event in events)


@pytest.mark.parametrize("banner", [FRIENDLY_BANNER, SOFT_REBOOT])
@pytest.mark.parametrize("enter", ELSEWHERE.values(), ids=ELSEWHERE.keys())
def test_a_restart_before_or_behind_a_program_is_told_at_once(
    idle: RawRepl, frame: Frame, enter: Enter, banner: bytes
) -> None:
    enter(idle, frame)
    events = idle.receive(b"\r\nMicroPython v1.24 on a board\r\n" + banner)
    assert restarts_of(events) == 1
    assert idle.state is State.DETACHED
    assert not idle.is_busy


@pytest.mark.parametrize("banner", [FRIENDLY_BANNER, SOFT_REBOOT, RAW_BANNER])
@pytest.mark.parametrize("enter", IN_PROGRAM.values(), ids=IN_PROGRAM.keys())
def test_a_banner_in_a_program_is_asked_about_at_once(
    idle: RawRepl, frame: Frame, enter: Enter, banner: bytes
) -> None:
    enter(idle, frame)
    idle.receive(b"\r\nMicroPython v1.24 on a board\r\n" + banner)
    assert idle.take_outgoing() == b"\x01"
    event = idle.receive(RAW_BANNER)[-1]
    assert isinstance(event, Unanswered)
    assert banner[:16] in event.tail
    assert idle.state is State.IDLE


def test_a_restart_is_asked_about_however_often_the_program_looked_as_if_it_was_over(
    running: RawRepl,
) -> None:
    """A reset empties the board's input, so earlier questions are not answered any more."""
    for _ in range(10):
        running.receive(END)
        running.take_outgoing()
    running.receive(FRIENDLY_BANNER)
    assert running.take_outgoing() == b"\x01"


@pytest.mark.parametrize("banner", [FRIENDLY_BANNER, SOFT_REBOOT, RAW_BANNER])
def test_a_banner_that_a_program_prints_is_output(
    running: RawRepl, frame: Frame, banner: bytes
) -> None:
    events = running.receive(banner)
    assert running.take_outgoing() == b"\x01"
    events += running.receive(frame("V", 1, "42") + END)
    assert b"".join(event.data for event in events if isinstance(event, Output)) == banner
    assert events[-1] == Replied(1, ReplyKind.VALUE, b"42", b"")
    assert running.receive(RAW_BANNER) == []
    assert running.state is State.IDLE


@pytest.mark.parametrize("banner", [RAW_BANNER, FRIENDLY_BANNER, SOFT_REBOOT])
def test_a_restart_while_idle_is_told_at_once(idle: RawRepl, banner: bytes) -> None:
    events = idle.receive(b"boot\r\n" + banner)
    assert events[0] == Unsolicited(b"boot\r\n")
    assert restarts_of(events) == 1
    assert idle.state is State.DETACHED


@pytest.mark.parametrize("banner", [RAW_BANNER, FRIENDLY_BANNER, SOFT_REBOOT])
def test_a_banner_may_be_cut_anywhere(make_idle: MakeIdle, banner: bytes) -> None:
    for cut in range(1, len(banner)):
        machine = make_idle()
        events = machine.receive(banner[:cut]) + machine.receive(banner[cut:])
        assert restarts_of(events) == 1, cut


def test_a_restart_forgets_the_window_of_raw_paste(idle: RawRepl, frame: Frame) -> None:
    idle.submit(1, "f()", paste=True)
    idle.receive(b"R\x01\x80\x00\x01\x04" + frame("V", 1, "1") + b"\x04\x04>")
    assert idle.paste_window == 128
    idle.receive(SOFT_REBOOT)
    assert idle.paste_window is None


def test_what_a_board_says_while_it_boots_is_unsolicited(idle: RawRepl) -> None:
    idle.receive(SOFT_REBOOT)
    assert idle.receive(b"hello from main.py\n") == [Unsolicited(b"hello from main.py\n")]


def test_a_board_that_has_restarted_is_made_ready_by_a_resync(idle: RawRepl) -> None:
    idle.receive(FRIENDLY_BANNER)
    idle.resync()
    assert idle.receive(RAW_BANNER) == [Ready(b"")]
