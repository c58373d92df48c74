"""The resident loop on the wire: entered, asked, answered, ended, and all that may come between."""

from collections.abc import Callable

import pytest
from hypothesis import given, strategies as st

from belay_actors.wire import (
    Dropped,
    Event,
    Output,
    Ready,
    Replied,
    ReplyKind,
    ResidentRepl,
    Restarted,
    SessionOutput,
    State,
    Unanswered,
    Unsolicited,
)
from belay_actors.wire._requests import ASK, BLOCK, LEAVE, encode_block, encode_request

Frame = Callable[..., bytes]

TOKEN = "abcd"
LOOP = 2  # the number of the call that is the loop
RAW_BANNER = b"raw REPL; CTRL-B to exit\r\n>"
SOFT_REBOOT = b"MPY: soft reboot\r\n"
END = b"\x04\x04>"
VALUE = Replied(7, ReplyKind.VALUE, b"42", b"")


@pytest.fixture
def fresh() -> ResidentRepl:
    """A machine at the raw prompt."""
    machine = ResidentRepl(TOKEN, max_payload=1_000_000, is_lossless=True)
    machine.resync()
    assert machine.receive(RAW_BANNER) == [Ready(b"")]
    return machine


@pytest.fixture
def entering(fresh: ResidentRepl) -> ResidentRepl:
    assert fresh.enter(LOOP, "resident(2)") == b"resident(2)\x04"
    return fresh


@pytest.fixture
def listening(entering: ResidentRepl, frame: Frame) -> ResidentRepl:
    """A machine whose board is in the loop and waits."""
    entering.receive(b"OK" + frame("V", LOOP, "None"))
    assert entering.state is State.LISTENING
    return entering


@pytest.fixture
def serving(listening: ResidentRepl) -> ResidentRepl:
    """A machine in call 7, in the loop."""
    listening.request(7, 3, "f()", is_expression=True)
    return listening


def receive_each(machine: ResidentRepl, data: bytes) -> list[Event]:
    return [event for byte in data for event in machine.receive(bytes([byte]))]


def text_of(events: list[Event]) -> bytes:
    return b"".join(event.data for event in events if isinstance(event, Output))


# Entering.


def test_it_is_entered_with_a_value(entering: ResidentRepl, frame: Frame) -> None:
    events = entering.receive(b"OK" + frame("V", LOOP, "None"))
    assert events == [Replied(LOOP, ReplyKind.VALUE, b"None", b"")]
    assert (entering.is_resident, entering.is_busy) == (True, False)


def test_there_is_no_loop_after_an_error(entering: ResidentRepl, frame: Frame) -> None:
    error = frame("T", LOOP) + b"Traceback" + frame("E", LOOP, "('x', 'y', False)")
    (reply,) = entering.receive(b"OK" + error + END)
    assert isinstance(reply, Replied)
    assert reply.kind is ReplyKind.ERROR
    assert (entering.is_resident, entering.state) == (False, State.IDLE)


@pytest.mark.parametrize("kind", ["U", "N"])
def test_nor_after_any_other_reply(entering: ResidentRepl, frame: Frame, kind: str) -> None:
    entering.receive(b"OK" + frame(kind, LOOP, "") + END)
    assert entering.state is State.IDLE
    entering.submit(3, "f()")
    entering.receive(b"OK" + frame("V", 3, "1"))
    assert not entering.is_resident


def test_a_restart_meanwhile_ends_it(entering: ResidentRepl, frame: Frame) -> None:
    assert entering.receive(SOFT_REBOOT) == [Restarted(SOFT_REBOOT)]
    assert entering.receive(frame("V", LOOP, "None")) == [Dropped(LOOP, is_damaged=False)]
    assert entering.is_detached


