"""Child tasks belong to their session and are cancelled in their turn among its resources."""

# a scope is under test, so it is what stands in pytest.raises()

from collections.abc import Callable

import pytest
import trio
import trio.testing

from belay_actors import (
    Device,
    DeviceSessionManager,
    ResourceCleanupError,
    Session,
    SessionClosedError,
    SessionManagementOptions,
    SessionResource,
    open_session_manager,
)

MakeResource = Callable[..., SessionResource]
Record = Callable[[str], SessionResource]


async def test_children_are_cancelled_in_their_turn_among_the_resources(
    device: Device, manager: DeviceSessionManager, record: Record, recorded: list[str]
) -> None:
    async def live(name: str) -> None:
        try:
            await trio.sleep_forever()
        finally:
            recorded.append(name)

    async with manager.open_session(device) as session:
        session.resources.register_resource(record("resource 1"))
        session.start_soon(live, "task 2")
        session.resources.register_resource(record("resource 3"))
        session.start_soon(live, "task 4")
        await trio.testing.wait_all_tasks_blocked()
    assert recorded == ["task 4", "resource 3", "task 2", "resource 1"]
    assert session.report is not None
    assert session.report.resources_released == ("resource 3", "resource 1")


async def test_children_call_the_board(device: Device, manager: DeviceSessionManager) -> None:
    async def count(session: Session, done: trio.Event) -> None:
        for _ in range(10):
            await session.execute("n += 1")
        done.set()

    async with manager.open_session(device) as session:
        await session.execute("n = 0")
        events = [trio.Event() for _ in range(5)]
        for event in events:
            session.start_soon(count, session, event)
        for event in events:
            await event.wait()
        assert await session.evaluate("n") == 50


async def test_a_child_in_an_endless_call_is_cancelled_settled(
    device: Device, manager: DeviceSessionManager
) -> None:
    async with manager.open_session(device) as session:
        session.start_soon(session.execute, "while True: pass")
        await trio.testing.wait_all_tasks_blocked()
    assert session.report is not None
    assert session.report.is_clean
    assert await device.evaluate("1 + 1") == 2
    assert device.generation == 1


async def test_children_whose_calls_wait_their_turn_are_cancelled_not_failed(
    device: Device, manager: DeviceSessionManager
) -> None:
    async with manager.open_session(device) as session:
        for _ in range(3):
            session.start_soon(session.execute, "while True: pass")
        await trio.testing.wait_all_tasks_blocked()
    assert session.report is not None
    assert session.report.is_clean


async def test_a_child_that_calls_while_the_session_ends_does_not_fail_it(
    device: Device, manager: DeviceSessionManager, make_resource: MakeResource
) -> None:
    async def poll(session: Session) -> None:
        while True:
            await session.execute("n = 1")
            await trio.sleep(0.001)

    async def take_time() -> None:
        await trio.sleep(0.05)

    async with manager.open_session(device) as session:
        session.start_soon(poll, session)
        await session.execute("n = 0")
        session.resources.register_resource(make_resource("slow", take_time))
    assert session.report is not None
    assert session.report.is_clean


async def test_a_child_that_was_never_scheduled_is_given_back(
    device: Device, manager: DeviceSessionManager
) -> None:
    async with manager.open_session(device) as session:
        session.start_soon(trio.sleep_forever)
    assert session.report is not None
    assert session.report.is_clean


async def test_children_that_have_ended_are_forgotten(
    device: Device, manager: DeviceSessionManager
) -> None:
    async with manager.open_session(device) as session:
        for _ in range(10):
            session.start_soon(trio.lowlevel.checkpoint)
        assert session.resources.get_active_resources() == ()
        assert len(session._holdings.keys()) == 10
        await trio.testing.wait_all_tasks_blocked()
        assert not session._holdings.keys()


async def test_a_child_that_will_not_end_is_told(device: Device) -> None:
    options = SessionManagementOptions(resource_cleanup_timeout=0.2)
    release = trio.Event()

    async def cling() -> None:
        with trio.CancelScope(shield=True):
            await release.wait()

    async with trio.open_nursery() as nursery:

        async def work() -> None:
            async with open_session_manager(options) as manager:
                with pytest.raises(ResourceCleanupError, match="could not be given back") as caught:
                    async with manager.open_session(device) as session:
                        session.start_soon(cling, name="clinging")
                        await trio.testing.wait_all_tasks_blocked()
                assert "'clinging'" in str(caught.value.exceptions[0])

        nursery.start_soon(work)
        await trio.sleep(0.5)
        release.set()


async def test_children_of_a_created_session_live_with_it(
    device: Device, manager: DeviceSessionManager, recorded: list[str]
) -> None:
    async def live() -> None:
        try:
            await trio.sleep_forever()
        finally:
            recorded.append("ended")

    session = await manager.create_session(device)
    session.start_soon(live)
    await trio.testing.wait_all_tasks_blocked()
    await manager.end_session(session.session_id)
    assert recorded == ["ended"]


async def test_an_ended_session_starts_no_children(
    device: Device, manager: DeviceSessionManager
) -> None:
    async with manager.open_session(device) as session:
        pass
    with pytest.raises(SessionClosedError):
        session.start_soon(trio.sleep_forever)


async def test_a_failed_child_of_a_created_session_ends_it(
    device: Device, manager: DeviceSessionManager
) -> None:
    async def fail() -> None:
        await trio.lowlevel.checkpoint()
        raise KeyError("child")

    session = await manager.create_session(device)
    session.start_soon(fail)
    with trio.fail_after(5):
        await session.wait_ended()
    assert not session.is_active
    assert manager.get_session_stats().active_session_count == 0


async def test_a_child_may_end_its_own_session(
    manager: DeviceSessionManager, device: Device
) -> None:
    with trio.fail_after(5):
        async with manager.open_session(device) as session:

            async def end_it() -> None:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(session.aclose)
                await trio.sleep_forever()  # it is cancelled, as all children are

            session.start_soon(end_it)
            await session.wait_ended()
    assert session.report is not None
    assert session.report.is_clean
