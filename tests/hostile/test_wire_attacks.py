"""Bytes that were made to make the wire machine slow, large, talkative, or deaf."""

import itertools
import time
from collections.abc import Callable

import pytest

from belay_actors.wire import (
    Dropped,
    Event,
    Output,
    PasteRefused,
    RawRepl,
    Ready,
    Replied,
    ReplyKind,
    Restarted,
    SessionOutput,
    State,
    Unanswered,
)

TOKEN = "abcd"
RAW_BANNER = b"raw REPL; CTRL-B to exit\r\n>"
FRIENDLY_BANNER = b'Type "help()" for more information.\r\n>>> '
SOFT_REBOOT = b"MPY: soft reboot\r\n"
END = b"\x04\x04>"
CODE = "x" * 100_000
SIZE = 60_000  # bytes: about one read


def frame(kind: str, key: int, payload: str = "") -> bytes:
    """A frame as the core writes it; a program on the board can do so, too."""
    data = payload.encode()
    return f"\x1e{TOKEN}{kind}{key};{len(data)};{sum(data, ord(kind))};".encode() + data + b"\x1f"


def idle() -> RawRepl:
    machine = RawRepl(TOKEN)
    machine.resync()
    assert machine.receive(RAW_BANNER) == [Ready(b"")]
    return machine


def syncing() -> RawRepl:
    machine = RawRepl(TOKEN)
    machine.resync()
    return machine


def running() -> RawRepl:
    machine = idle()
    machine.submit(1, "f()")
    machine.receive(b"OK")
    return machine


def failing() -> RawRepl:
    machine = running()
    machine.receive(frame("T", 1) + b"x" * 100_000)
    return machine


def opening() -> RawRepl:
    machine = idle()
    machine.submit(1, CODE, paste=True)
    return machine


def sending(window: int) -> Callable[[], RawRepl]:
    def make() -> RawRepl:
        machine = opening()
        machine.receive(b"R\x01" + window.to_bytes(2, "little"))
        machine.take_outgoing()
        return machine

    return make


def kinds(events: list[Event]) -> list[type]:
    return [type(event) for event in events]


MACHINES: dict[str, Callable[[], RawRepl]] = {
    "detached": lambda: RawRepl(TOKEN),
    "syncing": syncing,
    "idle": idle,
    "opening": opening,
    "sending by windows of 0": sending(0),
    "sending by windows of 1": sending(1),
    "sending by windows of 65535": sending(65535),
    "running": running,
    "failing": failing,
}
FLOODS = {
    "text": b"x",
    "line ends": b"\r\n",
    "carriage returns": b"\r",
    "grants": b"\x01",
    "ends of text": b"\x04",
    "ends": END,
    "prompts": b">",
    "frame starts": b"\x1e",
    "frame ends": b"\x1f",
    "tokens": b"\x1e" + TOKEN.encode(),
    "headers": b"\x1eabcdV1;9999999;1;",
    "wrong sums": b"\x1eabcdV1;1;1;x\x1f",
    "frames of other calls": frame("V", 7, "1"),
    "frames of other calls, and text": frame("V", 7, "1") + b"x",
    "errors of this call": frame("T", 1),
    "outputs of sessions": frame("P", 3, "''"),
    "raw banners": RAW_BANNER,
    "raw banners without prompts": RAW_BANNER[:-1],
    "friendly banners": FRIENDLY_BANNER,
    "soft reboots": SOFT_REBOOT,
    "half banners": RAW_BANNER[:20],
    "paste answers": b"R\x01\x80\x00",
    "paste refusals": b"R\x00",
    "paste answers that are none": b"R\x02",
    "starts of code": b"OK",
    "no UTF-8": b"\xff",
}


