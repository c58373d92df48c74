"""``Device.drop``: what a namespace held is stopped, told and gone."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from belay_actors import Device, DeviceSessionManager, Session, open_session_manager
from belay_actors.device import DroppedNamespace

# What a board with timers has: here a module that a program has put into ``sys.modules``.
MACHINE = """
import sys
class machine:
    deinits = []
    class Timer:
        def __init__(self, name): self.name = name
        def deinit(self): machine.deinits.append(self.name)
sys.modules["machine"] = machine
"""


@pytest.fixture
async def manager(device: Device) -> AsyncIterator[DeviceSessionManager]:
    async with open_session_manager() as manager:
        yield manager


@pytest.fixture
async def session(device: Device, manager: DeviceSessionManager) -> Session:
    return await manager.create_session(device)


async def drop(session: Session, *, measure: bool = False) -> DroppedNamespace:
    return await session.device.drop(session._seat, measure=measure)


async def test_timers_are_stopped(device: Device, session: Session) -> None:
    await device.execute(MACHINE)
    await session.execute("from machine import Timer\na = Timer('a'); b = Timer('b'); c = [a]")
    dropped = await drop(session)
    assert set(dropped.timers_stopped) == {"a", "b"}
    assert (dropped.names, dropped.timers_left, dropped.is_gone) == (4, (), True)
    assert sorted(await device.evaluate("machine.deinits", list[str])) == ["a", "b"]
    assert not (await device.census()).namespaces


async def test_a_timer_that_cannot_be_stopped_is_told(device: Device, session: Session) -> None:
    await device.execute(MACHINE)
    await session.execute(
        "from machine import Timer\n"
        "class Bad(Timer):\n def deinit(self): raise OSError(5)\n"
        "class Empty(Timer):\n def deinit(self): raise ValueError\n"
        "good = Timer('good'); bad = Bad('bad'); empty = Empty('empty')"
    )
    dropped = await drop(session)
    assert dropped.timers_stopped == ("good",)
    assert set(dropped.timers_left) == {"bad: OSError: [Errno 5] EIO", "empty: ValueError"}
    assert dropped.is_gone


@pytest.mark.parametrize("timer", ["5", "1 / 0", "'machine'"])
async def test_a_machine_of_another_kind_harms_nothing(
    device: Device, session: Session, timer: str
) -> None:
    await device.execute(
        "import sys\nclass machine:\n    def __getattr__(self, name): return " + timer
    )
    await device.execute("sys.modules['machine'] = machine()")
    await session.execute("x = 1")
    assert await drop(session) == DroppedNamespace(1, modules_removed=("machine",))


async def test_a_file_that_nobody_has_loaded_is_not_loaded(
    device: Device, session: Session, tmp_path: Path
) -> None:
    (tmp_path / "machine.py").write_text("print('loaded')")
    await device.execute(f"import sys\nsys.path.insert(0, {str(tmp_path)!r})")
    await session.execute("x = 1")
    assert await drop(session) == DroppedNamespace(1)
    assert device.background_output == ""


async def test_memory_is_measured_if_asked_for(device: Device, session: Session) -> None:
    await session.execute("x = bytearray(100_000)")
    before = device.memory
    dropped = await drop(session)
    assert dropped.memory is None
    assert device.memory is before
    await session.execute("x = bytearray(100_000)")
    dropped = await drop(session, measure=True)
    assert dropped.memory is not None
    assert dropped.memory is device.memory is not before
    assert dropped.memory.used < 50_000
    assert dropped.memory.used + dropped.memory.free > 1_000_000


async def test_a_namespace_that_never_was_is_gone(session: Session) -> None:
    assert await drop(session) == DroppedNamespace(0)
