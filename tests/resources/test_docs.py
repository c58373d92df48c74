"""The programs in docs/resources.md run as they stand there."""

import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import cast

from belay_actors import Device, DeviceSessionManager, Session, Value

TEXT = (Path(__file__).parents[2] / "docs" / "resources.md").read_text("utf-8")
PROGRAMS = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)

Log = Callable[[], Awaitable[Value]]
InSession = Callable[[Session], Awaitable[Value]]


def function_of(number: int, name: str) -> Callable[..., Awaitable[Value]]:
    names: dict[str, object] = {"__name__": "program"}
    exec(compile(PROGRAMS[number], "program.py", "exec"), names)
    return cast("Callable[..., Awaitable[Value]]", names[name])


async def run(device: Device, manager: DeviceSessionManager, program: InSession) -> Value:
    async with manager.open_session(device) as session:
        value = await program(session)
    assert session.report is not None
    assert session.report.is_clean
    assert device.leases.holders() == {}
    return value


def test_there_are_five_of_them() -> None:
    assert len(PROGRAMS) == 5


async def test_d09_the_first_program_leaves_its_hardware_safe(
    device: Device, manager: DeviceSessionManager, log: Log
) -> None:
    assert await run(device, manager, function_of(0, "measure")) == [60]
    entries = await log()
    assert isinstance(entries, list)
    assert ("on", 16) in entries
    assert entries[-5:] == [
        ("deinit", 0),
        ("irq", 16, None),
        ("pin", 16, 1, -1, 0),
        ("irq", 25, None),
        ("pin", 25, 0, None, None),
    ]


async def test_d09_the_second_program_gives_back_early(
    device: Device, manager: DeviceSessionManager, log: Log
) -> None:
    await run(device, manager, function_of(1, "blink_once"))
    assert await log() == [("pin", 25, 1, -1, 1), ("irq", 25, None), ("pin", 25, 1, -1, 0)]


async def test_d09_the_third_program_stops_what_it_has_made(
    device: Device, manager: DeviceSessionManager, log: Log
) -> None:
    await run(device, manager, function_of(2, "keep_time"))
    assert await log() == [("deinit", 1)]


async def test_d09_the_fourth_program_removes_its_file(
    device: Device, manager: DeviceSessionManager, tmp_path: Path
) -> None:
    await device.execute(f"import os; os.chdir({str(tmp_path)!r})")
    assert await run(device, manager, function_of(3, "upload")) == 5000
    assert list(tmp_path.iterdir()) == []  # noqa: ASYNC240


async def test_d09_the_fifth_program_shares_by_leases(
    device: Device, manager: DeviceSessionManager
) -> None:
    await function_of(4, "share")(device, manager)
    assert device.leases.holders() == {}
