"""A short soak ends well, and one of a library that was broken on purpose does not."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="counts by what /proc tells")

ROOT = Path(__file__).parents[2]
SMALL = ["--boards", "2", "--sessions", "6", "--faults", "0", "--pause", "0.05"]
USUAL = ["--boards", "6", "--sessions", "24", "--faults", "25", "--pause", "0.05"]

STALE_REPLIES = """
from belay_actors.device import _device
last, to_value = [None], _device.to_value

def stale(reply, *args):
    last.append(to_value(reply, *args))
    return last[-2]

_device.to_value = stale
"""

NAMES_NOT_DROPPED = """
import trio
from belay_actors.device import Device, DroppedNamespace

async def drop(self, seat):
    await trio.lowlevel.checkpoint()
    return DroppedNamespace(0)

Device.drop = drop
"""

LINKS_NOT_CLOSED = """
import trio
from belay_actors.transport import LocalLink

async def aclose(self):
    await trio.lowlevel.checkpoint()

LocalLink.aclose = aclose
"""

UNTYPED_ERRORS = """
from belay_actors.device import _device

def fail(data, newline):
    raise OSError("a bare error")

_device.to_text = fail
"""


def run(*command: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-W", "error", *command],
        check=False,
        capture_output=True,
        text=True,
        timeout=100,
        cwd=ROOT,
    )
    print(done.stdout, done.stderr)  # noqa: T201  # the seed, and what was found
    return done


def numbers(done: subprocess.CompletedProcess[str]) -> dict[str, int]:
    """The table's rows that are counts."""
    rows = re.finditer(r"^([a-z ]+?)  +(\d+)\b", done.stdout, re.MULTILINE)
    return {row[1]: int(row[2]) for row in rows}


def test_a_short_soak_finds_nothing() -> None:
    done = run("-m", "tests.soak", "--minutes", "0.15", *USUAL)
    assert done.stderr == ""
    assert done.stdout.splitlines()[-1] == "Soak: good"
    assert done.returncode == 0
    found = numbers(done)
    for name in ("sessions", "calls", "cancels", "faults", "recoveries"):
        assert found[name] > 0, name
    assert (found["wrong replies"], found["leaks"], found["surprises"]) == (0, 0, 0)


@pytest.mark.parametrize(
    ("sabotage", "found"),
    [
        (STALE_REPLIES, "wrong replies"),
        (NAMES_NOT_DROPPED, "leaks"),
        (LINKS_NOT_CLOSED, "leaks"),
        (UNTYPED_ERRORS, "surprises"),
    ],
)
def test_a_soak_of_a_broken_library_fails(sabotage: str, found: str) -> None:
    arguments = [*SMALL, "--minutes", "0.02", "--seed", "1"]
    run_it = f"from tests.soak.__main__ import main\nraise SystemExit(main({arguments}))"
    done = run("-c", f"{sabotage}\n{run_it}")
    assert done.stdout.splitlines()[-1] == "Soak: FAILED"
    assert done.returncode == 1
    assert numbers(done)[found] > 0