def test_a_damaged_answer_is_asked_about_and_the_loop_is_there(
    entering: ResidentRepl, frame: Frame
) -> None:
    entering.receive(b"OK" + frame("V", LOOP, "None").replace(b"None", b"Nune"))
    assert entering.take_outgoing() == ASK  # of which a prompt would make a banner
    (event,) = entering.receive(frame("Q", 0))
    assert isinstance(event, Unanswered)
    assert entering.is_resident
    assert entering.resync() == LEAVE + b"\x01"


def test_a_damaged_answer_is_asked_about_and_the_loop_is_not_there(
    entering: ResidentRepl, frame: Frame
) -> None:
    entering.receive(b"OK" + frame("E", LOOP, "()").replace(b"()", b"(]") + END)
    assert entering.take_outgoing() == ASK
    (event,) = entering.receive(RAW_BANNER)
    assert isinstance(event, Unanswered)
    assert not entering.is_resident


# Calls.


@pytest.mark.parametrize("receive", [ResidentRepl.receive, receive_each], ids=["once", "each"])
@pytest.mark.parametrize("said", ["", "x", "\x04", END.decode(), "OK", ">", "\x1e\x1f", "\x1eabcd"])
def test_a_call_is_over_with_its_frame(
    serving: ResidentRepl,
    frame: Frame,
    receive: Callable[[ResidentRepl, bytes], list[Event]],
    said: str,
) -> None:
    events = receive(serving, said.encode() + frame("V", 7, "42"))
    assert text_of(events) == said.encode()
    assert events[-1] == VALUE
    assert serving.state is State.LISTENING


def test_a_reply_may_be_cut_anywhere(serving: ResidentRepl, frame: Frame) -> None:
    reply = b"so far" + frame("V", 7, "42")
    for number, cut in enumerate(range(len(reply) + 1), start=8):
        events = [*serving.receive(reply[:cut]), *serving.receive(reply[cut:])]
        assert text_of(events) == b"so far"
        assert events[-1] == Replied(number - 1, ReplyKind.VALUE, b"42", b"")
        serving.request(number, 3, "f()", is_expression=True)
        reply = b"so far" + frame("V", number, "42")


def test_an_error_has_the_traceback_before_it(serving: ResidentRepl, frame: Frame) -> None:
    said = b"out" + frame("T", 7) + b"Traceback\r\n" + frame("E", 7, "()")
    assert serving.receive(said) == [
        Output(b"out"),
        Replied(7, ReplyKind.ERROR, b"()", b"Traceback\r\n"),
    ]
    assert serving.state is State.LISTENING


def test_frames_of_others_change_nothing(serving: ResidentRepl, frame: Frame) -> None:
    events = serving.receive(frame("V", 6, "1") + frame("V", 8, "1") + frame("V", 7, "42"))
    assert events == [Dropped(6, is_damaged=False), Dropped(8, is_damaged=False), VALUE]


@pytest.mark.parametrize("key", [LOOP, 7])
def test_threads_of_a_session_with_such_a_number_only_print(
    serving: ResidentRepl, frame: Frame, key: int
) -> None:
    printed = frame("P", key, "'x'")
    assert serving.receive(printed) == [SessionOutput(key, b"'x'")]
    assert serving.receive(frame("V", 7, "42") + printed) == [VALUE, SessionOutput(key, b"'x'")]
    assert serving.state is State.LISTENING


def test_what_comes_while_it_listens_is_nobodys(listening: ResidentRepl) -> None:
    assert listening.receive(b"boot noise") == [Unsolicited(b"boot noise")]
    assert listening.take_outgoing() == b""


# Replies that nobody can read.


@pytest.mark.parametrize("at", [0, 1, 5, 8, 13, -2, -1])
def test_a_damaged_reply_is_asked_about_and_unanswered(
    serving: ResidentRepl, frame: Frame, at: int
) -> None:
    reply = bytearray(frame("V", 7, "42"))
    reply[at] ^= 1
    receive_each(serving, bytes(reply))
    assert serving.take_outgoing() == ASK
    events = serving.receive(frame("Q", 0))
    assert isinstance(events[-1], Unanswered)
    assert serving.state is State.LISTENING
    serving.request(8, 3, "f()", is_expression=True)
    assert serving.receive(frame("V", 8, "1")) == [Replied(8, ReplyKind.VALUE, b"1", b"")]


