"""However a session's scope is left, what it holds is given back, newest first."""

# a scope is under test, so it is what stands in pytest.raises()
# What a failing scope has bound is looked at after it:
# pyright: reportPossiblyUnboundVariable=none

import os
import signal
from collections.abc import Awaitable, Callable

import pytest
import trio
import trio.testing

from belay_actors import (
    Device,
    DeviceClosedError,
    DeviceLostError,
    DeviceResetError,
    DeviceSessionManager,
    ResourceCleanupError,
    Session,
    SessionClosedError,
    SessionManagementOptions,
    SessionResource,
    SessionTimeoutError,
    open_device,
    open_session_manager,
)
from belay_actors.transport import LocalLink
from boards import SOFT_RESET

Record = Callable[[str], SessionResource]
Spaces = Callable[[Device], Awaitable[list[int]]]
LinkOf = Callable[[Device], LocalLink]

NEWEST_FIRST = ["c", "b", "a"]


@pytest.fixture
async def fill(record: Record) -> Callable[[Session], Awaitable[None]]:
    """Takes three resources and a name into a session."""

    async def fill(session: Session) -> None:
        await session.execute("x = 1")
        for name in "abc":
            session.resources.register_resource(record(name))

    return fill


Fill = Callable[[Session], Awaitable[None]]


def check_clean(session: Session, recorded: list[str]) -> None:
    assert recorded == NEWEST_FIRST
    assert not session.is_active
    assert session.report is not None
    assert session.report.is_clean
    assert session.report.resources_released == tuple(NEWEST_FIRST)


async def test_a04_b12_a_session_is_given_back_on_return(
    device: Device, manager: DeviceSessionManager, fill: Fill, recorded: list[str], spaces: Spaces
) -> None:
    async with manager.open_session(device) as session:
        await fill(session)
    check_clean(session, recorded)
    assert await spaces(device) == []


async def test_a04_b12_a_session_is_given_back_on_an_error(
    device: Device, manager: DeviceSessionManager, fill: Fill, recorded: list[str], spaces: Spaces
) -> None:
    error = ValueError("no")
    with pytest.raises(ValueError, match="no") as caught:
        async with manager.open_session(device) as session:
            await fill(session)
            raise error
    assert caught.value is error
    check_clean(session, recorded)
    assert await spaces(device) == []


async def test_a04_b12_a_session_is_given_back_on_cancellation(
    device: Device, manager: DeviceSessionManager, fill: Fill, recorded: list[str], spaces: Spaces
) -> None:
    with trio.move_on_after(0.05) as scope:
        async with manager.open_session(device) as session:
            await fill(session)
            await session.execute("while True: pass")
    assert scope.cancelled_caught
    check_clean(session, recorded)
    assert await spaces(device) == []
    assert device.generation == 1


async def test_a04_h01_a_session_that_gets_too_old_is_ended(
    device: Device, fill: Fill, recorded: list[str], spaces: Spaces
) -> None:
    options = SessionManagementOptions(default_session_timeout=0.1)
    async with open_session_manager(options) as manager:
        with pytest.raises(SessionTimeoutError, match=r"0\.1 s") as caught:
            async with manager.open_session(device) as session:
                await fill(session)
                await session.execute("while True: pass")
        assert caught.value.is_recoverable
        assert caught.value.session_id == session.session_id
        assert caught.value.device == device.name
    check_clean(session, recorded)
    assert await spaces(device) == []


async def test_a04_h01_a_created_session_that_gets_too_old_is_ended(device: Device) -> None:
    options = SessionManagementOptions(default_session_timeout=0.1)
    async with open_session_manager(options) as manager:
        session = await manager.create_session(device)
        await session.wait_ended()
        with pytest.raises(SessionTimeoutError):
            await session.execute("x = 1")
        assert manager.get_session_stats().active_session_count == 0


async def test_b08_a_session_ended_by_another_task_cancels_its_body(
    device: Device, manager: DeviceSessionManager, fill: Fill, recorded: list[str]
) -> None:
    is_running = trio.Event()
    sessions: list[Session] = []

    async def work() -> None:
        with pytest.raises(SessionClosedError, match="ended by its manager") as caught:
            async with manager.open_session(device) as session:
                sessions.append(session)
                await fill(session)
                is_running.set()
                await session.execute("while True: pass")
        assert caught.value.session_id == sessions[0].session_id

    async with trio.open_nursery() as nursery:
        nursery.start_soon(work)
        await is_running.wait()
        await manager.end_session(sessions[0].session_id)
        check_clean(sessions[0], recorded)


async def test_a04_b01_leaving_the_manager_ends_its_sessions(
    device: Device, fill: Fill, recorded: list[str], spaces: Spaces
) -> None:
    async with open_session_manager() as manager:
        session = await manager.create_session(device)
        await fill(session)
    check_clean(session, recorded)
    assert await spaces(device) == []


