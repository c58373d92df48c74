"""The graceful end: all sessions in order, once, whoever asks for it and from wherever."""

# a scope is under test, so it is what stands in pytest.raises()
# What a failing scope has bound is looked at after it:
# pyright: reportPossiblyUnboundVariable=none

import contextlib
from collections.abc import Callable

import pytest
import trio
import trio.testing

from belay_actors import (
    Device,
    DeviceSessionManager,
    DeviceSessionState,
    ResourceCleanupError,
    Session,
    SessionClosedError,
    SessionManagementOptions,
    SessionNotFoundError,
    SessionResource,
    WouldDeadlock,
    open_device,
    open_session_manager,
)
from belay_actors.testing import open_fake_board

Record = Callable[[str], SessionResource]
MakeResource = Callable[..., SessionResource]
DISPOSED = DeviceSessionState.DISPOSED


async def stay(
    manager: DeviceSessionManager,
    device: Device,
    resource: SessionResource,
    errors: list[SessionClosedError],
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Is in a call of a scoped session, until that is ended by others."""
    with pytest.raises(SessionClosedError) as caught:
        async with manager.open_session(device) as session:
            session.resources.register_resource(resource)
            task_status.started()
            await session.execute("while True: pass")
    errors.append(caught.value)


async def test_e03_a_shutdown_ends_all_sessions_the_newest_first(
    device: Device, manager: DeviceSessionManager, record: Record, recorded: list[str]
) -> None:
    errors: list[SessionClosedError] = []
    async with trio.open_nursery() as nursery:
        first = await manager.create_session(device)
        first.resources.register_resource(record("first"))
        await nursery.start(stay, manager, device, record("another's"), errors)
        async with manager.open_session(device) as own:
            own.resources.register_resource(record("own"))
            last = await manager.create_session(device)
            last.resources.register_resource(record("last"))
            await manager.shutdown()
            assert recorded == ["last", "own", "another's", "first"]
            await trio.lowlevel.checkpoint()
            with pytest.raises(SessionClosedError):
                await own.execute("x = 1")
            recorded.append("the body goes on")
    assert recorded[-1] == "the body goes on"
    assert "ended by its manager" in str(errors[0])
    assert manager.state is DISPOSED
    assert manager.current_session_id is None
    assert manager.get_session_stats().active_session_count == 0
    assert (await device.census()).namespaces == ()


async def test_e03_devices_are_shut_down_side_by_side(
    device: Device, other_device: Device, manager: DeviceSessionManager, make_resource: MakeResource
) -> None:
    arrived = [trio.Event(), trio.Event()]

    for number, each in enumerate((device, other_device)):

        async def meet(number: int = number) -> None:
            arrived[number].set()
            await arrived[not number].wait()

        session = await manager.create_session(each)
        session.resources.register_resource(make_resource("meeting", meet))
    with trio.fail_after(10):
        await manager.shutdown()


async def test_e03_after_a_shutdown_no_sessions_are_made(
    device: Device, manager: DeviceSessionManager
) -> None:
    async def operation(session: Session) -> None:
        raise AssertionError("it has run")

    await manager.shutdown()
    served = device.snapshot().calls.served
    with pytest.raises(SessionClosedError, match="shut down"):
        await manager.create_session(device)
    with pytest.raises(SessionClosedError, match="shut down"):
        await manager.get_or_create_session(device)
    with pytest.raises(SessionClosedError, match="shut down"):
        await manager.execute_in_session(device, operation)
    with pytest.raises(SessionClosedError, match="shut down"):
        async with manager.open_session(device):
            pass
    assert device.snapshot().calls.served == served


async def test_e03_what_is_left_is_raised_once(device: Device, stuck: SessionResource) -> None:
    async with open_session_manager() as manager:
        session = await manager.create_session(device)
        session.resources.register_resource(stuck)
        with pytest.raises(ResourceCleanupError) as caught:
            await manager.shutdown()
        assert [type(error) for error in caught.value.exceptions] == [ResourceCleanupError]
        await manager.shutdown()
        await manager.dispose()


async def test_e03_of_shutdowns_at_the_same_time_one_tells_what_is_left(
    device: Device, manager: DeviceSessionManager, stuck: SessionResource, record: Record
) -> None:
    told: list[ResourceCleanupError] = []

    async def shut_down() -> None:
        try:
            await manager.shutdown()
        except ResourceCleanupError as error:
            told.append(error)
        assert manager.get_session_stats().active_session_count == 0

    session = await manager.create_session(device)
    session.resources.register_resource(stuck)
    await manager.create_session(device)
    async with trio.open_nursery() as nursery:
        for _ in range(4):
            nursery.start_soon(shut_down)
    assert len(told) == 1


async def test_e03_a_scoped_session_tells_its_own_scope_what_it_has_left(
    device: Device, manager: DeviceSessionManager, stuck: SessionResource
) -> None:
    errors: list[SessionClosedError] = []
    async with trio.open_nursery() as nursery:
        await nursery.start(stay, manager, device, stuck, errors)
        await manager.shutdown()
    assert any("'door'" in note for note in errors[0].__notes__)


async def test_e03_a_shutdown_from_within_a_session_tells_its_scope_what_is_left(
    device: Device, manager: DeviceSessionManager, stuck: SessionResource
) -> None:
    with pytest.raises(ResourceCleanupError, match="door"):
        async with manager.open_session(device) as session:
            session.resources.register_resource(stuck)
            await manager.shutdown()


async def test_e03_a_child_of_a_session_may_shut_down(
    device: Device, manager: DeviceSessionManager, record: Record, recorded: list[str]
) -> None:
    async def end_all() -> None:
        await manager.shutdown()
        recorded.append("all")
        await trio.sleep_forever()

    async with manager.open_session(device) as session:
        session.resources.register_resource(record("a"))
        session.start_soon(end_all)
        await session.wait_ended()
        with trio.fail_after(10):
            while manager.state is not DISPOSED:
                await trio.lowlevel.checkpoint()
    assert recorded == ["a", "all"]
    assert session.report is not None
    assert session.report.is_clean


async def test_e03_a_child_of_a_created_session_may_shut_down(
    device: Device, manager: DeviceSessionManager, record: Record, recorded: list[str]
) -> None:
    session = await manager.create_session(device)
    session.resources.register_resource(record("a"))
    session.start_soon(manager.shutdown)
    with trio.fail_after(10):
        await session.wait_ended()
    assert recorded == ["a"]
    assert session.report is not None
    assert session.report.is_clean


async def test_e03_a_child_within_a_child_may_shut_down(
    device: Device, manager: DeviceSessionManager, record: Record, recorded: list[str]
) -> None:
    inner: list[Session] = []

    async def work() -> None:
        async with manager.open_session(device) as session:
            inner.append(session)
            session.resources.register_resource(record("inner"))
            session.start_soon(manager.shutdown)
            await trio.sleep_forever()

    async with manager.open_session(device) as outer:
        outer.resources.register_resource(record("outer"))
        outer.start_soon(work)
        with trio.fail_after(10):
            await outer.wait_ended()
    assert recorded == ["inner", "outer"]
    for session in (*inner, outer):
        assert session.report is not None
        assert session.report.is_clean


async def test_e03_calls_of_the_callers_own_session_do_not_hold_up_the_others(
    device: Device, manager: DeviceSessionManager
) -> None:
    raised: list[SessionClosedError] = []

    async def call(session: Session) -> None:
        with pytest.raises(SessionClosedError) as caught:
            await session.execute("while True: pass")
        raised.append(caught.value)

    async with trio.open_nursery() as nursery, manager.open_session(device) as own:
        newer = await manager.create_session(device)
        await newer.execute("x = 1")
        nursery.start_soon(call, own)
        await trio.testing.wait_all_tasks_blocked()
        with trio.move_on_after(10) as scope:
            await manager.shutdown()
        assert not scope.cancel_called
        await trio.lowlevel.checkpoint()
    assert newer.report is not None
    assert newer.report.is_clean
    assert newer.report.names_dropped > 0
    assert own.report is not None
    assert own.report.is_clean
    assert raised[0].session_id == own.session_id


async def test_e03_a_cleanup_that_shuts_down_is_refused_and_nothing_is_lost(
    device: Device,
    manager: DeviceSessionManager,
    make_resource: MakeResource,
    record: Record,
    recorded: list[str],
) -> None:
    for end in (manager.shutdown, manager.dispose):
        recorded.clear()
        with pytest.raises(ResourceCleanupError) as caught:
            async with manager.open_session(device) as session:
                await session.execute("x = 1")
                session.resources.register_resource(record("a"))
                session.resources.register_resource(make_resource("end", end))
                session.resources.register_resource(record("b"))
        assert [type(error) for error in caught.value.exceptions] == [WouldDeadlock]
        assert recorded == ["b", "a"]
    assert manager.state is DeviceSessionState.ACTIVE
    async with manager.open_session(device) as session:
        assert await session.evaluate("6 * 7") == 42


async def test_e03_a_task_that_a_cleanup_has_started_may_shut_down_after_it(
    device: Device, manager: DeviceSessionManager, make_resource: MakeResource
) -> None:
    async def shut_down(session: Session) -> None:
        await session.wait_ended()
        await manager.shutdown()

    async with trio.open_nursery() as nursery, manager.open_session(device) as session:

        async def clean() -> None:
            nursery.start_soon(shut_down, session)
            await trio.lowlevel.checkpoint()

        session.resources.register_resource(make_resource("last", clean))
    assert manager.state is DISPOSED


async def test_e03_a_cancelled_shutdown_ends_everything_first(
    device: Device, manager: DeviceSessionManager, record: Record, recorded: list[str]
) -> None:
    session = await manager.create_session(device)
    await session.execute("x = 1")
    for name in "ab":
        session.resources.register_resource(record(name))
    with trio.CancelScope() as scope:
        scope.cancel()
        await manager.shutdown()
        await trio.lowlevel.checkpoint()
    assert scope.cancelled_caught
    assert recorded == ["b", "a"]
    assert (await device.census()).namespaces == ()
    assert manager.state is DISPOSED


async def test_e03_a_cancelled_shutdown_is_bounded_by_the_cleanup_timeouts(
    autojump_clock: trio.testing.MockClock, make_resource: MakeResource
) -> None:
    options = SessionManagementOptions(resource_cleanup_timeout=30)
    async with (
        open_fake_board() as board,
        open_device(board) as device,
        open_session_manager(options) as manager,
    ):
        for name in "ab":
            session = await manager.create_session(device)
            session.resources.register_resource(make_resource(name, trio.sleep_forever))
        start = trio.current_time()
        with trio.CancelScope() as scope:
            scope.cancel()
            with pytest.raises(ResourceCleanupError) as caught:
                await manager.shutdown()
        assert len(caught.value.exceptions) == 2
        assert 20 < trio.current_time() - start <= 61
        assert manager.state is DISPOSED


async def test_e03_a_shutdown_during_the_creation_of_sessions_leaves_none(
    device: Device, manager: DeviceSessionManager
) -> None:
    made: list[Session] = []

    async def create(number: int) -> None:
        with pytest.raises(SessionClosedError, match="shut down"):
            for _ in range(number):
                await trio.lowlevel.checkpoint()
            while True:
                session = await manager.create_session(device)
                made.append(session)
                with contextlib.suppress(SessionNotFoundError):  # the shutdown was quicker
                    await manager.end_session(session.session_id)

    async with trio.open_nursery() as nursery:
        for number in range(5):
            nursery.start_soon(create, number)
        with trio.fail_after(10):
            while len(made) < 20:
                await trio.lowlevel.checkpoint()
        await manager.shutdown()
        assert manager.get_session_stats().active_session_count == 0
    assert manager.get_session_stats().active_session_count == 0
    assert device.snapshot().session_count == 0
