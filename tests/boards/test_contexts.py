"""A session's contexts on every board: threads where there are any, deployments, files, and ids."""

import pytest

from belay_actors import Device, DeviceCapabilityError, DeviceSessionManager
from belay_actors.testing import LeakCheck
from boards import Board


async def test_d01_threads_where_there_are_any(
    board: Board, device: Device, manager: DeviceSessionManager
) -> None:
    async with manager.open_session(device) as session:
        await session.execute("def wait():\n while not should_stop(): pass")
        if board.has_threads:
            info = await session.executor_context.start_thread("wait", "wait()")
            await session.resources.unregister_background_thread(info.thread_id)
            states = await session.executor_context.get_thread_states()
            assert not states[info.thread_id].is_running
        else:
            served = device.snapshot().calls.served
            with pytest.raises(DeviceCapabilityError, match="no threads"):
                await session.executor_context.start_thread("wait", "wait()")
            with pytest.raises(DeviceCapabilityError, match="no threads"):
                await session.executor_context.get_thread_states()
            assert device.snapshot().calls.served == served
        assert session.resources.get_active_threads() == ()
    assert session.report is not None
    assert session.report.is_clean


async def test_e05_a_method_is_sent_once(
    board: Board, device: Device, manager: DeviceSessionManager
) -> None:
    async with manager.open_session(device) as session:
        for _ in range(2):
            await session.executor_context.deploy("two()", "def two(): return 2")
        assert session.calls == 1
        assert await session.evaluate("two()") == 2


async def test_f06_free_space_where_the_board_tells_it(
    board: Board, device: Device, manager: DeviceSessionManager
) -> None:
    async with manager.open_session(device) as session:
        for _ in range(2):
            state = await session.file_system_context.get_state()
            assert (state.total_bytes is None) is (state.free_bytes is None) is board.is_small
        assert session.calls == 1


async def test_f08_the_board_is_told_by_its_id(
    board: Board, device: Device, manager: DeviceSessionManager
) -> None:
    async with manager.open_session(device) as session:
        info = session.device_context.get_device_info()
    assert bool(info.unique_id) is board.is_small
    assert info.platform
    assert info.name == device.name


async def test_d02_sessions_with_contexts_leave_no_memory(
    board: Board, device: Device, manager: DeviceSessionManager
) -> None:
    async def use() -> None:
        async with manager.open_session(device) as session:
            await session.executor_context.deploy("two()", "def two(): return 2")
            await session.file_system_context.get_state()

    await use()  # what the first one sends stays
    async with LeakCheck(device, memory_tolerance=0 if board.is_small else 64):
        for _ in range(5):
            await use()
