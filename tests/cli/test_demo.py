"""The demo as its users meet it: in a log, in a terminal, and where something goes wrong."""

import functools
import io
import os
import pty
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import trio
from rich.console import Console

from belay_actors import Session
from belay_actors.cli.demo import __main__ as entry, _screen, _trouble
from belay_actors.cli.demo._scene import Scene

COMMAND = [sys.executable, "-W", "error", "-m", "belay_actors.cli.demo"]
SESSIONS = ["Ann", "Bea", "motor", "thermometer", "runaway", "neighbour", "logger", "shared"]
VERDICT = "Everything was given back, and all"


def make_console(log: io.StringIO, _: object) -> Console:
    return Console(file=log)


def run_here(console: Console) -> bool:
    """Runs the demo as fast as it can, in this process."""
    return trio.run(_screen.show_demo, console, 0.02)


def test_in_a_log() -> None:
    environment = {**os.environ, "FORCE_COLOR": "1", "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(
        COMMAND, check=False, capture_output=True, text=True, timeout=20, env=environment
    )
    assert done.stderr == ""
    assert done.returncode == 0
    assert "\x1b" not in done.stdout
    assert "\r" not in done.stdout

    table = done.stdout.partition("What each session took")[2]
    rows = [line.replace("|", " ").split() for line in table.splitlines()]
    rows = [row for row in rows if row and row[-1] == "nothing"]
    assert [row[1] for row in rows] == SESSIONS
    assert VERDICT in done.stdout
    assert "FAILED" not in done.stdout

    events = done.stdout.partition("What was checked")[0].strip().splitlines()
    texts = {event[len(" 0.00 s") :] for event in events}
    assert len(texts) == len(events)
    for session in SESSIONS:
        assert sum(session in line and "opens a session" in line for line in events) == 1
        assert sum(session in line and "has ended" in line for line in events) == 1


def read_terminal(descriptor: int, timeout: float) -> str:
    """Reads what a program writes to its terminal, until it closes it."""
    end = time.monotonic() + timeout
    data = b""
    while select.select([descriptor], [], [], max(end - time.monotonic(), 0))[0]:
        try:
            data += (chunk := os.read(descriptor, 65536))
        except OSError:  # EIO: this is how Linux says it
            chunk = b""
        if not chunk:
            return data.decode()
    raise TimeoutError(data.decode())


def test_in_a_terminal() -> None:
    master, slave = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "80", "LINES": "24"}
    with subprocess.Popen(
        COMMAND, stdin=slave, stdout=slave, stderr=slave, env=environment
    ) as process:
        os.close(slave)
        text = read_terminal(master, 20)
        os.close(master)
    assert process.returncode == 0
    assert VERDICT in text
    frames = text.count("what it does")
    assert frames > 15
    assert "looping" in text
    assert "waits for its turn" in text
    assert "cleaning up" in text
    assert text.endswith("\n")
    assert text.count("\x1b[?25h") == text.count("\x1b[?25l") > 0  # the cursor is shown again


def test_failed_check(monkeypatch: pytest.MonkeyPatch) -> None:
    async def forget(motor: _trouble.Motor) -> None:
        motor.seen = await motor.session.evaluate("motor", returns=str)

    monkeypatch.setattr(_trouble.Motor, "cleanup", forget)
    log = io.StringIO()
    monkeypatch.setattr(_screen, "make_console", functools.partial(make_console, log))
    monkeypatch.setattr(_screen.show_demo, "__defaults__", (0.02,))
    assert entry.main() == 1
    assert "FAILED motor        is switched off after it           motor = 'on'" in log.getvalue()
    assert log.getvalue().endswith("1 of 16 do not hold: motor is switched off after it\n")


def test_something_left(monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(motor: _trouble.Motor) -> None:
        motor.seen = "off"
        await trio.lowlevel.checkpoint()
        raise OSError("the switch is stuck")

    monkeypatch.setattr(_trouble.Motor, "cleanup", fail)
    log = io.StringIO()
    assert run_here(Console(file=log, width=200)) is False
    verdict = log.getvalue().splitlines()[-1]
    assert verdict == "FAILED: 1 of 16 do not hold: everything is given back"
    assert "the switch is stuck" in log.getvalue()


def test_lost_board(monkeypatch: pytest.MonkeyPatch) -> None:
    """A board that dies takes its own two sessions along, and no others."""

    async def die(_: Scene, session: Session) -> None:
        await session.execute("import os; os.system('kill -9 $PPID')")

    monkeypatch.setattr(_trouble, "_loop", die)
    log = io.StringIO()
    assert run_here(Console(file=log, width=200)) is False
    checks, _, tables = log.getvalue().partition("What each session took")
    for session in ("runaway", "neighbour"):
        assert f"FAILED {session:<12} does its work" in checks
    assert "3 of 4 boards are well" in checks
    assert tables.count("nothing") == len(SESSIONS) - 2


def test_no_micropython(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def find_nothing(_: str) -> None:
        pass

    monkeypatch.setattr("importlib.util.find_spec", find_nothing)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert entry.main() == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert "no MicroPython interpreter is installed here" in err
    assert "Traceback" not in err


def test_interrupted_by_the_user() -> None:
    with subprocess.Popen(
        COMMAND, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert "boards are open" in process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=10)
    assert process.returncode == 130
    assert err == "Interrupted; the sessions were ended and the boards closed.\n"


def test_no_rich() -> None:
    code = (
        "import runpy, sys; sys.modules['rich'] = None; "
        "runpy.run_module('belay_actors.cli.demo', run_name='__main__')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], check=False, capture_output=True, text=True, timeout=20
    )
    assert done.returncode == 2
    assert "pip install 'belay_actors[cli]'" in done.stderr
    assert "Traceback" not in done.stderr
