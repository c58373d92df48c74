"""Resources on boards of every kind, also where there is little memory and no ``machine``."""

from pathlib import Path

import pytest

from belay_actors import (
    CallbackResource,
    Device,
    DeviceCapabilityError,
    DeviceSessionManager,
    PinResource,
    ResourceBusyError,
    ResourceCleanupError,
    TemporaryFileResource,
)
from boards import Board

CONTENT = bytes(range(256)) + b"'\"\\\n"


@pytest.fixture
def directory(board: Board, tmp_path: Path) -> str:
    """Where files may be made: nowhere else on this host, anywhere on a real board."""
    return "" if board.is_small else str(tmp_path)


async def test_d09_a_temporary_file_comes_and_goes(
    board: Board, device: Device, manager: DeviceSessionManager, directory: str
) -> None:
    async with manager.open_session(device) as session:
        file = await TemporaryFileResource.create(
            session, suffix=".bin", directory=directory, content=CONTENT
        )
        place = repr(directory) if directory else ""
        there = f"{file.path.rpartition('/')[2]!r} in __import__('os').listdir({place})"
        assert await session.evaluate(there) is True
        await session.execute(f"with open({file.path!r}, 'rb') as f: data = f.read()")
        assert await session.evaluate("data") == CONTENT
    assert session.report is not None
    assert session.report.is_clean
    assert await device.evaluate(there) is False


async def test_d09_a_file_that_is_gone_is_fine(
    board: Board, device: Device, manager: DeviceSessionManager, directory: str
) -> None:
    async with manager.open_session(device) as session:
        file = await TemporaryFileResource.create(session, directory=directory)
        await session.execute(f"import os; os.remove({file.path!r})")
    assert session.report is not None
    assert session.report.is_clean


async def test_d09_a_callback_of_board_code_runs_at_the_end(
    board: Board, device: Device, manager: DeviceSessionManager
) -> None:
    levels: list[object] = []
    async with manager.open_session(device) as session:

        async def look() -> None:
            levels.append(await session.evaluate("level"))

        session.resources.register_resource(CallbackResource(session, "look", look))
        await session.execute("level = 1")
        session.resources.register_resource(CallbackResource(session, "pump", "level = 0"))
    assert levels == [0]


@pytest.mark.boards("microbit")
async def test_d09_the_safe_level_of_a_pin_by_a_callback(
    board: Board, device: Device, manager: DeviceSessionManager
) -> None:
    safe = "from microbit import pin0; pin0.write_digital(0)"
    async with manager.open_session(device) as session, manager.open_session(device) as other:
        await session.lease("pin:0")
        with pytest.raises(ResourceBusyError, match=session.session_id):
            await other.lease("pin:0")
        session.resources.register_resource(CallbackResource(session, "pin0", safe))
        await session.execute("from microbit import pin0; pin0.write_digital(1)")
    assert session.report is not None
    assert session.report.resources_released == ("pin0",)


async def test_d09_code_of_a_callback_that_fails_is_told(
    board: Board, device: Device, manager: DeviceSessionManager
) -> None:
    with pytest.raises(ResourceCleanupError, match="1 thing"):
        async with manager.open_session(device) as session:
            session.resources.register_resource(CallbackResource(session, "pump", "1 / 0"))


async def test_d09_what_a_board_has_not_is_a_capability_error(
    board: Board, device: Device, manager: DeviceSessionManager
) -> None:
    async with manager.open_session(device) as session:
        with pytest.raises(DeviceCapabilityError):
            await PinResource.acquire(session, 0, name="led")
        assert session.resources.get_active_resources() == ()
    assert device.leases.holders() == {}
