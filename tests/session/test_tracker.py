"""What a session says that it holds: resources as records and numbers, with books kept or not."""

# What a failing scope has bound is looked at after it:
# pyright: reportPossiblyUnboundVariable=none

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime

import attrs
import pytest
import trio
import trio.testing

from belay_actors import (
    BackgroundThreadInfo,
    DeployedMethodInfo,
    Device,
    DeviceSessionManager,
    DuplicateResourceError,
    ResourceCleanupError,
    ResourceNotFoundError,
    ResourceTracker,
    ResourceUsageStats,
    Session,
    SessionManagementOptions,
    SessionResource,
    open_session_manager,
)

MakeResource = Callable[..., SessionResource]


async def do_nothing() -> None:
    await trio.lowlevel.checkpoint()


@attrs.define
class Thing:
    """A resource of which everything can be wrong."""

    resource_id: object = "thing"
    resource_type: object = "Thing"
    estimated_cost: object = 10
    created_at: object = attrs.field(factory=lambda: datetime.now(UTC))
    cleanup: object = do_nothing


@pytest.fixture
async def session(device: Device, manager: DeviceSessionManager) -> AsyncIterator[Session]:
    async with manager.open_session(device) as session:
        yield session


async def test_d04_a_new_session_holds_nothing(session: Session) -> None:
    assert isinstance(session.resources, ResourceTracker)
    stats = session.resources.get_resource_stats()
    assert isinstance(stats, ResourceUsageStats)
    assert attrs.evolve(stats, memory_free=None) == ResourceUsageStats(
        total_resources=0,
        total_resource_cost=0,
        resources_by_type={},
        background_threads=0,
        deployed_methods=0,
    )


async def test_d04_statistics_count_what_is_held_now(
    session: Session, make_resource: MakeResource
) -> None:
    resources = session.resources
    for number, (kind, cost) in enumerate([("Pin", 10), ("Timer", 50), ("Pin", 0)]):
        resources.register_resource(
            make_resource(f"{number}", do_nothing, resource_type=kind, estimated_cost=cost)
        )
    await session.executor_context.deploy("f", "def f(): pass")
    await session.executor_context.deploy("g", "def g(): pass")
    info = await session.executor_context.start_thread("w", "while not should_stop(): pass")
    session.start_soon(trio.sleep_forever)
    stats = resources.get_resource_stats()
    assert (stats.total_resources, stats.total_resource_cost) == (3, 60)
    assert stats.resources_by_type == {"Pin": 2, "Timer": 1}
    assert (stats.background_threads, stats.deployed_methods) == (1, 2)
    assert len(resources.get_active_resources()) == 3
    await resources.release_resource("0")
    await resources.unregister_background_thread(info.thread_id)
    stats = resources.get_resource_stats()
    assert (stats.total_resources, stats.total_resource_cost) == (2, 50)
    assert stats.resources_by_type == {"Pin": 1, "Timer": 1}
    assert (stats.background_threads, stats.deployed_methods) == (0, 2)
    await resources.cleanup_resources()
    stats = resources.get_resource_stats()
    assert (stats.total_resources, stats.resources_by_type, stats.deployed_methods) == (0, {}, 2)


async def test_d04_costs_are_compared_with_the_boards_memory(
    device: Device, session: Session, make_resource: MakeResource
) -> None:
    assert device.memory is not None
    free = device.memory.free
    assert session.resources.get_resource_stats().memory_free == free
    assert session.resources.get_resource_stats().fits_memory is True
    session.resources.register_resource(make_resource("a", do_nothing, estimated_cost=free))
    assert session.resources.get_resource_stats().fits_memory is True
    session.resources.register_resource(make_resource("b", do_nothing, estimated_cost=1))
    assert session.resources.get_resource_stats().fits_memory is False
    assert ResourceUsageStats(total_resource_cost=1).fits_memory is None


async def test_d06_a_record_of_a_thread(session: Session) -> None:
    before = datetime.now(UTC)
    info = await session.executor_context.start_thread("blink", "pass")
    assert isinstance(info, BackgroundThreadInfo)
    assert (info.method_name, info.session_id) == ("blink", session.session_id)
    assert before <= info.registered_at <= datetime.now(UTC)
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        info.thread_id = "x"  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]


async def test_d07_a_record_of_a_method(session: Session) -> None:
    before = datetime.now(UTC)
    code_hash = await session.executor_context.deploy("f()", "def f(): pass")
    (info,) = session.resources.get_deployed_methods()
    assert isinstance(info, DeployedMethodInfo)
    assert (info.signature, info.code_hash) == ("f()", code_hash)
    assert info.session_id == session.session_id
    assert before <= info.deployed_at <= datetime.now(UTC)
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        info.signature = "x"  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]


async def test_d08_anything_with_the_right_attributes_is_a_resource(session: Session) -> None:
    thing = Thing()
    assert isinstance(thing, SessionResource)
    session.resources.register_resource(thing)  # pyright: ignore[reportArgumentType]
    assert session.resources.get_active_resources() == (thing,)