@pytest.mark.parametrize("make", MACHINES.values(), ids=MACHINES)
def test_a_flood_is_understood_in_time_in_proportion(make: Callable[[], RawRepl]) -> None:
    """In one read: what comes in many reads is the same, cut up."""
    for flood, unit in FLOODS.items():
        machine = make()
        data = unit * (SIZE // len(unit))
        began = time.process_time()
        events = machine.receive(data)
        outgoing = machine.take_outgoing()
        assert time.process_time() - began < 2, flood
        assert len(events) <= 1 + 2 * len(data) // len(unit), flood
        assert len(outgoing) <= len(CODE) + 2, flood
        assert len(machine._held) <= len(data), flood
        assert len(machine.tail) <= 2048, flood


@pytest.mark.parametrize("flood", ["raw banners", "friendly banners", "soft reboots", "line ends"])
def test_a_megabyte_of_banners_is_understood_in_time_in_proportion(flood: str) -> None:
    machine = idle()
    began = time.process_time()
    machine.receive(FLOODS[flood] * (1_000_000 // len(FLOODS[flood])))
    assert time.process_time() - began < 5


@pytest.mark.parametrize("make", MACHINES.values(), ids=MACHINES)
def test_a_flood_is_neither_kept_nor_answered_without_end(make: Callable[[], RawRepl]) -> None:
    for flood, unit in FLOODS.items():
        machine = make()
        written = 0
        for _ in range(200):
            machine.receive(unit * 5)
            written += len(machine.take_outgoing())
            if flood != "headers":  # of a frame that may be as long as that
                assert len(machine._held) < 200, flood
        assert written <= len(CODE) + 6 + 2, flood  # the code, some questions, an end of text
        assert len(machine.tail) <= 2048, flood
        assert len(machine._traceback) <= 64 * 1024, flood


@pytest.mark.parametrize("make", MACHINES.values(), ids=MACHINES)
def test_after_a_flood_one_resync_is_enough(make: Callable[[], RawRepl]) -> None:
    for flood, unit in FLOODS.items():
        machine = make()
        machine.receive(unit * 30)
        machine.take_outgoing()
        machine.resync()
        events = machine.receive(b"\r\n" + RAW_BANNER)
        assert isinstance(events[-1], Ready), flood
        assert machine.state is State.IDLE, flood
        machine.submit(5, "f()")
        assert machine.receive(b"OK" + frame("V", 5, "42") + END) == [
            Replied(5, ReplyKind.VALUE, b"42", b"")
        ], flood


BANNER_HIDERS = [
    b"\x1e",
    b"\x1eab",
    b"\x1eabcd",
    b"\x1eabcdV",
    b"\x1eabcdV1;",
    b"\x1eabcdV1;1",
    b"\x1eabcdV1;0;0;",
    *(f"\x1eabcdV1;{length};1;".encode() for length in range(1, 60)),
    b"\x1eabcdV1;1000;1;",
    b"\x1eabcdP3;1000;1;'a text",
    b"\x1eabcdP3;20;1;raw REPL; CTRL",
]


@pytest.mark.parametrize("is_cut", [False, True])
def test_a_frame_that_breaks_off_does_not_hide_the_banner(is_cut: bool) -> None:
    pieces = [bytes([byte]) for byte in RAW_BANNER] if is_cut else [RAW_BANNER]
    for hider in BANNER_HIDERS:
        machine = running()
        machine.receive(hider)
        machine.resync()
        events = [event for piece in pieces for event in machine.receive(piece)]
        assert isinstance(events[-1], Ready), hider


@pytest.mark.parametrize("banner", [FRIENDLY_BANNER, SOFT_REBOOT])
def test_a_frame_that_breaks_off_does_not_hide_a_restart(banner: bytes) -> None:
    for hider in BANNER_HIDERS:
        machine = idle()
        machine.receive(hider)
        assert Restarted in kinds(machine.receive(banner)), hider


def test_an_upload_in_small_windows_is_sent_once_and_whole() -> None:
    code = "".join(map(str, range(20_000)))
    machine = idle()
    machine.submit(1, code, paste=True)
    machine.receive(b"R\x01\x01\x00")
    sent = machine.take_outgoing()
    for size in itertools.cycle([1, 7, 1000]):
        machine.receive(b"\x01" * size)
        sent += machine.take_outgoing()
        if len(sent) > len(code):
            break
    assert sent == code.encode() + b"\x04"
    machine.receive(b"\x01" * 1000)
    assert machine.take_outgoing() == b""


def test_grants_that_nobody_needs_grant_nothing_later() -> None:
    machine = sending(1)()
    machine.receive(b"\x01" * 2_000_000)
    assert machine.take_outgoing() == CODE.encode()[1:] + b"\x04"
    machine.receive(b"\x04")
    machine.receive(frame("V", 1, "1") + END)
    machine.submit(2, "y" * 100, paste=True)
    machine.receive(b"R\x01\x01\x00")
    assert machine.take_outgoing() == b"y"


@pytest.mark.parametrize("number", [0, 2, -1, 9_999_999_999])
def test_no_frame_of_another_number_is_the_reply(number: int) -> None:
    machine = running()
    for kind in "VUTE":
        assert machine.receive(frame(kind, number, "1")) == [Dropped(number, is_damaged=False)]
    assert machine.receive(frame("P", 1, "1")) == [SessionOutput(1, b"1")]
    assert machine.state is State.RUNNING


def test_a_reply_that_is_there_before_its_call_is_dropped() -> None:
    machine = idle()
    assert machine.receive(frame("V", 1, "1")) == [Dropped(1, is_damaged=False)]
    machine.submit(1, "f()")
    assert machine.receive(b"OK") == []
    assert machine.state is State.RUNNING


def test_a_program_that_eats_its_questions_is_not_asked_for_ever() -> None:
    machine = running()
    asked = 0
    for _ in range(1000):
        machine.receive(b"\x04\x04>" + SOFT_REBOOT + RAW_BANNER)
        asked += len(machine.take_outgoing())
    assert 1 <= asked <= 6


def test_one_banner_is_asked_about_once_however_it_comes() -> None:
    machine = running()
    asked = 0
    for byte in SOFT_REBOOT + b"and on it goes, for some time":
        machine.receive(bytes([byte]))
        asked += len(machine.take_outgoing())
    assert asked == 1


@pytest.mark.parametrize("size", range(1, len(FRIENDLY_BANNER)))
def test_a_restart_is_seen_at_the_prompt_however_its_banner_is_cut(size: int) -> None:
    machine = running()
    machine.receive(frame("V", 1, "1") + b"\x04\x04")
    assert machine.state is State.PROMPTING
    events = machine.receive(FRIENDLY_BANNER[:size])
    events += machine.receive(FRIENDLY_BANNER[size:])
    assert kinds(events)[0] is Restarted


def test_an_answer_that_nobody_asked_for_ends_no_call() -> None:
    machine = running()
    assert kinds(machine.receive(RAW_BANNER)) == [Output]
    assert machine.take_outgoing() == b"\x01"
    assert kinds(machine.receive(RAW_BANNER)) == [Unanswered]


def test_paste_refusals_do_not_end_a_call_that_is_not_pasted() -> None:
    machine = running()
    assert PasteRefused not in kinds(machine.receive(b"R\x00R\x00"))
    assert machine.state is State.RUNNING
