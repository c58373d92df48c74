"""Resources: taken into a session's care, counted, and given back by it in every case."""

# a scope is under test, so it is what stands in pytest.raises()
# What a failing scope has bound is looked at after it:
# pyright: reportPossiblyUnboundVariable=none

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import pytest
import trio
import trio.testing

from belay_actors import (
    Device,
    DeviceSessionManager,
    DuplicateResourceError,
    ResourceCleanupError,
    ResourceUsageStats,
    Session,
    SessionClosedError,
    SessionManagementOptions,
    SessionResource,
    open_session_manager,
)

MakeResource = Callable[..., SessionResource]
Record = Callable[[str], SessionResource]
Make = Callable[[], Awaitable[object]]


async def do_nothing() -> None:
    await trio.lowlevel.checkpoint()


def failing(text: str) -> Make:
    async def fail() -> None:
        await trio.lowlevel.checkpoint()
        raise ValueError(text)

    return fail


async def test_d03_a_session_tells_what_it_holds(
    device: Device, manager: DeviceSessionManager, make_resource: MakeResource
) -> None:
    async with manager.open_session(device) as session:
        assert device.memory is not None
        empty = ResourceUsageStats(memory_free=device.memory.free)
        assert session.resources.get_resource_stats() == empty
        pin = make_resource("pin", do_nothing, "Pin", 100)
        other_pin = make_resource("pin 2", do_nothing, "Pin", 50)
        timer = make_resource("timer", do_nothing, "Timer", 7)
        for resource in (pin, other_pin, timer):
            session.resources.register_resource(resource)
        assert session.resources.get_active_resources() == (pin, other_pin, timer)
        assert session.resources.get_resource_stats() == ResourceUsageStats(
            total_resources=3,
            total_resource_cost=157,
            resources_by_type={"Pin": 2, "Timer": 1},
            memory_free=device.memory.free,
        )
    assert session.resources.get_active_resources() == ()


async def test_d03_a_second_resource_of_one_id_is_refused(
    device: Device, manager: DeviceSessionManager, make_resource: MakeResource, record: Record
) -> None:
    async with manager.open_session(device) as session:
        session.resources.register_resource(record("pin"))
        with pytest.raises(DuplicateResourceError, match="'pin'") as caught:
            session.resources.register_resource(make_resource("pin", do_nothing))
        assert isinstance(caught.value, ValueError)
        assert caught.value.session_id == session.session_id
        assert session.resources.get_resource_stats().total_resources == 1


async def test_d08_what_is_no_resource_is_refused(
    device: Device, manager: DeviceSessionManager
) -> None:
    class Nearly:
        resource_id = "x"
        resource_type = "X"
        estimated_cost = 1

        async def cleanup(self) -> None: ...

    async with manager.open_session(device) as session:
        for wrong in (object(), "pin", None, Nearly()):
            with pytest.raises(TypeError, match="is no SessionResource"):
                session.resources.register_resource(wrong)  # type: ignore[arg-type]  # pyright: ignore
        assert session.resources.get_active_resources() == ()


async def test_an_ended_session_takes_nothing_in(
    device: Device, manager: DeviceSessionManager, record: Record, recorded: list[str]
) -> None:
    async with manager.open_session(device) as session:
        pass
    with pytest.raises(SessionClosedError):
        session.resources.register_resource(record("late"))
    assert recorded == []


async def test_d03_d08_any_object_of_the_right_shape_is_a_resource(
    device: Device, manager: DeviceSessionManager, recorded: list[str]
) -> None:
    class Lamp:
        resource_id = "lamp"
        resource_type = "Lamp"
        estimated_cost = 0
        created_at = datetime.now(UTC)

        async def cleanup(self) -> None:
            recorded.append("off")

    async with manager.open_session(device) as session:
        session.resources.register_resource(Lamp())
    assert recorded == ["off"]


async def test_a_cleanup_may_use_its_session(
    device: Device, manager: DeviceSessionManager, make_resource: MakeResource
) -> None:
    said: list[object] = []

    async with manager.open_session(device) as session:
        await session.execute("level = 1")

        async def switch_off() -> None:
            await session.execute("level = 0")
            said.append(await session.evaluate("level"))

        session.resources.register_resource(make_resource("lamp", switch_off))
    assert said == [0]
    with pytest.raises(SessionClosedError):
        await session.evaluate("level")


async def test_a_cleanup_may_use_its_session_from_tasks_that_it_starts(
    device: Device, manager: DeviceSessionManager, make_resource: MakeResource
) -> None:
    said: list[str] = []

    async with manager.open_session(device) as session:

        async def say(number: int) -> None:
            said.append(await session.execute(f"print({number}, end='')"))

        async def clean() -> None:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(say, 1)
                nursery.start_soon(say, 2)

        session.resources.register_resource(make_resource("speaker", clean))
    assert sorted(said) == ["1", "2"]


async def test_d05_g03_failures_come_in_one_error_in_the_order_of_cleanup_and_stop_nothing(
    device: Device,
    manager: DeviceSessionManager,
    make_resource: MakeResource,
    record: Record,
    recorded: list[str],
) -> None:
    with pytest.raises(ResourceCleanupError, match="2 things") as caught:
        async with manager.open_session(device) as session:
            session.resources.register_resource(record("a"))
            session.resources.register_resource(make_resource("b", failing("first")))
            session.resources.register_resource(record("c"))
            session.resources.register_resource(make_resource("d", failing("second")))
            session.resources.register_resource(record("e"))
    assert recorded == ["e", "c", "a"]
    assert [str(error) for error in caught.value.exceptions] == ["second", "first"]
    assert caught.value.exceptions[0].__notes__ == ["This was the cleanup of resource 'd'."]
    assert session.report is not None
    assert session.report.resources_released == ("e", "c", "a")
    assert len(session.report.left) == 2
    assert session.report.left[0].what == "resource 'd'"