@pytest.mark.parametrize(
    ("wrong", "error", "match"),
    [
        ({"resource_id": 5}, TypeError, "resource_id is a str, not int"),
        ({"resource_id": ""}, ValueError, "resource_id must not be empty"),
        ({"resource_type": None}, TypeError, "resource_type is a str"),
        ({"resource_type": ""}, ValueError, "resource_type must not be empty"),
        ({"estimated_cost": -1}, ValueError, "0 bytes or more, not -1"),
        ({"estimated_cost": 1.5}, TypeError, r"number of bytes, not 1\.5"),
        ({"estimated_cost": None}, TypeError, "number of bytes, not None"),
        ({"estimated_cost": True}, TypeError, "number of bytes, not True"),
        ({"cleanup": None}, TypeError, "no SessionResource"),
        ({"cleanup": 5}, TypeError, "no SessionResource"),
    ],
)
async def test_d08_wrong_resources_are_refused(
    session: Session, wrong: dict[str, object], error: type[Exception], match: str
) -> None:
    with pytest.raises(error, match=match):
        session.resources.register_resource(Thing(**wrong))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    assert session.resources.get_active_resources() == ()


@pytest.mark.parametrize("what", [None, "led", object(), Thing])
async def test_d08_what_is_no_resource_is_refused(session: Session, what: SessionResource) -> None:
    with pytest.raises(TypeError):
        session.resources.register_resource(what)
    assert session.resources.get_active_resources() == ()


async def test_d08_a_resource_that_changes_its_id_is_given_back_all_the_same(
    device: Device, manager: DeviceSessionManager, make_resource: MakeResource, recorded: list[str]
) -> None:
    async def clean() -> None:
        await trio.lowlevel.checkpoint()
        recorded.append("cleaned")

    class Fickle:
        resource_type, estimated_cost, created_at = "Thing", 1, datetime.now(UTC)
        has_id = True

        @property
        def resource_id(self) -> str:
            if not self.has_id:
                raise OSError("no id any more")
            return "fickle"

        async def cleanup(self) -> None:
            await clean()
            raise OSError("stuck")

    fickle = Fickle()
    with pytest.raises(ResourceCleanupError, match="resource 'fickle'"):
        async with manager.open_session(device) as session:
            session.resources.register_resource(make_resource("a", clean))
            session.resources.register_resource(fickle)
            fickle.has_id = False
    assert recorded == ["cleaned", "cleaned"]


# Without books.


@pytest.fixture
async def untracked(device: Device) -> AsyncIterator[DeviceSessionManager]:
    options = SessionManagementOptions(enable_resource_tracking=False)
    async with open_session_manager(options) as manager:
        yield manager


async def test_d10_without_tracking_everything_is_still_given_back(
    device: Device,
    untracked: DeviceSessionManager,
    record: Callable[[str], SessionResource],
    recorded: list[str],
) -> None:
    async def child() -> None:
        try:
            await trio.sleep_forever()
        finally:
            recorded.append("task")

    async with untracked.open_session(device) as session:
        await session.execute("x = 1")
        session.resources.register_resource(record("a"))
        info = await session.executor_context.start_thread("w", "while not should_stop(): pass")
        session.start_soon(child)
        session.resources.register_resource(record("b"))
        await trio.testing.wait_all_tasks_blocked()
        assert info.method_name == "w"
        assert session.resources.get_active_resources() == ()
        assert session.resources.get_active_threads() == ()
        assert session.resources.get_resource_stats() == ResourceUsageStats()
        states = await session.executor_context.get_thread_states()
        assert states[info.thread_id].is_running
    assert recorded == ["b", "task", "a"]
    assert session.report is not None
    assert session.report.is_clean
    assert session.report.resources_released == ()
    assert (await device.census()).namespaces == ()


async def test_d10_without_tracking_one_thing_can_be_given_back(
    device: Device,
    untracked: DeviceSessionManager,
    record: Callable[[str], SessionResource],
    recorded: list[str],
) -> None:
    async with untracked.open_session(device) as session:
        resources = session.resources
        resources.register_resource(record("a"))
        resources.register_resource(record("b"))
        with pytest.raises(DuplicateResourceError):
            resources.register_resource(record("a"))
        await resources.release_resource("a")
        assert recorded == ["a"]
        with pytest.raises(ResourceNotFoundError):
            await resources.release_resource("a")
        info = await session.executor_context.start_thread("w", "while not should_stop(): pass")
        await resources.unregister_background_thread(info.thread_id)
        assert not (await session.executor_context.get_thread_states())[info.thread_id].is_running
        with pytest.raises(ResourceNotFoundError):
            await resources.unregister_background_thread(info.thread_id)


async def test_d10_without_tracking_failures_are_still_told(
    device: Device, untracked: DeviceSessionManager, make_resource: MakeResource
) -> None:
    async def fail() -> None:
        await trio.lowlevel.checkpoint()
        raise OSError("stuck")

    with pytest.raises(ResourceCleanupError, match="resource 'a'"):
        async with untracked.open_session(device) as session:
            session.resources.register_resource(make_resource("a", fail))
    assert session.report is not None
    assert [left.what for left in session.report.left] == ["resource 'a'"]
