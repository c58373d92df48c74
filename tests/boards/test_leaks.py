"""``LeakCheck`` on every board: sessions leave nothing there, and what is left is found."""

import pytest

from belay_actors import Device, DeviceSessionManager
from belay_actors.testing import LeakCheck, LeakError
from boards import Board


async def test_sessions_leave_nothing(
    board: Board, device: Device, manager: DeviceSessionManager
) -> None:
    async with manager.open_session(device) as session:  # what the first one sends stays
        await session.execute("x = 1")
    async with LeakCheck(device, memory_tolerance=64):
        for number in range(5):
            async with manager.open_session(device) as session:
                await session.execute(f"x = 'x' * {100 + number}\ndef f(): return x")
                assert await session.evaluate("len(f())") == 100 + number


async def test_what_a_session_leaves_in_main_is_found(board: Board, device: Device) -> None:
    with pytest.raises(LeakError, match="more bytes of memory"):
        async with LeakCheck(device, memory_tolerance=64):
            await device.execute("x = bytearray(1000)")


async def test_an_open_session_is_found(
    board: Board, device: Device, manager: DeviceSessionManager
) -> None:
    session = await manager.create_session(device)
    with pytest.raises(LeakError, match="session namespace"):
        async with LeakCheck(device):
            await session.execute("x = 1")