def test_a_damaged_answer_is_one(serving: ResidentRepl, frame: Frame) -> None:
    serving.receive(frame("V", 7, "42").replace(b"42", b"43"))
    assert serving.take_outgoing() == ASK
    events = serving.receive(frame("Q", 0).replace(b"Q0;0;81", b"Q0;0;82"))
    assert any(isinstance(event, Unanswered) for event in events)


def test_the_answer_to_an_older_question_ends_nothing(serving: ResidentRepl, frame: Frame) -> None:
    serving.receive(END)
    assert serving.take_outgoing() == ASK
    assert serving.receive(frame("V", 7, "42"))[-1] == VALUE
    serving.request(8, 3, "f()", is_expression=True)
    assert serving.receive(frame("Q", 0)) == []
    assert serving.is_busy
    assert serving.receive(frame("V", 8, "1")) == [Replied(8, ReplyKind.VALUE, b"1", b"")]


def test_no_board_makes_it_ask_for_ever(serving: ResidentRepl) -> None:
    asked = b""
    for _ in range(100):
        serving.receive(b"\x1eabcdV7;2;1;42\x1f" + END)
        asked += serving.take_outgoing()
    assert asked == ASK * 3


# The loop's end.


def own_end(frame: Frame) -> bytes:
    return frame("T", LOOP) + b"Traceback\r\n" + frame("E", LOOP, "()")


def test_an_interrupt_that_came_too_late_ends_it(listening: ResidentRepl, frame: Frame) -> None:
    assert receive_each(listening, own_end(frame) + END) == []
    assert (listening.state, listening.is_busy) == (State.IDLE, False)
    assert listening.submit(8, "f()") == b"f()\x04"


def test_its_own_error_in_a_call_leaves_that_unanswered(
    serving: ResidentRepl, frame: Frame
) -> None:
    (event,) = serving.receive(own_end(frame))
    assert event == Unanswered(7, b"\x04Traceback\r\n\x04>")
    serving.receive(END)
    assert serving.state is State.IDLE


def test_an_end_that_another_asked_for_is_asked_about(serving: ResidentRepl, frame: Frame) -> None:
    serving.receive(frame("V", LOOP, "None") + END)
    assert serving.take_outgoing() == ASK
    events = serving.receive(RAW_BANNER)
    assert isinstance(events[-1], Unanswered)
    assert serving.state is State.IDLE


@pytest.mark.parametrize("kind", "VUETNQ")
def test_an_end_that_a_program_forges_is_none(
    serving: ResidentRepl, frame: Frame, kind: str
) -> None:
    events = serving.receive(frame(kind, LOOP, "") + frame("V", 7, "42"))
    assert events[-1] == VALUE
    assert serving.state is State.LISTENING


def test_an_end_without_frames_is_asked_about(serving: ResidentRepl) -> None:
    serving.receive(b"\x04MemoryError: \r\n\x04>")
    assert serving.take_outgoing() == ASK
    (event,) = serving.receive(RAW_BANNER)
    assert event == Unanswered(7, b"\x04MemoryError: \r\n\x04>")
    assert serving.state is State.IDLE


def test_an_end_without_frames_while_it_listens_is_asked_about(listening: ResidentRepl) -> None:
    listening.receive(b"\x04MemoryError: \r\n\x04>")
    assert listening.take_outgoing() == ASK
    listening.receive(RAW_BANNER)
    assert listening.state is State.IDLE


def test_it_says_that_it_is_there(listening: ResidentRepl, frame: Frame) -> None:
    listening.receive(END)  # of a thread
    assert listening.take_outgoing() == ASK
    assert listening.receive(frame("Q", 0)) == []
    assert listening.state is State.LISTENING
    assert listening._questions.owed == 0


