"""What the report of a session says of the board: timers that were stopped, and memory."""

# What a failing scope has bound is looked at after it:
# pyright: reportPossiblyUnboundVariable=none

import pytest

from belay_actors import (
    Device,
    DeviceSessionManager,
    ResourceCleanupError,
    SessionManagementOptions,
    open_session_manager,
)

# What a board with timers has: here a module that a program has put into ``sys.modules``.
MACHINE = """
import sys
class machine:
    deinits = []
    class Timer:
        def __init__(self, name): self.name = name
        def deinit(self):
            if self.name == "bad": raise OSError(5)
            machine.deinits.append(self.name)
sys.modules["machine"] = machine
"""


async def test_a02_timers_that_nobody_registered_are_stopped_and_told(
    device: Device, manager: DeviceSessionManager
) -> None:
    await device.execute(MACHINE)
    async with manager.open_session(device) as session:
        await session.execute("from machine import Timer\na = Timer('a'); b = Timer('b')")
    assert session.report is not None
    assert sorted(session.report.timers_stopped) == ["a", "b"]
    assert session.report.is_clean
    assert sorted(await device.evaluate("machine.deinits", list[str])) == ["a", "b"]


async def test_a02_a_timer_that_cannot_be_stopped_is_left(
    device: Device, manager: DeviceSessionManager
) -> None:
    await device.execute(MACHINE)
    with pytest.raises(ResourceCleanupError, match="timer 'led'"):
        async with manager.open_session(device) as session:
            await session.execute("from machine import Timer\na = Timer('a'); led = Timer('bad')")
    assert session.report is not None
    assert session.report.timers_stopped == ("a",)
    (left,) = session.report.left
    assert left.what == "timer 'led'"
    assert "EIO" in left.reason


async def test_a02_timers_of_other_sessions_go_on(
    device: Device, manager: DeviceSessionManager
) -> None:
    await device.execute(MACHINE)
    async with manager.open_session(device) as other:
        await other.execute("from machine import Timer\ntimer = Timer('other')")
        async with manager.open_session(device) as session:
            await session.execute("from machine import Timer\ntimer = Timer('mine')")
        assert session.report is not None
        assert session.report.timers_stopped == ("timer",)
        assert await device.evaluate("machine.deinits") == ["mine"]


async def test_h01_memory_is_measured_before_and_after(
    device: Device, manager: DeviceSessionManager
) -> None:
    async with manager.open_session(device) as session:
        before = device.memory
        assert before is not None  # the first session on a board asks what it can do
        await session.execute("x = bytearray(200_000)")
    report = session.report
    assert report is not None
    assert report.memory_before == before.used
    assert report.memory_after is not None
    assert report.memory_after < before.used + 100_000
    assert device.memory is not None
    assert report.memory_after == device.memory.used
    async with manager.open_session(device) as session:
        pass
    assert session.report is not None
    assert session.report.memory_before == report.memory_after
    assert session.report.memory_after is None  # nothing was sent, so nothing was asked


async def test_h01_without_metrics_memory_is_not_measured(device: Device) -> None:
    await device.detect()
    measured = device.memory
    options = SessionManagementOptions(enable_session_metrics=False)
    async with open_session_manager(options) as manager, manager.open_session(device) as session:
        await session.execute("x = 1")
    assert session.report is not None
    assert (session.report.memory_before, session.report.memory_after) == (None, None)
    assert device.memory is measured
    assert session.report.names_dropped == 1
