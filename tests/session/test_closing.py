"""What a session says of itself, and its two ways to be closed by its user: aclose, and a scope."""

# What a failing scope has bound is looked at after it:
# pyright: reportPossiblyUnboundVariable=none

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest
import trio
import trio.testing

from belay_actors import (
    Device,
    DeviceSessionManager,
    ResourceCleanupError,
    Session,
    SessionClosedError,
    SessionResource,
)

MakeResource = Callable[..., SessionResource]
Spaces = Callable[[Device], Awaitable[list[int]]]


async def fail() -> None:
    await trio.lowlevel.checkpoint()
    raise OSError("stuck")


@pytest.fixture
async def session(device: Device, manager: DeviceSessionManager) -> AsyncIterator[Session]:
    """One that was created without a scope."""
    session = await manager.create_session(device)
    yield session
    await session.aclose()


async def test_c01_a_session_tells_of_itself(device: Device, session: Session) -> None:
    assert session.device is device
    assert session.created_at.tzinfo is UTC
    assert datetime.now(UTC) - session.created_at < timedelta(seconds=5)
    assert session.is_active
    assert session.report is None
    assert session.calls == 0
    created_at = session.created_at
    await session.aclose()
    assert not session.is_active
    assert session.report is not None
    assert session.report.created_at == created_at
    assert session.report.session_id == session.session_id
    assert session.session_id in repr(session)


async def test_c01_ids_are_unique(device: Device, manager: DeviceSessionManager) -> None:
    sessions = [await manager.create_session(device) for _ in range(10)]
    assert len({session.session_id for session in sessions}) == 10


async def test_c01_aclose_ends_the_session(
    device: Device, manager: DeviceSessionManager, session: Session, spaces: Spaces
) -> None:
    await session.execute("x = 1")
    await session.aclose()
    assert not session.is_active
    assert await spaces(device) == []
    assert manager.get_session_stats().active_session_count == 0
    with pytest.raises(SessionClosedError):
        await session.execute("x = 1")
    with trio.testing.assert_checkpoints():
        await session.aclose()


async def test_c01_aclose_tells_once_what_was_left(
    session: Session, make_resource: MakeResource
) -> None:
    session.resources.register_resource(make_resource("a", fail))
    with pytest.raises(ResourceCleanupError, match="resource 'a'") as caught:
        await session.aclose()
    assert isinstance(caught.value.exceptions[0], OSError)
    await session.aclose()
    assert session.report is not None
    assert [left.what for left in session.report.left] == ["resource 'a'"]
    assert session.has_leftovers


async def test_c01_of_many_that_close_at_once_one_is_told(
    session: Session, make_resource: MakeResource
) -> None:
    told: list[ResourceCleanupError] = []
    cleanups: list[str] = []

    async def clean() -> None:
        cleanups.append("a")
        await trio.sleep(0.01)
        raise OSError("stuck")

    async def close() -> None:
        try:
            await session.aclose()
        except ResourceCleanupError as error:
            told.append(error)
        assert session.report is not None

    session.resources.register_resource(make_resource("a", clean))
    async with trio.open_nursery() as nursery:
        for _ in range(5):
            nursery.start_soon(close)
    assert len(told) == 1
    assert cleanups == ["a"]


async def test_c01_closing_is_not_cancelled(
    device: Device, session: Session, make_resource: MakeResource, recorded: list[str]
) -> None:
    async def clean() -> None:
        await trio.sleep(0.05)
        recorded.append("a")

    session.resources.register_resource(make_resource("a", clean))
    with trio.move_on_after(0.01):
        await session.aclose()
        assert session.report is not None
        await trio.sleep_forever()
    assert recorded == ["a"]


async def test_c01_a_body_may_close_its_own_session(
    device: Device, manager: DeviceSessionManager, make_resource: MakeResource
) -> None:
    async with manager.open_session(device) as session:
        session.resources.register_resource(make_resource("a", fail))
        with pytest.raises(ResourceCleanupError, match="resource 'a'"):
            await session.aclose()
        with pytest.raises(SessionClosedError):
            await session.execute("x = 1")
        await trio.lowlevel.checkpoint()
    assert manager.current_session_id is None


async def test_c01_a_cleanup_that_closes_its_session_does_not_wait_for_itself(
    session: Session, make_resource: MakeResource
) -> None:
    session.resources.register_resource(make_resource("a", session.aclose))
    with trio.fail_after(5):
        await session.aclose()
    assert session.report is not None
    assert session.report.is_clean


# As a scope.