async def test_d05_a_cleanup_that_hangs_is_given_up_and_the_others_are_still_cleaned(
    device: Device, make_resource: MakeResource, record: Record, recorded: list[str]
) -> None:
    options = SessionManagementOptions(resource_cleanup_timeout=0.5)
    started = trio.current_time()
    async with open_session_manager(options) as manager:
        with pytest.raises(ResourceCleanupError) as caught:
            async with manager.open_session(device) as session:
                await session.execute("x = 1")
                session.resources.register_resource(record("a"))
                session.resources.register_resource(make_resource("b", trio.sleep_forever))
                session.resources.register_resource(record("c"))
    assert recorded == ["c", "a"]
    (failure,) = caught.value.exceptions
    assert isinstance(failure, TimeoutError)
    assert "'b'" in str(failure)
    assert trio.current_time() - started < 1
    assert session.report is not None
    assert session.report.names_dropped == 1


async def test_a_cleanup_whose_code_never_ends_is_interrupted_on_the_board(
    device: Device, make_resource: MakeResource
) -> None:
    options = SessionManagementOptions(resource_cleanup_timeout=0.5)
    async with open_session_manager(options) as manager:
        with pytest.raises(ResourceCleanupError) as caught:
            async with manager.open_session(device) as session:

                async def clean() -> None:
                    await session.execute("while True: pass")

                session.resources.register_resource(make_resource("motor", clean))
    assert isinstance(caught.value.exceptions[0], TimeoutError)
    assert await device.evaluate("1 + 1") == 2
    assert device.generation == 1


async def test_a_cleanup_that_registers_something_is_refused_and_told(
    device: Device, manager: DeviceSessionManager, make_resource: MakeResource, record: Record
) -> None:
    with pytest.raises(ResourceCleanupError) as caught:
        async with manager.open_session(device) as session:

            async def clean() -> None:
                await trio.lowlevel.checkpoint()
                session.resources.register_resource(record("late"))

            session.resources.register_resource(make_resource("hydra", clean))
    assert isinstance(caught.value.exceptions[0], SessionClosedError)


async def test_a_cleanup_that_ends_its_session_does_not_wait_for_itself(
    device: Device, manager: DeviceSessionManager, make_resource: MakeResource
) -> None:
    with trio.fail_after(5):
        async with manager.open_session(device) as session:
            session.resources.register_resource(make_resource("self", session.aclose))
    assert session.report is not None
    assert session.report.is_clean


async def test_d05_resources_can_be_given_back_by_hand(
    device: Device, manager: DeviceSessionManager, record: Record, recorded: list[str]
) -> None:
    async with manager.open_session(device) as session:
        session.resources.register_resource(record("a"))
        session.resources.register_resource(record("b"))
        await session.resources.cleanup_resources()
        assert recorded == ["b", "a"]
        assert session.is_active
        assert session.resources.get_active_resources() == ()
        await session.resources.cleanup_resources()
        session.resources.register_resource(record("a"))
    assert recorded == ["b", "a", "a"]


async def test_d05_g03_failures_of_a_cleanup_by_hand_are_told_once(
    device: Device, manager: DeviceSessionManager, make_resource: MakeResource
) -> None:
    async with manager.open_session(device) as session:
        session.resources.register_resource(make_resource("door", failing("stuck")))
        with pytest.raises(ResourceCleanupError, match="1 thing"):
            await session.resources.cleanup_resources()
        assert session.resources.get_active_resources() == ()


async def test_d05_a_cleanup_by_hand_that_is_cancelled_goes_on_when_the_session_ends(
    device: Device,
    manager: DeviceSessionManager,
    make_resource: MakeResource,
    record: Record,
    recorded: list[str],
) -> None:
    async with manager.open_session(device) as session:
        tries: list[Session] = []

        async def hang_once() -> None:
            tries.append(session)
            if len(tries) == 1:
                await trio.sleep_forever()
            recorded.append("b")

        session.resources.register_resource(record("a"))
        session.resources.register_resource(make_resource("b", hang_once))
        session.resources.register_resource(record("c"))
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(session.resources.cleanup_resources)
                await trio.testing.wait_all_tasks_blocked()
                scope.cancel()
        assert scope.cancelled_caught
        assert recorded == ["c"]
        assert [r.resource_id for r in session.resources.get_active_resources()] == ["a", "b"]
    assert recorded == ["c", "b", "a"]


async def test_d05_resources_registered_during_a_cleanup_by_hand_are_given_back(
    device: Device, manager: DeviceSessionManager, make_resource: MakeResource, record: Record
) -> None:
    async with manager.open_session(device) as session:

        async def replace() -> None:
            await trio.lowlevel.checkpoint()
            session.resources.register_resource(record("new"))

        session.resources.register_resource(make_resource("old", replace))
        await session.resources.cleanup_resources()
    assert session.report is not None
    assert set(session.report.resources_released) == {"old", "new"}
