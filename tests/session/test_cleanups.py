"""What cleanups do: they fail in any way, call the board, end sessions, take hardware."""

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
    WouldDeadlock,
    open_session_manager,
)

MakeResource = Callable[..., SessionResource]
Record = Callable[[str], SessionResource]
Spaces = Callable[[Device], Awaitable[list[int]]]
Act = Callable[[DeviceSessionManager, Session], Awaitable[object]]


class Mine(BaseException):
    """A user's own, and no ``Exception``."""


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit, Mine])
async def test_a04_a_cleanup_that_raises_no_exception_ends_nothing_but_comes_out(
    device: Device,
    manager: DeviceSessionManager,
    make_resource: MakeResource,
    spaces: Spaces,
    kind: type[BaseException],
) -> None:
    async def fail() -> None:
        await trio.lowlevel.checkpoint()
        raise kind("enough")

    with pytest.RaisesGroup(pytest.RaisesExc(kind, match="enough")) as caught:
        async with manager.open_session(device) as session:
            await session.execute("x = 1")
            for name in ("a", "b"):
                session.resources.register_resource(
                    make_resource(name, trio.lowlevel.checkpoint if name == "a" else fail)
                )
    assert session.report is not None
    assert session.report.resources_released == ("a",)
    (left,) = session.report.left
    assert left.what == "resource 'b'"
    assert kind.__name__ in left.reason
    assert any("resource 'b'" in note for note in caught.value.__notes__)
    assert await spaces(device) == []


async def test_d05_a_cleanup_by_hand_that_raises_no_exception_is_tried_again(
    device: Device, manager: DeviceSessionManager, make_resource: MakeResource
) -> None:
    tries: list[int] = []

    async def fail_once() -> None:
        await trio.lowlevel.checkpoint()
        tries.append(1)
        if len(tries) == 1:
            raise Mine

    async with manager.open_session(device) as session:
        session.resources.register_resource(make_resource("a", fail_once))
        with pytest.raises(Mine):
            await session.resources.cleanup_resources()
    assert session.report is not None
    assert session.report.resources_released == ("a",)


async def test_a04_a_cleanup_that_raises_a_group_is_told_whole(
    device: Device, manager: DeviceSessionManager, make_resource: MakeResource
) -> None:
    group = ExceptionGroup("both", [ValueError("bent"), OSError("stuck")])

    async def fail() -> None:
        await trio.lowlevel.checkpoint()
        raise group

    with pytest.raises(ResourceCleanupError) as caught:
        async with manager.open_session(device) as session:
            session.resources.register_resource(make_resource("a", fail))
    assert caught.value.exceptions == (group,)
    assert session.report is not None
    assert str(session.report.left[0]) == "resource 'a': bent; stuck"


async def join(manager: DeviceSessionManager, session: Session) -> None:
    assert manager.current_session_id == session.session_id

    async def operation(joined: Session) -> object:
        assert joined is session
        return await joined.evaluate("x")

    assert await manager.execute_in_session(session.device, operation) == 1


async def end_by_id(manager: DeviceSessionManager, session: Session) -> None:
    await manager.end_session(session.session_id)
    assert session.report is None


async def end_itself(manager: DeviceSessionManager, session: Session) -> None:
    del manager
    await session.aclose()
    assert await session.evaluate("x") == 1


async def ask_in_task(manager: DeviceSessionManager, session: Session) -> None:
    del manager
    with pytest.RaisesGroup(WouldDeadlock):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(session.resources.cleanup_resources)


async def ask_for_more(manager: DeviceSessionManager, session: Session) -> None:
    for act in (
        session.resources.cleanup_resources(),
        session.resources.release_resource("older"),
        manager.shutdown(),
        manager.dispose(),
    ):
        with pytest.raises(WouldDeadlock):
            await act


async def take_more(manager: DeviceSessionManager, session: Session) -> None:
    del manager
    for act in (session.lease("pin:7"), session.lease("pin:7", wait=True)):
        with pytest.raises(SessionClosedError) as caught:
            await act
        assert caught.value.session_id == session.session_id
    with pytest.raises(SessionClosedError):
        session.start_soon(trio.sleep_forever)


async def work_elsewhere(manager: DeviceSessionManager, session: Session) -> None:
    async with manager.open_session(session.device) as other:
        other.resources.register_resource(session.resources.get_active_resources()[0])
        await other.execute("x = 3")
        assert manager.current_session_id == other.session_id
    assert await session.evaluate("x") == 1


async def shield_itself(manager: DeviceSessionManager, session: Session) -> None:
    del manager
    with trio.CancelScope(shield=True):
        await session.execute("import time; time.sleep_ms(10)")


ACTS = [
    join,
    end_by_id,
    end_itself,
    ask_in_task,
    ask_for_more,
    take_more,
    work_elsewhere,
    shield_itself,
]


@pytest.mark.parametrize("act", ACTS, ids=lambda act: act.__name__)
async def test_a04_b09_a_cleanup_may_do_much(
    device: Device, manager: DeviceSessionManager, make_resource: MakeResource, act: Act
) -> None:
    done: list[str] = []
    with trio.fail_after(5):
        async with manager.open_session(device) as session:
            await session.execute("x = 1")

            async def clean() -> None:
                await act(manager, session)
                done.append("newer")

            session.resources.register_resource(make_resource("older", trio.lowlevel.checkpoint))
            session.resources.register_resource(make_resource("newer", clean))
    assert done == ["newer"]
    assert session.report is not None
    assert session.report.is_clean
    assert session.report.resources_released == ("newer", "older")


