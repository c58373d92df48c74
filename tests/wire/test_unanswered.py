r"""Calls that end without a frame, and programs that only look as if: a ``\x01`` tells them apart.

At its prompt a board answers ``\x01`` with its raw banner; while code runs it has to wait.
"""

from collections.abc import Callable

import pytest

from belay_actors.wire import (
    Event,
    NotStarted,
    Output,
    RawRepl,
    Replied,
    ReplyKind,
    Restarted,
    State,
    Unanswered,
)

Frame = Callable[..., bytes]
MakeIdle = Callable[..., RawRepl]

END = b"\x04\x04>"
RAW_BANNER = b"raw REPL; CTRL-B to exit\r\n>"
NAME_ERROR = b"Traceback (most recent call last):\r\nNameError: name '__b' isn't defined\r\n"


def unanswered_of(events: list[Event]) -> Unanswered:
    (event,) = (event for event in events if not isinstance(event, Output))
    assert isinstance(event, Unanswered)
    return event


def test_a_prompt_without_a_frame_is_asked_about(running: RawRepl) -> None:
    running.receive(b"\x04" + NAME_ERROR + b"\x04>")
    assert running.take_outgoing() == b"\x01"
    assert running.take_outgoing() == b""
    assert running.is_busy


def test_a_call_is_unanswered_when_the_board_says_that_it_is_at_its_prompt(
    running: RawRepl,
) -> None:
    running.receive(b"text\x04" + NAME_ERROR + b"\x04>")
    running.take_outgoing()
    event = unanswered_of(running.receive(RAW_BANNER))
    assert event == Unanswered(1, b"text\x04" + NAME_ERROR + b"\x04>")
    assert running.state is State.IDLE


def test_a_prompt_without_a_frame_may_be_cut_anywhere(make_idle: MakeIdle) -> None:
    data = b"\x04" + NAME_ERROR + b"\x04>"
    for cut in range(1, len(data)):
        machine = make_idle()
        machine.submit(1, "f()")
        machine.receive(b"OK")
        machine.receive(data[:cut])
        machine.receive(data[cut:])
        assert machine.take_outgoing() == b"\x01", cut
        assert unanswered_of(machine.receive(RAW_BANNER)).tail == data


def test_a_prompt_in_a_traceback_is_asked_about(running: RawRepl, frame: Frame) -> None:
    """Memory ran out between the traceback and the frame of the error."""
    running.receive(frame("T", 1) + b"MemoryError\r\n\x04MemoryError: \r\n\x04>")
    assert running.take_outgoing() == b"\x01"
    assert unanswered_of(running.receive(RAW_BANNER)).number == 1


def test_a_traceback_of_any_length_before_the_prompt_is_asked_about(running: RawRepl) -> None:
    running.receive(b"\x04" + b"  File x, line 1, in f\r\n" * 1000 + b"\x04>")
    assert running.take_outgoing() == b"\x01"


@pytest.mark.parametrize("noise", [b"tick\n", b"r", b"\x1e", b"tick\r\nMPY"])
def test_noise_behind_the_prompt_does_not_hide_it(running: RawRepl, noise: bytes) -> None:
    """A thread may print right behind it, and the same read may bring both."""
    running.receive(b"\x04" + NAME_ERROR + b"\x04>" + noise)
    assert running.take_outgoing() == b"\x01"


@pytest.mark.parametrize("text", [b">", b"\x04>", b"a > b", b"\x04\x04", b">>> ", b"\x04 >"])
def test_text_that_is_no_prompt_is_not_asked_about(running: RawRepl, text: bytes) -> None:
    running.receive(text)
    assert running.take_outgoing() == b""


def test_a_board_is_not_asked_while_it_has_no_call(idle: RawRepl) -> None:
    idle.receive(END)
    assert idle.take_outgoing() == b""


def test_a_reply_needs_no_question(running: RawRepl, frame: Frame) -> None:
    running.receive(frame("V", 1, "42"))
    running.receive(END)
    assert running.take_outgoing() == b""


def test_a_program_that_looks_as_if_it_was_over_goes_on(running: RawRepl, frame: Frame) -> None:
    events = running.receive(b"\x04\x04>")
    assert running.take_outgoing() == b"\x01"
    events += running.receive(b"more")
    events += running.receive(frame("V", 1, "42") + END)
    assert events == [
        Output(b"\x04\x04>"),
        Output(b"more"),
        Replied(1, ReplyKind.VALUE, b"42", b""),
    ]


def fool_once(machine: RawRepl, frame: Frame, number: int) -> None:
    """A call that prints a prompt, so that a question is asked, and then replies."""
    machine.submit(number, "f()")
    machine.receive(b"OK\x04\x04>")
    assert machine.take_outgoing() == b"\x01"
    machine.receive(frame("V", number, "1") + END)


def test_the_late_answer_is_swallowed_before_the_next_call(idle: RawRepl, frame: Frame) -> None:
    fool_once(idle, frame, 1)
    assert idle.receive(RAW_BANNER) == []
    assert idle.state is State.IDLE


