"""Ends that meet: each waits for the other, or takes over from it, and nothing is lost."""

# a scope is under test, so it is what stands in pytest.raises()
# What a failing scope has bound is looked at after it:
# pyright: reportPossiblyUnboundVariable=none

from collections.abc import Awaitable, Callable

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
    open_device,
    open_session_manager,
)

MakeResource = Callable[..., SessionResource]
Record = Callable[[str], SessionResource]
Spaces = Callable[[Device], Awaitable[list[int]]]
LONG = "while True: pass"


async def hang(recorded: list[str]) -> None:
    """Hangs the first time, and is well the second."""
    recorded.append("try")
    if recorded.count("try") == 1:
        await trio.sleep_forever()
    await trio.lowlevel.checkpoint()


def check_ended(session: Session, *released: str) -> None:
    assert session.report is not None
    assert session.report.left == ()
    assert session.report.resources_released == released


async def test_a04_two_tasks_that_end_one_session_both_wait_for_its_end(
    device: Device, manager: DeviceSessionManager, make_resource: MakeResource, spaces: Spaces
) -> None:
    cleanups: list[Session] = []
    session = await manager.create_session(device)
    await session.execute("x = 1")

    async def clean() -> None:
        await session.execute("x = 2")
        cleanups.append(session)

    async def end() -> None:
        await manager.end_session(session.session_id)
        assert session.report is not None

    session.resources.register_resource(make_resource("a", clean))
    async with trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(end)
            nursery.start_soon(session.aclose)
    assert cleanups == [session]
    check_ended(session, "a")
    assert await spaces(device) == []


@pytest.mark.parametrize("what", ["cleanup_resources", "release_resource"])
async def test_a04_d05_the_end_takes_over_from_a_cleanup_by_hand_that_hangs(
    device: Device,
    manager: DeviceSessionManager,
    make_resource: MakeResource,
    recorded: list[str],
    what: str,
) -> None:
    async def clean_by_hand(session: Session) -> None:
        with pytest.raises(SessionClosedError) as caught:
            if what == "cleanup_resources":
                await session.resources.cleanup_resources()
            else:
                await session.resources.release_resource("b")
        assert caught.value.session_id == session.session_id

    async with trio.open_nursery() as nursery, manager.open_session(device) as session:
        session.resources.register_resource(make_resource("a", trio.lowlevel.checkpoint))
        session.resources.register_resource(make_resource("b", lambda: hang(recorded)))
        nursery.start_soon(clean_by_hand, session)  # noqa: ASYNC111
        await trio.testing.wait_all_tasks_blocked()
        await session.aclose()
    assert recorded == ["try", "try"]
    check_ended(session, "b", "a")


async def test_a04_d05_a_cleanup_whose_call_waits_when_the_session_ends_is_tried_again(
    device: Device, manager: DeviceSessionManager, make_resource: MakeResource
) -> None:
    async def clean_by_hand(session: Session) -> None:
        with pytest.raises(SessionClosedError):
            await session.resources.cleanup_resources()

    async with (
        trio.open_nursery() as nursery,
        manager.open_session(device) as other,
        manager.open_session(device) as session,
    ):
        await session.execute("level = 1")

        async def clean() -> None:
            await session.execute("level = 0")

        session.resources.register_resource(make_resource("lamp", clean))
        other.start_soon(other.execute, "import time\ntime.sleep_ms(100)")
        await trio.testing.wait_all_tasks_blocked()
        nursery.start_soon(clean_by_hand, session)  # noqa: ASYNC111
        await trio.testing.wait_all_tasks_blocked()
        await session.aclose()
        check_ended(session, "lamp")


async def test_a04_d05_a_cleanup_that_waits_when_the_device_closes_is_tried_again(
    manager: DeviceSessionManager, make_resource: MakeResource
) -> None:
    async def clean_by_hand(session: Session) -> None:
        with pytest.RaisesExc(Exception, match="closed"):
            await session.resources.cleanup_resources()

    async with trio.open_nursery() as nursery, open_device("micropython:") as device:
        session = await manager.create_session(device)
        later = await manager.create_session(device)
        await session.execute("level = 1")

        async def clean() -> None:
            await session.execute("level = 0")

        session.resources.register_resource(make_resource("lamp", clean))
        nursery.start_soon(run_long, later)
        await trio.testing.wait_all_tasks_blocked()
        nursery.start_soon(clean_by_hand, session)
        await trio.testing.wait_all_tasks_blocked()
    check_ended(session, "lamp")


async def run_long(session: Session) -> None:
    with pytest.RaisesExc(Exception, match=r"closed|ended"):
        await session.execute(LONG)


async def test_a04_d05_g03_what_failed_before_the_end_took_over_is_told_by_the_end(
    device: Device, manager: DeviceSessionManager, make_resource: MakeResource
) -> None:
    tries: list[str] = []

    async def fail() -> None:
        await trio.lowlevel.checkpoint()
        raise OSError("stuck")

    async def clean_by_hand(session: Session) -> None:
        with pytest.raises(SessionClosedError):
            await session.resources.cleanup_resources()

    async with trio.open_nursery() as nursery:
        session = await manager.create_session(device)
        session.resources.register_resource(make_resource("lamp", lambda: hang(tries)))
        session.resources.register_resource(make_resource("door", fail))
        nursery.start_soon(clean_by_hand, session)
        await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(ResourceCleanupError, match="resource 'door'") as caught:
            await manager.end_session(session.session_id)
    assert [str(error) for error in caught.value.exceptions] == ["stuck"]
    assert session.report is not None
    assert [left.what for left in session.report.left] == ["resource 'door'"]