async def test_b09_a_cleanup_may_run_an_operation_on_another_device_within_its_share(
    device: Device, other_device: Device, make_resource: MakeResource, record: Record
) -> None:
    options = SessionManagementOptions(resource_cleanup_timeout=0.9)
    sessions: list[Session] = []

    async def run_long(other: Session) -> None:
        sessions.append(other)
        other.resources.register_resource(record("inner"))
        await other.execute("while True: pass")

    async with open_session_manager(options) as manager:
        started = trio.current_time()
        with pytest.raises(ResourceCleanupError, match="1 thing") as caught:
            async with manager.open_session(device) as session:

                async def clean() -> None:
                    await manager.execute_in_session(other_device, run_long)

                session.resources.register_resource(record("a"))
                session.resources.register_resource(make_resource("b", clean))
        assert trio.current_time() - started < 1.5
    assert isinstance(caught.value.exceptions[0], TimeoutError)
    assert session.report is not None
    assert session.report.resources_released == ("a",)
    assert sessions[0].report is not None
    assert await other_device.evaluate("1 + 1") == 2


async def test_a04_a_cleanup_that_shields_itself_leaves_the_others_their_try(
    device: Device, make_resource: MakeResource, recorded: list[str]
) -> None:
    async def hold_on() -> None:
        with trio.CancelScope(shield=True):
            await trio.sleep(0.3)

    async def begin() -> None:
        recorded.append("begun")
        await trio.lowlevel.checkpoint()

    options = SessionManagementOptions(resource_cleanup_timeout=0.2)
    async with open_session_manager(options) as manager:
        with pytest.raises(ResourceCleanupError, match=r"1 thing .*: resource 'a'"):
            async with manager.open_session(device) as session:
                session.resources.register_resource(make_resource("a", begin))
                session.resources.register_resource(make_resource("b", hold_on))
    assert session.report is not None
    assert session.report.resources_released == ("b",)
    assert recorded == ["begun"]


async def test_a04_calls_of_a_cleanup_go_before_all_that_wait(
    device: Device, manager: DeviceSessionManager, make_resource: MakeResource
) -> None:
    order: list[str] = []

    async def call(session: Session) -> None:
        await session.execute("import time; time.sleep_ms(20)")
        order.append("call")

    async with manager.open_session(device) as busy, manager.open_session(device) as session:
        await session.execute("x = 1")

        async def clean() -> None:
            await session.execute("x = 2")
            order.append("cleanup")

        session.resources.register_resource(make_resource("a", clean))
        async with trio.open_nursery() as nursery:
            for _ in range(3):
                nursery.start_soon(call, busy)
            await trio.testing.wait_all_tasks_blocked()
            await session.aclose()
    assert order == ["call", "cleanup", "call", "call"]


async def test_b09_an_operation_may_end_its_own_session_and_its_result_is_not_lost(
    device: Device, manager: DeviceSessionManager, record: Record, recorded: list[str]
) -> None:
    async def close(session: Session) -> str:
        session.resources.register_resource(record("a"))
        await session.aclose()
        return "result"

    async def end(session: Session) -> str:
        session.resources.register_resource(record("b"))
        await manager.end_session(session.session_id)
        return "result"

    async def end_in_task(session: Session) -> str:
        session.resources.register_resource(record("c"))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(manager.end_session, session.session_id)
        return "result"

    for operation in (close, end, end_in_task):
        assert await manager.execute_in_session(device, operation) == "result"
    assert recorded == ["a", "b", "c"]


async def test_a04_h01_a_body_that_has_ended_its_session_has_no_age_limit(device: Device) -> None:
    options = SessionManagementOptions(default_session_timeout=0.2)

    async def operation(session: Session) -> str:
        await session.aclose()
        await trio.sleep(0.4)
        return "result"

    async with open_session_manager(options) as manager:
        assert await manager.execute_in_session(device, operation) == "result"


async def test_a04_a_session_that_a_cleanup_has_created_ends_in_time_of_its_own(
    device: Device, make_resource: MakeResource, spaces: Spaces
) -> None:
    created: list[Session] = []
    with trio.CancelScope() as scope:
        async with open_session_manager() as manager:
            async with manager.open_session(device) as session:

                async def clean() -> None:
                    created.append(await manager.create_session(device))
                    await created[0].execute("x = 1")

                async def clean_created() -> None:
                    await created[0].execute("x = 2")

                session.resources.register_resource(make_resource("a", clean))
            created[0].resources.register_resource(make_resource("b", clean_created))
            scope.cancel()
            await trio.sleep_forever()
    assert created[0].report is not None
    assert created[0].report.left == ()
    assert await spaces(device) == []


async def test_a04_what_a_cleanup_raises_that_is_no_exception_comes_out_where_there_is_no_scope(
    device: Device, manager: DeviceSessionManager, make_resource: MakeResource
) -> None:
    async def fail() -> None:
        await trio.lowlevel.checkpoint()
        raise Mine

    session = await manager.create_session(device)
    session.resources.register_resource(make_resource("a", fail))
    with pytest.RaisesGroup(Mine, match="resource 'a'"):
        await session.aclose()
    await session.aclose()
