"""Which session a task is in, joins, or shares."""

from collections.abc import Callable

import pytest
import trio
import trio.testing

from belay_actors import (
    Device,
    DeviceSessionManager,
    ResourceCleanupError,
    Session,
    SessionLimitError,
    SessionManagementOptions,
    SessionResource,
    open_session_manager,
)

MakeResource = Callable[..., SessionResource]


async def refuse() -> None:
    await trio.lowlevel.checkpoint()
    raise OSError("stuck")


async def test_b09_an_operation_runs_in_a_session_of_its_own_that_ends(
    device: Device, manager: DeviceSessionManager
) -> None:
    seen: list[Session] = []

    async def operation(session: Session) -> int:
        seen.append(session)
        assert manager.current_session_id == session.session_id
        await session.execute("x = 20")
        return await session.evaluate("x + 1", int)

    assert await manager.execute_in_session(device, operation) == 21
    assert not seen[0].is_active
    assert manager.get_session_stats().active_session_count == 0


async def test_b09_an_operation_that_fails_ends_its_session_and_its_error_comes_out(
    device: Device, manager: DeviceSessionManager
) -> None:
    async def operation(session: Session) -> None:
        await session.execute("x = 1")
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        await manager.execute_in_session(device, operation)
    assert manager.get_session_stats().active_session_count == 0


async def test_b09_a_nested_operation_joins_the_session_on_the_same_device(
    device: Device, manager: DeviceSessionManager
) -> None:
    async def inner(session: Session) -> object:
        return await session.evaluate("x"), session.session_id

    async def outer(session: Session) -> object:
        await session.execute("x = 1")
        result = await manager.execute_in_session(device, inner)
        assert session.is_active
        assert await session.evaluate("x") == 1
        return result == (1, session.session_id)

    assert await manager.execute_in_session(device, outer) is True
    async with manager.open_session(device) as session:
        await session.execute("x = 1")
        assert await manager.execute_in_session(device, inner) == (1, session.session_id)
    assert manager.get_session_stats().total_session_count == 2


async def test_b09_a_nested_operation_does_not_join_on_another_device_or_manager(
    device: Device, other_device: Device, manager: DeviceSessionManager
) -> None:
    async def identify(session: Session) -> str:
        await trio.lowlevel.checkpoint()
        return session.session_id

    async with open_session_manager() as other, manager.open_session(device) as session:
        assert await manager.execute_in_session(other_device, identify) != session.session_id
        assert await other.execute_in_session(device, identify) != session.session_id
        assert await manager.execute_in_session(device, identify) == session.session_id


async def test_an_operation_after_the_end_of_the_session_one_is_in_gets_a_new_one(
    device: Device, manager: DeviceSessionManager
) -> None:
    async def identify(session: Session) -> str:
        await trio.lowlevel.checkpoint()
        return session.session_id

    async with manager.open_session(device) as session:
        await session.aclose()
        assert manager.current_session_id is None
        assert await manager.execute_in_session(device, identify) != session.session_id


async def test_b09_g03_the_result_is_not_lost_when_cleanup_fails(
    device: Device, manager: DeviceSessionManager, make_resource: MakeResource
) -> None:
    async def operation(session: Session) -> str:
        session.resources.register_resource(make_resource("door", refuse))
        await trio.lowlevel.checkpoint()
        return "dear result"

    with pytest.raises(ResourceCleanupError) as caught:
        await manager.execute_in_session(device, operation)
    assert caught.value.result == "dear result"
    part, _ = caught.value.split(OSError)
    assert isinstance(part, ResourceCleanupError)
    assert part.result == "dear result"


async def test_b09_h01_the_limit_holds_for_operations(device: Device) -> None:
    options = SessionManagementOptions(max_concurrent_sessions=1)

    async def operation(session: Session) -> object:
        return await session.evaluate("1")

    async with open_session_manager(options) as manager:
        held = await manager.create_session(device)
        with pytest.raises(SessionLimitError):
            await manager.execute_in_session(device, operation)
        await manager.end_session(held.session_id)
        assert await manager.execute_in_session(device, operation) == 1