def test_the_late_answer_is_swallowed_in_the_next_call(idle: RawRepl, frame: Frame) -> None:
    fool_once(idle, frame, 1)
    idle.submit(2, "g()")
    assert idle.receive(RAW_BANNER + b"OK" + frame("V", 2, "2") + END) == [
        Replied(2, ReplyKind.VALUE, b"2", b"")
    ]


def test_the_late_answer_does_not_refuse_the_next_paste(idle: RawRepl, frame: Frame) -> None:
    fool_once(idle, frame, 1)
    idle.submit(2, "g()", paste=True)
    events = idle.receive(RAW_BANNER + b"R\x01\x80\x00\x01\x04" + frame("V", 2, "2") + END)
    assert events == [Replied(2, ReplyKind.VALUE, b"2", b"")]


def test_every_late_answer_is_swallowed(idle: RawRepl, frame: Frame) -> None:
    idle.submit(1, "f()")
    idle.receive(b"OK\x04\x04>")
    idle.receive(b"\x04\x04>")
    asked = idle.take_outgoing()
    idle.receive(frame("V", 1, "1") + END)
    assert asked.strip(b"\x01") == b""
    assert idle.receive(RAW_BANNER * len(asked)) == []
    assert idle.state is State.IDLE


def test_a_question_of_an_earlier_call_settles_no_later_one(idle: RawRepl, frame: Frame) -> None:
    """The board answers in order: when it says OK, its earlier input is used up."""
    fool_once(idle, frame, 1)
    idle.submit(2, "g()")
    idle.receive(b"OK")
    events = idle.receive(RAW_BANNER)
    assert not any(isinstance(event, Unanswered) for event in events)


def test_the_tail_of_an_unanswered_call_is_the_end_of_what_it_printed(running: RawRepl) -> None:
    running.receive(b"x" * 100_000)
    running.receive(b"\x04" + NAME_ERROR + b"\x04>")
    running.take_outgoing()
    tail = unanswered_of(running.receive(RAW_BANNER)).tail
    assert tail.endswith(b"x\x04" + NAME_ERROR + b"\x04>")
    assert len(tail) < 10_000


def test_a_question_that_was_answered_excuses_no_later_banner(running: RawRepl) -> None:
    running.receive(b"\x04" + NAME_ERROR + b"\x04>")
    running.take_outgoing()
    running.receive(RAW_BANNER)
    assert any(isinstance(event, Restarted) for event in running.receive(RAW_BANNER))


def test_an_answer_to_an_older_question_does_not_end_a_call(
    make_idle: MakeIdle, frame: Frame
) -> None:
    machine = make_idle(is_lossless=True)
    machine.submit(1, "f()")
    machine.receive(b"OK" + END)  # a thread has printed that
    assert machine.take_outgoing() == b"\x01"
    machine.receive(b"OK" + frame("V", 1, "1") + END)
    machine.submit(2, "g()")
    assert machine.receive(b"OK" + END) == [Output(END)]  # again a thread
    assert machine.take_outgoing() == b"\x01"
    assert machine.receive(RAW_BANNER) == []  # what was asked in the first call
    (reply,) = (
        event
        for event in machine.receive(b"OK" + frame("V", 2, "2") + END)
        if isinstance(event, Replied)
    )
    assert (reply.number, reply.payload) == (2, b"2")


def test_a_call_whose_older_question_was_eaten_asks_again(
    make_idle: MakeIdle, frame: Frame
) -> None:
    machine = make_idle(is_lossless=True)
    machine.submit(1, "input()")
    machine.receive(b"OK" + END)
    assert machine.take_outgoing() == b"\x01"  # the program reads it as its input
    machine.receive(frame("V", 1, "1") + END)
    machine.submit(2, "f()")
    machine.receive(b"OK" + END)
    assert machine.take_outgoing() == b"\x01"
    machine.receive(RAW_BANNER)
    assert machine.take_outgoing() == b"\x01"
    assert unanswered_of(machine.receive(RAW_BANNER)).number == 2


def test_code_that_does_not_start_was_lost_if_the_board_is_at_its_prompt(idle: RawRepl) -> None:
    idle.submit(1, "f()")
    assert idle.is_unstarted
    assert idle.ask() == b"\x01"
    assert idle.receive(RAW_BANNER) == [NotStarted(1)]
    assert idle.state is State.IDLE


def test_code_that_starts_late_runs(idle: RawRepl, frame: Frame) -> None:
    idle.submit(1, "f()")
    idle.ask()
    events = idle.receive(b"OK" + frame("V", 1, "1") + END)
    assert [type(event) for event in events] == [Replied]
    assert idle.receive(RAW_BANNER) == []
    idle.submit(2, "f()")
    events = idle.receive(b"OK" + frame("V", 2, "2") + END)
    assert [type(event) for event in events] == [Replied]
