"""Those who subscribe to a manager hear of every change of its state, in order, and then the end."""

import pytest
import trio
import trio.testing

from belay_actors import (
    Device,
    DeviceSessionManager,
    DeviceSessionState,
    open_session_manager,
)

INACTIVE, ACTIVE, SHUTDOWN, DISPOSED = DeviceSessionState
Steps = list[tuple[DeviceSessionState, DeviceSessionState]]


async def listen(
    manager: DeviceSessionManager,
    heard: Steps,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    async with manager.subscribe() as changes:
        task_status.started()
        async for change in changes:
            heard.append((change.previous, change.current))


async def test_b03_e02_a_subscriber_hears_of_a_whole_life(device: Device) -> None:
    heard: Steps = []
    async with trio.open_nursery() as nursery, open_session_manager() as manager:
        await nursery.start(listen, manager, heard)
        async with manager.open_session(device):
            await trio.testing.wait_all_tasks_blocked()
            assert heard == [(INACTIVE, ACTIVE)]
        async with manager.open_session(device):
            pass
        await trio.testing.wait_all_tasks_blocked()
        assert heard == [(INACTIVE, ACTIVE)]
    assert heard == [(INACTIVE, ACTIVE), (ACTIVE, SHUTDOWN), (SHUTDOWN, DISPOSED)]


async def test_e02_a_manager_without_sessions_is_shut_down_and_disposed_of() -> None:
    heard: Steps = []
    async with trio.open_nursery() as nursery, open_session_manager() as manager:
        await nursery.start(listen, manager, heard)
    assert heard == [(INACTIVE, SHUTDOWN), (SHUTDOWN, DISPOSED)]


async def test_e02_a_shutdown_that_is_asked_for_goes_the_same_way_once(
    device: Device, manager: DeviceSessionManager
) -> None:
    heard: Steps = []
    async with trio.open_nursery() as nursery:
        await nursery.start(listen, manager, heard)
        await manager.create_session(device)
        await manager.shutdown()
        await manager.shutdown()
    assert heard == [(INACTIVE, ACTIVE), (ACTIVE, SHUTDOWN), (SHUTDOWN, DISPOSED)]
    assert manager.state is DISPOSED


@pytest.mark.parametrize("has_session", [False, True])
async def test_e02_an_emergency_is_no_shutdown(
    device: Device, manager: DeviceSessionManager, has_session: bool
) -> None:
    heard: Steps = []
    async with trio.open_nursery() as nursery:
        await nursery.start(listen, manager, heard)
        if has_session:
            await manager.create_session(device)
        await manager.dispose()
        await manager.shutdown()
    first: Steps = [(INACTIVE, ACTIVE), (ACTIVE, DISPOSED)]
    assert heard == (first if has_session else [(INACTIVE, DISPOSED)])


async def test_e02_an_emergency_during_a_shutdown_is_its_end(
    device: Device, manager: DeviceSessionManager
) -> None:
    heard: Steps = []
    async with trio.open_nursery() as nursery:
        await nursery.start(listen, manager, heard)
        nursery.start_soon(manager.shutdown)
        nursery.start_soon(manager.dispose)
    assert heard[-1][1] is DISPOSED
    assert len({current for _, current in heard}) == len(heard)


async def test_e02_whoever_comes_when_all_is_over_hears_nothing() -> None:
    async with open_session_manager() as manager:
        await manager.dispose()
        heard: Steps = []
        await listen(manager, heard)
    await listen(manager, heard)
    assert heard == []


async def test_e02_a_slow_subscriber_keeps_nobody_waiting_and_loses_nothing(
    device: Device,
) -> None:
    async with open_session_manager() as manager, manager.subscribe() as changes:
        await manager.create_session(device)
        await manager.shutdown()
        seen = [change.current async for change in changes]
    assert seen == [ACTIVE, SHUTDOWN, DISPOSED]


async def test_e02_the_time_of_a_change_is_when_it_happened(device: Device) -> None:
    async with open_session_manager() as manager, manager.subscribe() as changes:
        session = await manager.create_session(device)
        await manager.shutdown()
        times = [change.at async for change in changes]
    assert times == sorted(times)
    assert abs((times[0] - session.created_at).total_seconds()) < 1
    assert times[0].tzinfo is not None


async def test_e02_one_who_is_cancelled_or_gone_is_no_harm_to_others(
    device: Device, manager: DeviceSessionManager
) -> None:
    heard: Steps = []
    async with trio.open_nursery() as nursery:
        await nursery.start(listen, manager, heard)
        with trio.CancelScope() as scope:
            async with manager.subscribe() as changes:
                scope.cancel()
                await changes.receive()
        assert scope.cancelled_caught
        async with manager.subscribe():
            pass
        async with manager.subscribe() as changes:
            await changes.aclose()
            await manager.create_session(device)
            await manager.shutdown()
    assert [current for _, current in heard] == [ACTIVE, SHUTDOWN, DISPOSED]
    assert not manager._life._subscribers
