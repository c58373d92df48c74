"""The resident loop, run by CPython: it reads what the wire encodes, and answers in frames."""

import io
import sys

import pytest

from belay_actors.board import Helper, core_source, helper_source
from belay_actors.wire import Replied, ReplyKind, ResidentRepl, Unanswered
from belay_actors.wire._requests import ASK, LEAVE, encode_request

TOKEN = "t0k3"
LOOP = 2


def loop(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], given: bytes
) -> tuple[bytes, io.BytesIO]:
    """Runs the loop on some input; returns what it prints, and what it has not read."""

    def print_exception(error: BaseException) -> None:
        sys.stdout.write(f"{error!r}\n")

    stdin = io.BytesIO(given)
    monkeypatch.setattr(sys, "print_exception", print_exception, raising=False)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(stdin))
    main: dict[str, object] = {"__name__": "__main__"}
    exec(core_source(TOKEN, has_complex=True, has_doubles=False), main)
    core = main["__b"]
    assert callable(core)
    for number, run, code in (
        (1, exec, helper_source(Helper.RESIDENT)),
        (LOOP, eval, f"resident({LOOP})"),
    ):
        core(number, -1, code.encode(), sum(code.encode(), -1), run)
    said = capsys.readouterr().out.encode()
    return said[said.index(b"\x1et0k3V2") :], stdin


def listening(said: bytes) -> tuple[ResidentRepl, bytes]:
    """A machine that has heard the loop begin, and what came behind that."""
    machine = ResidentRepl(TOKEN, is_lossless=True)
    machine.resync()
    machine.receive(b"raw REPL; CTRL-B to exit\r\n>")
    machine.enter(LOOP, "")
    end = said.index(b"\x1f") + 1
    machine.receive(b"OK" + said[:end])
    assert machine.is_resident
    return machine, said[end:]


@pytest.mark.parametrize(
    "text", ["", "x", "x" * 40, "x" * 300, "é€", "\x01\x03\x1b\x1b[J", "#" * 27]
)
def test_a_request_is_run_and_answered(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    request = encode_request(5, 0, f"'{text}'", is_expression=True)
    said, _ = loop(monkeypatch, capsys, request + LEAVE)
    machine, rest = listening(said)
    machine.request(5, 0, "", is_expression=True)
    (reply, *_) = machine.receive(rest)
    assert reply == Replied(5, ReplyKind.VALUE, repr(text).encode(), b"")


def test_code_of_several_lines_is_run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code = "def f():\n    return 42\nprint(f())\n"
    request = encode_request(5, 3, code, is_expression=False)
    said, _ = loop(monkeypatch, capsys, request + LEAVE)
    assert b"\x1f42\n\x1et0k3V5;" in said


@pytest.mark.parametrize("damage", [20, 63])
def test_damaged_code_is_not_run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], damage: int
) -> None:
    request = bytearray(encode_request(5, 3, "print('no')" + " " * 80, is_expression=False))
    request[damage] ^= 1
    said, _ = loop(monkeypatch, capsys, bytes(request) + LEAVE)
    assert b"no" not in said
    assert b"\x1et0k3N5;" in said


def test_it_says_that_it_is_there(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    said, _ = loop(monkeypatch, capsys, ASK + LEAVE)
    machine, rest = listening(said)
    machine.request(5, 0, "", is_expression=True)
    machine.receive(b"\x04\x04>")
    assert machine.take_outgoing() == ASK
    events = machine.receive(rest)
    assert any(isinstance(event, Unanswered) for event in events)


def test_it_ends_when_it_is_asked_to_and_reads_no_further(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    said, stdin = loop(monkeypatch, capsys, LEAVE + b"\x01more")
    assert said.count(b"\x1et0k3V2;") == 2
    assert stdin.read() == b"\x01more"


def test_it_ends_with_its_input(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    said, _ = loop(monkeypatch, capsys, b"x 5")
    assert said.count(b"\x1et0k3V2;") == 2


def test_what_is_no_request_ends_it_with_an_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    said, _ = loop(monkeypatch, capsys, b"\x03" * 64 + LEAVE)
    assert b"\x1et0k3T2;" in said
    assert b"\x1et0k3E2;" in said
