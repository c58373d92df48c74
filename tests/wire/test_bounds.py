"""Bounded memory and linear work, counted in bytes and not in seconds."""

import itertools
from collections.abc import Callable

import pytest

from belay_actors.wire import (
    Event,
    Output,
    RawRepl,
    Replied,
    ReplyKind,
    SessionOutput,
    _banner,
    _machine,
)

Frame = Callable[..., bytes]

END = b"\x04\x04>"
RAW_BANNER = b"raw REPL; CTRL-B to exit\r\n>"
MB = 1_000_000


class MeteredRepl(RawRepl):
    """Counts how many bytes it looks at, and how many it keeps."""

    def __init__(self) -> None:
        super().__init__("abcd")
        self.looked_at = 0
        self.most_held = 0

    def _consume(self, data: bytes) -> bytes:
        self.looked_at += len(data)
        return super()._consume(data)

    def receive(self, data: bytes) -> list[Event]:
        events = super().receive(data)
        self.most_held = max(self.most_held, len(self._held))
        return events


@pytest.fixture
def metered() -> MeteredRepl:
    """A machine in call 1, of which the code runs."""
    machine = MeteredRepl()
    machine.resync()
    machine.receive(RAW_BANNER)
    machine.submit(1, "f()")
    machine.receive(b"OK")
    machine.looked_at = machine.most_held = 0
    return machine


def feed(machine: RawRepl, data: bytes, *sizes: int) -> list[Event]:
    """Feeds in chunks of these sizes, in turn."""
    events: list[Event] = []
    position = 0
    for size in itertools.cycle(sizes):
        if position >= len(data):
            return events
        events += machine.receive(data[position : position + size])
        position += size
    raise AssertionError


def output_size(events: list[Event]) -> int:
    return sum(len(event.data) for event in events if isinstance(event, Output))


LINES = b"one r\x1eabcd of\x04\x04> many lines; raw REPL; OK \x1e\r\nMPY: "


@pytest.mark.parametrize("sizes", [(64, 300, 4096), (4096,), (1024, 1)])
def test_ten_megabytes_of_output_are_looked_at_once_and_not_kept(
    metered: MeteredRepl, frame: Frame, sizes: tuple[int, ...]
) -> None:
    data = LINES * (10 * MB // len(LINES))
    events = feed(metered, data, *sizes)
    assert metered.most_held < 100
    assert metered.looked_at < 1.2 * len(data)
    events += metered.receive(frame("V", 1, "1") + END)
    assert output_size(events) == len(data)
    assert events[-1] == Replied(1, ReplyKind.VALUE, b"1", b"")


def test_a_value_of_five_megabytes_is_looked_at_a_few_times(
    metered: MeteredRepl, frame: Frame
) -> None:
    payload = "'" + "x" * (5 * MB) + "'"
    (event,) = feed(metered, frame("V", 1, payload) + END, 1024)
    assert isinstance(event, Replied)
    assert event.payload == payload.encode()
    assert metered.looked_at < 3 * len(payload)
    assert len(metered._held) == 0


def test_small_frames_in_a_large_read_are_searched_for_banners_once(
    metered: MeteredRepl, frame: Frame, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thread that prints much: its output comes as thousands of frames in one read."""
    find_banner = _banner.find_banner
    searched = 0

    def find_and_count(data: bytes, start: int, *args: int) -> tuple[int, int] | None:
        nonlocal searched
        searched += (args[0] if args else len(data)) - start
        return find_banner(data, start, *args)

    monkeypatch.setattr(_machine, "find_banner", find_and_count)
    data = frame("P", 3, "'tick\\n'") * 2000
    events = metered.receive(data)
    assert events == [SessionOutput(3, b"'tick\\n'")] * 2000
    assert searched < 10 * len(data)


def test_a_traceback_without_end_is_kept_in_part(metered: MeteredRepl, frame: Frame) -> None:
    metered.receive(frame("T", 1))
    feed(metered, b"  in f\r\n" * (MB // 8) + b"the end\r\n", 4096)
    (event,) = metered.receive(frame("E", 1, "()") + END)
    assert isinstance(event, Replied)
    assert event.traceback.endswith(b"  in f\r\nthe end\r\n")
    assert len(event.traceback) < MB // 4


def test_an_endless_header_is_not_kept(metered: MeteredRepl) -> None:
    events = feed(metered, b"\x1eabcdV1;1;" + b"1" * MB, 64)
    assert metered.most_held < 200
    assert output_size(events) > MB


def test_the_tail_is_bounded(metered: MeteredRepl) -> None:
    feed(metered, b"x" * MB, 4096)
    assert len(metered.tail) < 10_000
