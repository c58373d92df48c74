"""The programs of docs/functions.md and of docs/examples run as they stand there."""

import importlib.util
import struct
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import ModuleType
from typing import cast

import pytest

from belay_actors import DeviceProgram
from programs import blocks_of, run_program

PROGRAMS = blocks_of("functions.md")
EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"


def main_of(number: int) -> Callable[[], Awaitable[object]]:
    return cast("Callable[[], Awaitable[object]]", run_program(PROGRAMS[number])["main"])


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


async def test_f02_tasks_and_streams_of_the_page() -> None:
    high, total = cast("tuple[bool, int]", await main_of(0)())
    assert high is True
    assert 400 < total < 800


async def test_f04_f05_the_program_of_the_page() -> None:
    assert await main_of(1)() == "read 30\n"


async def test_f03_the_thread_of_the_page() -> None:
    beats = await main_of(2)()
    assert isinstance(beats, int)
    assert beats > 3


async def test_f01_the_hold_of_the_page() -> None:
    assert await main_of(3)() == 21


def test_all_programs_of_the_page_are_run() -> None:
    assert len(PROGRAMS) == 4


async def test_f02_f04_the_sensors_of_eight_boards_are_polled(
    capsys: pytest.CaptureFixture[str],
) -> None:
    poller = load("sensor_poller")
    found = await poller.main(["micropython:"] * 8)
    assert len(found) == 8
    readings = [reading for readings in found.values() for reading in readings]
    assert len(readings) == 8 * poller.READINGS
    assert all(0 < reading["volts"] < poller.FULL_SCALE for reading in readings)
    assert len({reading["volts"] for reading in readings}) > 8
    assert capsys.readouterr().err == ""


async def test_f02_f04_a_board_that_fails_is_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    poller = load("sensor_poller")
    found = await poller.main(["micropython:", "micropython:/nowhere"])
    assert len(found) == 1
    assert "left out" in capsys.readouterr().err


async def test_f05_the_coils_of_the_stepper_are_let_go_though_a_turn_was_cancelled(
    capsys: pytest.CaptureFixture[str],
) -> None:
    session = await load("stepper").main("micropython:")
    assert capsys.readouterr().out == "at 8\n"
    *_, second, third, fourth, last = session.background_output.splitlines()
    assert (second, third, fourth) == ("pin 3 0", "pin 4 0", "pin 5 0")
    assert last == "coils off"
    assert session.report.is_clean


async def test_f05_the_coils_are_let_go_though_the_work_fails(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stepper = load("stepper")
    motors: list[DeviceProgram] = []

    async def fail(motor: DeviceProgram) -> None:
        motors.append(motor)
        raise RuntimeError("the belt is torn")

    monkeypatch.setattr(stepper, "work", fail)
    with pytest.raises(RuntimeError, match="torn"):
        await stepper.main("micropython:")
    assert motors[0].session.background_output.endswith("coils off\n")


async def test_f02_100_000_samples_are_logged(tmp_path: Path) -> None:
    logger = load("data_logger")
    path = tmp_path / "samples"
    assert await logger.log(path) == logger.COUNT == 100_000
    data = path.read_bytes()
    assert len(data) == 8 * logger.COUNT
    value = 0
    for time, logged in struct.iter_unpack("<II", data):
        value = (value * 1103515245 + 12345) % 2147483648
        assert logged == value
        assert time > 0