async def test_a04_b01_leaving_the_manager_cancels_bodies_that_run(
    device: Device, fill: Fill, recorded: list[str]
) -> None:
    is_running = trio.Event()
    sessions: list[Session] = []

    async with trio.open_nursery() as nursery, open_session_manager() as manager:

        async def work() -> None:
            with pytest.raises(SessionClosedError):
                async with manager.open_session(device) as session:
                    sessions.append(session)
                    await fill(session)
                    is_running.set()
                    await trio.sleep_forever()

        nursery.start_soon(work)
        await is_running.wait()
    check_clean(sessions[0], recorded)


async def test_closing_a_device_ends_its_sessions_while_it_still_works(
    manager: DeviceSessionManager, make_resource: Callable[..., SessionResource]
) -> None:
    is_running = trio.Event()
    said: list[str] = []
    sessions: list[Session] = []

    async with trio.open_nursery() as nursery, open_device("micropython:") as device:

        async def work() -> None:
            with pytest.raises(DeviceClosedError) as caught:
                async with manager.open_session(device) as session:
                    sessions.append(session)
                    await session.execute("x = 5")

                    async def clean() -> None:
                        said.append(await session.execute("print(x)"))

                    session.resources.register_resource(make_resource("speaker", clean))
                    is_running.set()
                    await session.execute("while True: pass")
            assert caught.value.device == device.name

        sessions.append(await manager.create_session(device))
        await sessions[0].execute("x = 6")
        nursery.start_soon(work)
        await is_running.wait()
    assert said == ["5\n"]
    for session in sessions:
        assert not session.is_active
        assert session.report is not None
        assert session.report.is_clean
        assert session.report.names_dropped == 1


async def run_forever(session: Session, refusal: type[Exception]) -> None:
    with pytest.raises(refusal):
        await session.execute("while True: pass")


async def test_closing_a_device_interrupts_an_older_session_that_is_in_a_call() -> None:
    options = SessionManagementOptions(resource_cleanup_timeout=6)
    started = trio.current_time()
    async with (
        open_session_manager(options) as manager,
        trio.open_nursery() as nursery,
        open_device("micropython:") as device,
    ):
        older = await manager.create_session(device)
        newer = await manager.create_session(device)
        await newer.execute("x = 1")
        nursery.start_soon(run_forever, older, DeviceClosedError)
        await trio.testing.wait_all_tasks_blocked()
    assert trio.current_time() - started < 5
    assert newer.report is not None
    assert newer.report.is_clean


async def test_b01_leaving_a_manager_interrupts_an_older_session_that_is_in_a_call(
    device: Device,
) -> None:
    options = SessionManagementOptions(resource_cleanup_timeout=6)
    started = trio.current_time()
    async with trio.open_nursery() as nursery, open_session_manager(options) as manager:
        older = await manager.create_session(device)
        newer = await manager.create_session(device)
        await newer.execute("x = 1")
        nursery.start_soon(run_forever, older, SessionClosedError)
        await trio.testing.wait_all_tasks_blocked()
    assert trio.current_time() - started < 5
    assert newer.report is not None
    assert newer.report.is_clean


async def test_a_lost_device_ends_the_session_and_its_resources_are_still_tried(
    device: Device, manager: DeviceSessionManager, fill: Fill, recorded: list[str], link_of: LinkOf
) -> None:
    with pytest.raises(DeviceLostError) as caught:
        async with manager.open_session(device) as session:
            await fill(session)
            os.kill(link_of(device).pid, signal.SIGKILL)
            await trio.sleep_forever()
    assert caught.value.device == device.name
    assert recorded == NEWEST_FIRST
    assert not session.is_active
    assert manager.get_session_stats().active_session_count == 0


async def test_a_reset_device_ends_the_session_and_nothing_is_left(
    device: Device, manager: DeviceSessionManager, fill: Fill, recorded: list[str], link_of: LinkOf
) -> None:
    with pytest.raises(DeviceResetError) as caught:
        async with manager.open_session(device) as session:
            await fill(session)
            link_of(device).send_nowait(SOFT_RESET)
            await trio.sleep_forever()
    check_clean(session, recorded)
    assert caught.value.session_id == session.session_id
    async with manager.open_session(device) as session:
        assert await session.evaluate("1 + 1") == 2


async def test_a04_h01_the_last_cleanups_share_one_deadline(
    device: Device, make_resource: Callable[..., SessionResource]
) -> None:
    options = SessionManagementOptions(resource_cleanup_timeout=0.4)
    started = trio.current_time()
    async with open_session_manager(options) as manager:
        session = await manager.create_session(device)
        for number in range(5):
            session.resources.register_resource(make_resource(f"{number}", trio.sleep_forever))
        with pytest.raises(ResourceCleanupError, match="5 things"):
            await manager.end_session(session.session_id)
    assert trio.current_time() - started < 1.0