async def test_d05_g03_what_failed_before_a_cleanup_by_hand_was_cancelled_is_told_by_the_end(
    device: Device, manager: DeviceSessionManager, make_resource: MakeResource
) -> None:
    tries: list[str] = []

    async def fail() -> None:
        await trio.lowlevel.checkpoint()
        raise OSError("stuck")

    with pytest.raises(ResourceCleanupError, match="resource 'door'"):
        async with manager.open_session(device) as session:
            session.resources.register_resource(make_resource("lamp", lambda: hang(tries)))
            session.resources.register_resource(make_resource("door", fail))
            with trio.move_on_after(0.05):
                await session.resources.cleanup_resources()


async def test_a04_another_tasks_cleanup_that_holds_on_costs_the_end_its_share_only(
    device: Device, make_resource: MakeResource, record: Record, recorded: list[str]
) -> None:
    release = trio.Event()

    async def cling() -> None:
        with trio.CancelScope(shield=True):
            await release.wait()

    options = SessionManagementOptions(resource_cleanup_timeout=0.6)
    async with trio.open_nursery() as nursery, open_session_manager(options) as manager:
        started = trio.current_time()
        with pytest.raises(ResourceCleanupError, match=r"1 thing .*: resource 'clinging'"):
            async with manager.open_session(device) as session:
                await session.execute("x = 1")
                session.resources.register_resource(record("a"))
                session.resources.register_resource(make_resource("clinging", cling))
                nursery.start_soon(session.resources.release_resource, "clinging")  # noqa: ASYNC111
                await trio.testing.wait_all_tasks_blocked()
        assert trio.current_time() - started < 1
        release.set()
    assert recorded == ["a"]
    assert session.report is not None
    assert session.report.names_dropped == 1


@pytest.mark.parametrize("is_by_hand", [False, True])
async def test_a04_sessions_that_end_each_other_in_one_task_do_not_wait_for_each_other(
    device: Device, manager: DeviceSessionManager, make_resource: MakeResource, is_by_hand: bool
) -> None:
    one = await manager.create_session(device)
    two = await manager.create_session(device)
    one.resources.register_resource(make_resource("a", two.aclose))
    two.resources.register_resource(make_resource("b", one.aclose))
    with trio.fail_after(5):
        await (one.resources.cleanup_resources() if is_by_hand else one.aclose())
    assert not two.is_active
    await one.aclose()
    for session, name in ((one, "a"), (two, "b")):
        check_ended(session, *([] if is_by_hand and session is one else [name]))


@pytest.mark.parametrize("is_by_hand", [False, True])
async def test_a04_sessions_that_end_each_other_in_two_tasks_are_bounded_and_told(
    device: Device, make_resource: MakeResource, is_by_hand: bool
) -> None:
    told: list[Exception] = []

    async def end(session: Session) -> None:
        try:
            await (session.resources.cleanup_resources() if is_by_hand else session.aclose())
        except (ResourceCleanupError, SessionClosedError) as error:
            told.append(error)

    options = SessionManagementOptions(resource_cleanup_timeout=0.4)
    async with open_session_manager(options) as manager:
        one = await manager.create_session(device)
        two = await manager.create_session(device)
        one.resources.register_resource(make_resource("a", two.aclose))
        two.resources.register_resource(make_resource("b", one.aclose))
        started = trio.current_time()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(end, one)
            nursery.start_soon(end, two)
        assert trio.current_time() - started < 1
    assert told
    assert not one.is_active
    assert not two.is_active


@pytest.mark.parametrize("is_in_task", [False, True])
async def test_a04_d05_a_cleanup_by_hand_may_end_its_session(
    device: Device,
    manager: DeviceSessionManager,
    make_resource: MakeResource,
    record: Record,
    is_in_task: bool,
) -> None:
    session = await manager.create_session(device)
    await session.execute("x = 1")

    async def end() -> None:
        if not is_in_task:
            await manager.end_session(session.session_id)
            return
        async with trio.open_nursery() as nursery:
            nursery.start_soon(manager.end_session, session.session_id)

    session.resources.register_resource(record("a"))
    session.resources.register_resource(make_resource("b", end))
    session.resources.register_resource(record("c"))
    with trio.fail_after(5):
        await session.resources.cleanup_resources()
    check_ended(session, "c", "a")
    assert session.report is not None
    assert session.report.names_dropped == 1


async def test_a04_d05_a_cleanup_by_hand_may_wait_for_a_child_task_that_ends_the_session(
    device: Device, manager: DeviceSessionManager, make_resource: MakeResource
) -> None:
    tries: list[str] = []
    async with manager.open_session(device) as session:

        async def delegate() -> None:
            tries.append("try")
            if session.is_active:
                session.start_soon(session.aclose)
                await trio.sleep_forever()

        session.resources.register_resource(make_resource("a", delegate))
        with trio.fail_after(5), pytest.raises(SessionClosedError):
            await session.resources.cleanup_resources()
    assert tries == ["try", "try"]
    check_ended(session, "a")


async def test_d05_a_child_task_gives_back_everything_but_itself(
    device: Device, manager: DeviceSessionManager, record: Record, recorded: list[str]
) -> None:
    async def clean_up(session: Session) -> None:
        await session.resources.cleanup_resources()
        recorded.append("child")

    async with manager.open_session(device) as session:
        session.resources.register_resource(record("a"))
        session.start_soon(clean_up, session)
        session.resources.register_resource(record("b"))
        await trio.testing.wait_all_tasks_blocked()
        assert recorded == ["b", "a", "child"]
    check_ended(session, "b", "a")