def test_a_banner_while_it_listens_is_a_restart(listening: ResidentRepl) -> None:
    assert listening.receive(SOFT_REBOOT) == [Restarted(SOFT_REBOOT)]
    assert listening.is_detached


def test_a_banner_in_a_call_may_be_the_programs(serving: ResidentRepl, frame: Frame) -> None:
    assert serving.receive(SOFT_REBOOT) == [Output(SOFT_REBOOT)]
    assert serving.take_outgoing() == ASK
    assert serving.receive(frame("V", 7, "42")) == [VALUE]


# Out of it.


def test_a_loop_that_listens_is_asked_to_end_and_then_interrupted(
    listening: ResidentRepl, frame: Frame
) -> None:
    assert listening.resync() == LEAVE + b"\x01"
    assert listening.resync() == b"\x03\x03\x01"
    assert listening.receive(frame("V", LOOP, "None") + END) == []
    (ready,) = listening.receive(RAW_BANNER)
    assert isinstance(ready, Ready)
    assert listening.state is State.IDLE


def test_a_call_in_it_is_interrupted(serving: ResidentRepl) -> None:
    assert serving.resync() == b"\x03\x03\x01"


def test_by_the_friendly_prompt(listening: ResidentRepl) -> None:
    assert listening.resync(by_friendly=True) == LEAVE + b"\x02\x01"


def test_leaving(listening: ResidentRepl) -> None:
    assert listening.leave("del x") == LEAVE + b"del x\x04\x02"
    assert listening.is_detached


def test_leaving_a_call(serving: ResidentRepl) -> None:
    assert serving.leave("del x") == b"\x03" + LEAVE + b"\x02"


# Requests.


def decode_request(request: bytes) -> tuple[bytes, int, int, bytes, int]:
    """As the loop on the board reads them."""
    block, rest = request[:BLOCK], request[BLOCK:]
    assert len(block) == BLOCK
    kind, number, key, size, check, code = block.split(b" ", 5)
    code = (code + rest)[: int(size)]
    if kind < b"a":
        for char in (0, 1, 2, 3, 4, 5, 10, 13):
            code = code.replace(bytes((27, 64 + char)), bytes((char,)))
        code = code.replace(b"\x1b[", b"\x1b")
    return kind.lower(), int(number), int(key), code, int(check)


@given(
    st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from("\x1b[@ABCDEJM\n\r\0\x03")),
    st.integers(0, 2**31),
    st.integers(-1, 2**31),
    st.booleans(),
)
def test_code_arrives_as_it_is(code: str, number: int, key: int, is_expression: bool) -> None:
    request = encode_request(number, key, code, is_expression=is_expression)
    data = code.encode()
    kind = b"e" if is_expression else b"x"
    assert decode_request(request) == (kind, number, key, data, sum(data, key))
    assert not {*b"\x00\x01\x02\x03\x04\x05\n\r"} & {*request}


@pytest.mark.parametrize("size", range(200))
def test_a_request_is_as_long_as_a_block_or_as_its_code(size: int) -> None:
    request = encode_request(7, 3, "x" * size, is_expression=True)
    header = len(f"e 7 3 {size} {size * ord('x') + 3} ")
    assert len(request) == max(BLOCK, header + size)


@pytest.mark.parametrize("request_", [LEAVE, ASK, encode_block(7, 3, "x", 1000)])
def test_others_are_a_block(request_: bytes) -> None:
    assert len(request_) == BLOCK
    decode_request(request_)


@pytest.mark.parametrize("code", ["f()", "x = 1\ny = 2", "def f():\n    pass\n", ""])
@pytest.mark.parametrize("is_expression", [True, False])
def test_a_friendly_prompt_would_run_none(code: str, is_expression: bool) -> None:
    line = encode_request(7, 3, code, is_expression=is_expression)
    assert line.splitlines() == [line]
    with pytest.raises(SyntaxError):
        compile(line, "line", "single")
