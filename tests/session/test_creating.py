"""How a session comes to be, what is shared by all that runs in it, and that managers end them."""

from collections.abc import Awaitable, Callable

import pytest
import trio

from belay_actors import (
    Device,
    DeviceClosedError,
    DeviceSessionManager,
    DeviceSessionState,
    Session,
    SessionClosedError,
    SessionLimitError,
    SessionManagementOptions,
    SessionResource,
    open_device,
    open_session_manager,
)

MakeResource = Callable[..., SessionResource]
Record = Callable[[str], SessionResource]
Spaces = Callable[[Device], Awaitable[list[int]]]


@pytest.fixture
async def closed_device() -> Device:
    async with open_device("micropython:") as device:
        pass
    return device


async def test_a05_calls_children_nested_operations_and_cleanups_share_one_session(
    device: Device, manager: DeviceSessionManager, make_resource: MakeResource
) -> None:
    seen: list[str] = []
    has_worked = trio.Event()

    async def work(session: Session, name: str) -> None:
        await session.execute(f"seen.append('{name}')")
        seen.append(session.session_id)

    async def nested(session: Session) -> None:
        await work(session, "nested")

    async def child(session: Session) -> None:
        await work(session, "child")
        has_worked.set()

    async with manager.open_session(device) as session:

        async def clean() -> None:
            await work(session, "cleanup")
            assert await session.evaluate("seen") == ["body", "nested", "child", "cleanup"]

        await session.execute("seen = []")
        session.resources.register_resource(make_resource("eye", clean))
        await work(session, "body")
        await manager.execute_in_session(device, nested)
        session.start_soon(child, session)
        await has_worked.wait()
    assert seen == [session.session_id] * 4
    assert session.report is not None
    assert session.report.is_clean


async def test_b01_leaving_the_manager_ends_the_newest_session_first(
    device: Device, record: Record, recorded: list[str]
) -> None:
    async with open_session_manager() as manager:
        for name in ("first", "second", "third"):
            session = await manager.create_session(device)
            await session.execute("x = 1")
            for part in "ab":
                session.resources.register_resource(record(f"{name} {part}"))
    assert recorded == ["third b", "third a", "second b", "second a", "first b", "first a"]


async def test_b05_j04_a_created_session_is_active_registered_and_works(
    device: Device, manager: DeviceSessionManager, spaces: Spaces
) -> None:
    session = await manager.create_session(device)
    assert session.is_active
    assert session.device is device
    assert await session.evaluate("1 + 1") == 2
    assert manager.state is DeviceSessionState.ACTIVE
    assert manager.get_session_stats().active_session_count == 1
    assert len(await spaces(device)) == 1
    await manager.end_session(session.session_id)
    assert not session.is_active
    assert manager.get_session_stats().active_session_count == 0
    assert await spaces(device) == []


async def test_b05_each_creation_makes_another_session(
    device: Device, manager: DeviceSessionManager
) -> None:
    one, two = await manager.create_session(device), await manager.create_session(device)
    assert one is not two
    assert one.session_id != two.session_id


async def test_b05_a_created_session_outlives_the_task_that_created_it(
    device: Device, manager: DeviceSessionManager
) -> None:
    found: list[Session] = []

    async def create() -> None:
        found.append(await manager.create_session(device))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(create)
    assert await found[0].evaluate("1 + 1") == 2


async def test_b05_a_creation_that_is_cancelled_leaves_no_session(
    device: Device, manager: DeviceSessionManager
) -> None:
    with trio.CancelScope() as scope:
        scope.cancel()
        await manager.create_session(device)
    assert scope.cancelled_caught
    assert manager.get_session_stats().active_session_count == 0
    assert device.snapshot().session_count == 0


async def test_e01_the_manager_is_looked_at_before_the_limit_and_that_before_the_device(
    device: Device, closed_device: Device
) -> None:
    async with open_session_manager(SessionManagementOptions(max_concurrent_sessions=1)) as manager:
        with pytest.raises(DeviceClosedError):
            await manager.create_session(closed_device)
        await manager.create_session(device)
        with pytest.raises(SessionLimitError):
            await manager.create_session(closed_device)
    with pytest.raises(SessionClosedError, match="shut down"):
        await manager.create_session(closed_device)


async def test_e01_a_creation_that_fails_counts_nothing_and_leaves_nothing(
    closed_device: Device,
) -> None:
    async with open_session_manager() as manager:
        for _ in range(2):
            with pytest.raises(DeviceClosedError):
                await manager.create_session(closed_device)
        with pytest.raises(DeviceClosedError):
            async with manager.open_session(closed_device):
                pass
        assert manager.state is DeviceSessionState.INACTIVE
        stats = manager.get_session_stats()
        assert (stats.active_session_count, stats.total_session_count) == (0, 0)
    assert closed_device.snapshot().session_count == 0


async def test_e01_when_a_session_is_returned_all_of_it_is_there(
    device: Device, manager: DeviceSessionManager
) -> None:
    session = await manager.create_session(device)
    assert manager.state is DeviceSessionState.ACTIVE
    assert device.snapshot().session_count == 1
    assert session.resources.get_active_resources() == ()
    assert session.resources.get_resource_stats().total_resources == 0
    await manager.end_session(session.session_id)
