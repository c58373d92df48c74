r"""Raw-paste: code goes out only as far as the board's windows allow.

``\x05A\x01`` opens; ``R\x01`` and the window (two bytes) grant; each ``\x01`` grants as much again.
"""

from collections.abc import Callable

import pytest

from belay_actors.wire import (
    Event,
    Output,
    PasteRefused,
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
HEADER = b"\x05A\x01"
GRANT = b"R\x01\x80\x00\x01"  # a window of 128 bytes, twice


class PastingBoard:
    """The board's side of raw-paste: takes in code and grants windows, as the firmware does."""

    def __init__(self, window: int) -> None:
        self.window = window
        self.code = b""
        self.is_over = False
        self.most_ahead = 0
        self._is_open = False
        self._granted = 0
        self._input = b""

    def receive(self, data: bytes) -> bytes:
        """Takes in what the host wrote; returns what the board writes."""
        self._input += data
        answer = b""
        if not self._is_open and self._input.startswith(HEADER):
            self._input = self._input.removeprefix(HEADER)
            self._is_open = True
            self._granted = 2 * self.window
            answer = b"R\x01" + self.window.to_bytes(2, "little") + b"\x01"
        assert not self.is_over or not self._input, "bytes behind the end"
        ahead = len(self.code) + len(self._input.rstrip(b"\x04")) - self._granted
        self.most_ahead = max(self.most_ahead, ahead)
        for byte in self._input:
            if byte == 4:
                self.is_over = True
                answer += b"\x04"
            else:
                self.code += bytes([byte])
                if len(self.code) + self.window >= self._granted:
                    self._granted += self.window
                    answer += b"\x01"
        self._input = b""
        return answer


def paste(machine: RawRepl, board: PastingBoard, code: str, *, cut: int = 1_000) -> None:
    """Uploads a code; the board's answers arrive in pieces."""
    outgoing = machine.submit(1, code, paste=True)
    while outgoing:
        answer = board.receive(outgoing)
        outgoing = b""
        for start in range(0, len(answer), cut):
            assert machine.receive(answer[start : start + cut]) == []
            outgoing += machine.take_outgoing()


def others_of(events: list[Event]) -> list[Event]:
    return [event for event in events if not isinstance(event, Output)]


SIZES = [0, 1, 127, 128, 129, 255, 256, 257, 1000]


@pytest.mark.parametrize("cut", [1, 2, 3, 1000])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("window", [1, 32, 128])
def test_code_arrives_whole_and_within_its_windows(
    make_idle: MakeIdle, window: int, size: int, cut: int
) -> None:
    machine, board = make_idle(), PastingBoard(window)
    code = "".join(chr(ord("a") + number % 26) for number in range(size))
    paste(machine, board, code, cut=cut)
    assert board.code == code.encode()
    assert board.is_over
    assert board.most_ahead <= 0
    assert machine.state is State.RUNNING


def test_a_pasted_call_goes_on_like_any_other(idle: RawRepl, frame: Frame) -> None:
    paste(idle, PastingBoard(128), "f()")
    events = idle.receive(b"OK, text" + frame("V", 1, "42") + END)
    assert events == [Output(b"OK, text"), Replied(1, ReplyKind.VALUE, b"42", b"")]
    assert idle.state is State.IDLE


def test_the_first_paste_waits_for_the_window(idle: RawRepl) -> None:
    assert idle.submit(1, "f()", paste=True) == HEADER
    assert idle.paste_window is None
    idle.receive(b"R\x01\x80")
    assert idle.take_outgoing() == b""
    idle.receive(b"\x00")
    assert idle.take_outgoing() == b"f()\x04"


def paste_again(machine: RawRepl, frame: Frame, code: str) -> bytes:
    """Gets the window known by one call; returns what the next paste writes at once."""
    paste(machine, PastingBoard(128), "f()")
    machine.receive(frame("V", 1, "1") + END)
    assert machine.paste_window == 128
    return machine.submit(2, code, paste=True)


@pytest.mark.parametrize("size", [0, 1, 255])
def test_code_that_fits_known_windows_goes_out_in_one_write(
    idle: RawRepl, frame: Frame, size: int
) -> None:
    code = "x" * size
    assert paste_again(idle, frame, code) == HEADER + code.encode() + b"\x04"
    events = idle.receive(GRANT + b"\x01\x04text" + frame("V", 2, "42") + END)
    assert idle.take_outgoing() == b""
    assert events == [Output(b"text"), Replied(2, ReplyKind.VALUE, b"42", b"")]


def test_code_that_does_not_fit_known_windows_waits(idle: RawRepl, frame: Frame) -> None:
    outgoing = paste_again(idle, frame, "x" * 1000)
    assert len(outgoing.removeprefix(HEADER)) <= 256
    assert b"\x04" not in outgoing


def test_the_end_is_sent_once_however_many_windows_follow(idle: RawRepl) -> None:
    idle.submit(1, "f()", paste=True)
    idle.receive(GRANT)
    assert idle.take_outgoing() == b"f()\x04"
    idle.receive(b"\x01\x01\x01")
    assert idle.take_outgoing() == b""


def test_output_right_behind_the_end_is_output(idle: RawRepl) -> None:
    idle.submit(1, "f()", paste=True)
    idle.receive(GRANT)
    assert idle.receive(b"\x04\x01\x04text") == [Output(b"\x01\x04text")]


def test_a_board_may_end_the_code_early(idle: RawRepl) -> None:
    idle.submit(1, "x" * 1000, paste=True)
    idle.receive(GRANT)
    idle.take_outgoing()
    idle.receive(b"\x04")
    assert idle.take_outgoing() == b"\x04"
    assert idle.state is State.RUNNING
    idle.receive(b"\x04Traceback\r\nSyntaxError: invalid syntax\r\n\x04>")
    assert idle.take_outgoing() == b"\x01"
    (event,) = others_of(idle.receive(RAW_BANNER))
    assert isinstance(event, Unanswered)
    assert b"SyntaxError" in event.tail


@pytest.mark.parametrize("refusal", [b"R\x00>", RAW_BANNER])
def test_firmware_without_raw_paste_refuses(idle: RawRepl, frame: Frame, refusal: bytes) -> None:
    idle.submit(1, "f()", paste=True)
    assert idle.receive(refusal) == [PasteRefused(1)]
    assert idle.take_outgoing() == b""
    assert idle.state is State.IDLE
    assert idle.submit(1, "f()") == b"f()\x04"
    assert idle.receive(b"OK" + frame("V", 1, "42") + END) == [
        Replied(1, ReplyKind.VALUE, b"42", b"")
    ]


@pytest.mark.parametrize("refusal", [b"R\x00>", RAW_BANNER])
def test_a_refusal_may_be_cut_anywhere(make_idle: MakeIdle, refusal: bytes) -> None:
    for cut in range(1, len(refusal)):
        machine = make_idle()
        machine.submit(1, "f()", paste=True)
        events = machine.receive(refusal[:cut]) + machine.receive(refusal[cut:])
        assert events == [PasteRefused(1)], cut


@pytest.mark.parametrize("noise", [b"tick\n", b"R", b"RR\x02", b"raw REPL", b"\x00\x01\x04"])
def test_noise_before_the_answer_does_not_hide_it(idle: RawRepl, noise: bytes) -> None:
    idle.submit(1, "f()", paste=True)
    idle.receive(noise + GRANT)
    assert idle.take_outgoing() == b"f()\x04"


def test_noise_in_an_upload_grants_nothing(idle: RawRepl) -> None:
    idle.submit(1, "x" * 1000, paste=True)
    idle.receive(GRANT)
    assert len(idle.take_outgoing()) == 256
    idle.receive(b"tick\n")
    assert idle.take_outgoing() == b""


def test_much_noise_before_the_answer_is_not_kept(idle: RawRepl) -> None:
    idle.submit(1, "f()", paste=True)
    for _ in range(1000):
        idle.receive(b"noise" * 100)
    assert len(idle._held) < 100


@pytest.mark.parametrize("cut", range(1, 6))
def test_a_threads_frame_in_the_midst_of_the_grant_is_no_part_of_it(
    make_idle: MakeIdle, frame: Frame, cut: int
) -> None:
    printed = frame("P", 7, "('', 'x')")
    for size in (1, 100):
        machine = make_idle()
        assert machine.submit(1, "f()", paste=True) == HEADER
        events: list[Event] = []
        data = GRANT[:cut] + printed + GRANT[cut:]
        for start in range(0, len(data), size):
            events += machine.receive(data[start : start + size])
        assert events == [SessionOutput(7, b"('', 'x')")]
        assert machine.state is State.SENDING
        assert machine.paste_window == 128
        assert machine.take_outgoing() == b"f()\x04"