async def test_c01_a_created_session_is_a_scope(
    device: Device, manager: DeviceSessionManager, record: Callable[[str], SessionResource]
) -> None:
    async with await manager.create_session(device) as session:
        assert manager.current_session_id == session.session_id
        session.resources.register_resource(record("a"))
        assert await manager.execute_in_session(device, itself) is session
    assert manager.current_session_id is None
    assert session.report is not None
    assert session.report.resources_released == ("a",)
    assert manager.get_session_stats().active_session_count == 0


async def itself(session: Session) -> Session:
    await trio.lowlevel.checkpoint()
    return session


async def test_c01_scopes_of_sessions_nest(
    device: Device, other_device: Device, manager: DeviceSessionManager
) -> None:
    async with await manager.create_session(device) as outer:
        async with await manager.create_session(other_device) as inner:
            assert manager.current_session_id == inner.session_id
            assert await manager.execute_in_session(device, itself) is outer
        assert manager.current_session_id == outer.session_id
        async with outer:
            assert manager.current_session_id == outer.session_id
        assert not outer.is_active
        assert manager.current_session_id is None


async def test_c01_tasks_may_have_scopes_of_one_session(
    device: Device, manager: DeviceSessionManager
) -> None:
    """The first to leave ends it; each finds its own way out."""
    session = await manager.create_session(device)
    first_may_leave, second_may_leave = trio.Event(), trio.Event()

    async def use(may_leave: trio.Event) -> None:
        async with session:
            assert manager.current_session_id == session.session_id
            await may_leave.wait()
        assert manager.current_session_id is None
        assert not session.is_active

    async with trio.open_nursery() as nursery:
        nursery.start_soon(use, first_may_leave)
        await trio.testing.wait_all_tasks_blocked()
        nursery.start_soon(use, second_may_leave)
        await trio.testing.wait_all_tasks_blocked()
        first_may_leave.set()
        await session.wait_ended()
        second_may_leave.set()


async def test_c01_an_error_of_the_body_is_kept_and_told_what_was_left(
    device: Device, manager: DeviceSessionManager, make_resource: MakeResource
) -> None:
    error = ValueError("mine")
    with pytest.raises(ValueError, match="mine") as caught:
        async with await manager.create_session(device) as session:
            session.resources.register_resource(make_resource("a", fail))
            raise error
    assert caught.value is error
    notes = "\n".join(error.__notes__)
    assert "could not be given back: resource 'a'" in notes
    assert "stuck" in notes
    await session.aclose()


async def test_c01_a_body_that_succeeds_is_told_what_was_left(
    device: Device, manager: DeviceSessionManager, make_resource: MakeResource
) -> None:
    with pytest.raises(ResourceCleanupError, match="resource 'a'"):
        async with await manager.create_session(device) as session:
            session.resources.register_resource(make_resource("a", fail))
    assert not session.is_active


async def test_c01_a_cancelled_scope_logs_what_was_left(
    device: Device,
    manager: DeviceSessionManager,
    make_resource: MakeResource,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with trio.move_on_after(0.05) as scope:
        async with await manager.create_session(device) as session:
            session.resources.register_resource(make_resource("a", fail))
            await session.execute("while True: pass")
    assert scope.cancelled_caught
    assert not session.is_active
    told = [
        r for r in caplog.records if r.levelno == logging.WARNING and r.name.endswith("session")
    ]
    assert any("was cancelled" in r.getMessage() and "'a'" in r.getMessage() for r in told)


async def test_c01_a_scope_whose_session_was_ended_by_others(
    device: Device, manager: DeviceSessionManager, make_resource: MakeResource
) -> None:
    async with trio.open_nursery() as nursery:
        with pytest.raises(SessionClosedError) as caught:
            async with await manager.create_session(device) as session:
                nursery.start_soon(manager.end_session, str(manager.current_session_id))
                await session.wait_ended()
                assert manager.current_session_id is None
                await session.execute("x = 1")
    assert caught.value.session_id == session.session_id


async def test_c01_an_ended_session_is_not_entered(
    manager: DeviceSessionManager, session: Session
) -> None:
    await session.aclose()
    with pytest.raises(SessionClosedError):
        async with session:
            raise AssertionError("entered")
    assert manager.current_session_id is None


async def test_c01_a_scope_that_is_left_in_another_task_ends_its_session(
    device: Device, manager: DeviceSessionManager
) -> None:
    """As with fixtures, or an exit stack that is handed on."""
    session = await manager.create_session(device)
    await session.__aenter__()

    async def leave() -> None:
        await session.__aexit__(None, None, None)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(leave)
    assert not session.is_active
    assert manager.current_session_id is None
