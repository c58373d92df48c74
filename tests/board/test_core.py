"""The board's own code, run by CPython: what it prints is what the wire machine reads.

The same code on a real MicroPython is what the tests of the device use all the time.
"""

import gc
import struct
import sys
import time
from collections.abc import Callable
from typing import NamedTuple

import pytest

from belay_actors.board import Helper, call_source, core_source, helper_source, probe_source
from belay_actors.values import decode
from belay_actors.wire import Event, RawRepl, Replied, ReplyKind, SessionOutput

TOKEN = "t0k3"

Call = Callable[..., list[Event]]


def read(printed: str, *, number: int) -> list[Event]:
    """What the wire machine makes of something that was printed in a call."""
    machine = RawRepl(TOKEN)
    machine.resync()
    machine.receive(b"raw REPL; CTRL-B to exit\r\n>")
    machine.submit(number, "")
    return machine.receive(b"OK" + printed.encode() + b"\x04\x04>")


@pytest.fixture(params=[False, True], ids=["short floats", "doubles"])
def has_doubles(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture
def call(
    has_doubles: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Call:
    """The core, installed: calls return the events of what they print."""

    # CPython's traceback function has another name, and prints to another place.
    def print_exception(error: BaseException) -> None:
        sys.stdout.write(f"{error!r}\n")

    monkeypatch.setattr(sys, "print_exception", print_exception, raising=False)
    main: dict[str, object] = {"__name__": "__main__"}
    exec(core_source(TOKEN, has_complex=True, has_doubles=has_doubles), main)
    core = main["__b"]
    assert callable(core)

    def run(number: int, key: int, how: object, code: str) -> list[Event]:
        core(number, key, code.encode(), sum(code.encode(), key), how)
        return read(capsys.readouterr().out, number=number)

    return run


def replied(events: list[Event]) -> Replied:
    (reply,) = (event for event in events if isinstance(event, Replied))
    return reply


def test_an_expression_answers_with_its_value(call: Call) -> None:
    reply = replied(call(5, 1, eval, "6 * 7"))
    assert (reply.number, reply.kind, reply.payload) == (5, ReplyKind.VALUE, b"42")


def test_statements_answer_with_none(call: Call) -> None:
    assert replied(call(5, 1, exec, "x = 1")).payload == b"None"


def test_namespaces_are_apart(call: Call) -> None:
    call(2, 1, exec, "x = 'one'")
    call(3, 2, exec, "x = 'two'")
    assert replied(call(4, 1, eval, "x")).payload == b"'one'"
    assert replied(call(5, 2, eval, "x")).payload == b"'two'"
    assert replied(call(6, 3, eval, "x")).kind is ReplyKind.ERROR


def test_an_error_answers_with_its_type_message_and_errno(call: Call) -> None:
    reply = replied(call(2, 1, exec, "raise OSError(2, 'gone')"))
    assert reply.kind is ReplyKind.ERROR
    name = "<class 'FileNotFoundError'>"
    assert reply.payload == repr((name, "[Errno 2] gone", [2])).encode()
    assert b"FileNotFoundError" in reply.traceback
    assert replied(call(3, 1, exec, "raise ValueError(2)")).payload.endswith(b"False)")


def test_leaving_the_interpreter_is_an_error_like_others(call: Call) -> None:
    assert b"SystemExit" in replied(call(2, 1, exec, "raise SystemExit(3)")).payload


@pytest.mark.parametrize(
    "value",
    ["object()", "[1, {2: (len,)}]", "type('T', (int,), {})(1)", "{1: {2: [object()]}}"],
)
def test_what_is_not_plain_data_is_not_sent(call: Call, value: str) -> None:
    assert replied(call(2, 1, eval, value)).kind is ReplyKind.UNSENDABLE


@pytest.mark.parametrize(
    ("value", "floats"),
    [
        ("1", []),
        ("'1.5'", []),
        ("[1, {2: (True, None)}]", []),
        ("0.1", [0.1]),
        ("1+2j", [1.0, 2.0]),
        ("[0.5, [1.5, {2.5: (3.5, 4j)}, 5.5], 6.5]", [0.5, 1.5, 2.5, 3.5, 0.0, 4.0, 5.5, 6.5]),
        ("{'a': [], 'b': {'c': 1.5}, 'd': ()}", [1.5]),
    ],
)
def test_what_floats_really_are_stands_behind_them(
    call: Call, has_doubles: bool, value: str, floats: list[float]
) -> None:
    text = repr(eval(value))
    exact = f"|{struct.pack(f'<{len(floats)}d', *floats).hex()}" if floats and has_doubles else ""
    reply = replied(call(2, 1, eval, value))
    assert reply.payload.decode() == text + exact
    assert decode(reply.payload) == eval(value)


@pytest.mark.usefixtures("has_doubles")
def test_floats_in_sets_stand_in_the_order_of_the_text(call: Call) -> None:
    numbers = [number / 7 for number in range(100)]
    assert decode(replied(call(2, 1, eval, f"set({numbers})")).payload) == set(numbers)


def test_a_board_without_what_exact_floats_take_has_short_ones(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "binascii", None)
    main: dict[str, object] = {"__name__": "__main__"}
    exec(core_source(TOKEN, has_complex=True, has_doubles=True), main)
    exec(call_source(3, 0, "[0.5, 1j]", is_expression=True), main)
    assert replied(read(capsys.readouterr().out, number=3)).payload == b"[0.5, 1j]"


def test_damaged_code_is_not_run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    main: dict[str, object] = {"__name__": "__main__"}
    exec(core_source(TOKEN, has_complex=False), main)
    source = call_source(3, 0, "speed = 100", is_expression=False)
    for damaged in (source.replace("100", "10"), source.replace("(3,0,", "(3,1,")):
        exec(damaged, main)
        reply = replied(read(capsys.readouterr().out, number=3))
        assert (reply.kind, "speed" in main) == (ReplyKind.NOT_RUN, False)
    exec(source, main)
    assert main["speed"] == 100


def test_print_outside_of_the_own_call_is_tagged(call: Call) -> None:
    call(2, 1, exec, "def speak(): print('from', 1, sep='-')")
    call(3, 0, exec, "import __main__")
    events = call(4, -1, exec, "spaces[1]['speak']()")
    assert SessionOutput(1, repr(("", "from-1\n")).encode()) in events
    call(5, -1, exec, "who[0] = lambda key: 'thread of %d' % key")
    events = call(6, -1, exec, "spaces[1]['speak']()")
    assert SessionOutput(1, repr(("thread of 1", "from-1\n")).encode()) in events


def test_drop_takes_a_namespace_away(call: Call) -> None:
    call(2, -1, exec, helper_source(Helper.DROP))
    call(3, 1, exec, "def f(): return g\ng = 1")
    dropped = replied(call(4, -1, eval, "drop(1,None)"))
    assert dropped.payload.startswith(b"(5, ")  # with __builtins__
    assert replied(call(5, -1, eval, "sorted(spaces)")).payload == b"[-1, 0]"
    assert replied(call(6, 1, eval, "g")).kind is ReplyKind.ERROR


class Implementation(NamedTuple):
    """On a MicroPython it is a tuple."""

    name: str
    version: tuple[int, int, int]


def test_the_probe_sweeps_and_leaves_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "implementation", Implementation("micropython", (1, 28, 0)))
    main: dict[str, object] = {"__b": "a core that a dead host has left"}
    exec(probe_source(TOKEN), main)
    assert "__b" not in main
    assert "probe" not in main
    reply = replied(read(capsys.readouterr().out, number=0))
    assert decode(reply.payload)[4] is True  # type: ignore[index]


class Garbage:
    """A clock that counts microseconds, and a collector that takes some."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = self.now = 0
        self.is_enabled = True
        monkeypatch.setattr(time, "ticks_us", lambda: self.now, raising=False)
        monkeypatch.setattr(time, "ticks_diff", int.__sub__, raising=False)
        monkeypatch.setattr(gc, "collect", self.collect)
        monkeypatch.setattr(gc, "isenabled", lambda: self.is_enabled)

    def collect(self) -> None:
        self.count += 1
        self.now += 100


@pytest.fixture
def garbage(monkeypatch: pytest.MonkeyPatch) -> Garbage:
    return Garbage(monkeypatch)


def test_garbage_is_collected_as_often_as_that_is_cheap(garbage: Garbage, call: Call) -> None:
    for number in range(1 + 117 + 117):
        call(number, 3, eval, "1")
    assert garbage.count == 3
    call(1000, 3, eval, "1")
    assert garbage.count == 3


def test_garbage_is_not_collected_where_the_program_wants_none_of_that(
    garbage: Garbage, call: Call
) -> None:
    garbage.is_enabled = False
    for number in range(200):
        call(number, 3, eval, "1")
    assert garbage.count == 0
    garbage.is_enabled = True
    call(200, 3, eval, "1")
    assert garbage.count == 1


def test_a_small_board_begins_each_call_without_garbage(
    garbage: Garbage, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    main: dict[str, object] = {"__name__": "__main__"}
    exec(core_source(TOKEN, has_complex=True, is_small=True), main)
    core = main["__b"]
    assert callable(core)
    for number in range(3):
        core(number, 0, b"1", sum(b"1"))
    assert garbage.count == 3