async def test_b07_a_hundred_tasks_share_one_session_for_each_device(
    device: Device, other_device: Device, manager: DeviceSessionManager
) -> None:
    found: dict[Device, set[Session]] = {device: set(), other_device: set()}

    async def share(each: Device) -> None:
        session = await manager.get_or_create_session(each)
        found[each].add(session)
        assert await session.evaluate("1 + 1") == 2

    async with trio.open_nursery() as nursery:
        for _ in range(50):
            nursery.start_soon(share, device)
            nursery.start_soon(share, other_device)
    assert [len(sessions) for sessions in found.values()] == [1, 1]
    assert found[device] != found[other_device]
    assert manager.get_session_stats().total_session_count == 2


async def test_b07_a_new_session_is_shared_when_the_first_has_ended(
    device: Device, manager: DeviceSessionManager
) -> None:
    first = await manager.get_or_create_session(device)
    assert await manager.get_or_create_session(device) is first
    await manager.end_session(first.session_id)
    second = await manager.get_or_create_session(device)
    assert second is not first
    assert await second.evaluate("1 + 1") == 2


async def test_b07_sessions_that_were_opened_otherwise_are_not_shared(
    device: Device, manager: DeviceSessionManager
) -> None:
    created = await manager.create_session(device)
    async with manager.open_session(device) as scoped:
        assert await manager.get_or_create_session(device) not in {created, scoped}


async def test_b07_a_task_that_is_cancelled_while_it_creates_the_shared_session_harms_nobody(
    device: Device, manager: DeviceSessionManager
) -> None:
    found: list[Session] = []

    async def share() -> None:
        found.append(await manager.get_or_create_session(device))

    async with trio.open_nursery() as nursery:
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as inner:
                inner.start_soon(share)
                scope.cancel()
        nursery.start_soon(share)
        nursery.start_soon(share)
    assert len(set(found)) == 1
    assert found[0].is_active


async def test_b02_no_session_is_current_outside_of_all_scopes(
    device: Device, manager: DeviceSessionManager
) -> None:
    assert manager.current_session_id is None
    await manager.create_session(device)
    assert manager.current_session_id is None
    async with manager.open_session(device):
        pass
    assert manager.current_session_id is None


async def test_b02_the_innermost_session_is_current(
    device: Device, other_device: Device, manager: DeviceSessionManager
) -> None:
    async with manager.open_session(device) as outer:
        assert manager.current_session_id == outer.session_id
        async with manager.open_session(other_device) as inner:
            assert manager.current_session_id == inner.session_id
        assert manager.current_session_id == outer.session_id
        with pytest.raises(LookupError):
            async with manager.open_session(other_device):
                raise LookupError
        assert manager.current_session_id == outer.session_id


async def test_b02_the_current_session_is_one_of_the_manager_that_is_asked(
    device: Device, manager: DeviceSessionManager
) -> None:
    async with open_session_manager() as other, manager.open_session(device) as outer:
        assert other.current_session_id is None
        async with other.open_session(device) as inner:
            assert other.current_session_id == inner.session_id
            assert manager.current_session_id == outer.session_id


async def test_b02_each_task_has_its_own_current_session(
    device: Device, manager: DeviceSessionManager
) -> None:
    async def work() -> None:
        assert manager.current_session_id is None
        async with manager.open_session(device) as session:
            for number in range(10):
                assert await session.evaluate(f"{number}") == number
                assert manager.current_session_id == session.session_id
        assert manager.current_session_id is None

    async with trio.open_nursery() as nursery:
        for _ in range(5):
            nursery.start_soon(work)


async def test_b02_tasks_that_are_started_inside_a_session_are_in_it(
    device: Device, manager: DeviceSessionManager
) -> None:
    seen: list[str | None] = []

    async def look() -> None:
        seen.append(manager.current_session_id)
        await trio.lowlevel.checkpoint()

    async with manager.open_session(device) as session:
        session.start_soon(look)
        async with trio.open_nursery() as nursery:
            for _ in range(2):
                nursery.start_soon(look)
        await trio.testing.wait_all_tasks_blocked()
    assert seen == [session.session_id] * 3
