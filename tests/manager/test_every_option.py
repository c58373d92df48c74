"""Every option of a manager is enforced: each test fails if its option is ignored."""

# a scope is under test, so it is what stands in pytest.raises()
# What a failing scope has bound is looked at after it:
# pyright: reportPossiblyUnboundVariable=none

import logging
import math
from collections.abc import Callable

import pytest
import trio
import trio.testing

from belay_actors import (
    Device,
    DeviceSessionManager,
    ProtocolMetrics,
    ResourceCleanupError,
    Session,
    SessionLimitError,
    SessionManagementOptions,
    SessionResource,
    SessionTimeoutError,
    open_device,
    open_session_manager,
)
from belay_actors.observe import Event, SessionCreated, SessionEnded
from belay_actors.testing import open_fake_board

MakeResource = Callable[..., SessionResource]
Record = Callable[[str], SessionResource]


class Recorder:
    """Keeps the kinds of events."""

    def __init__(self) -> None:
        self.kinds: list[type[Event]] = []

    def observe(self, event: Event, /) -> None:
        self.kinds.append(type(event))


@pytest.mark.parametrize("limit", [60.0, 3600.0])
async def test_h01_default_session_timeout_ends_a_scoped_session_at_its_age(
    autojump_clock: trio.testing.MockClock, limit: float
) -> None:
    options = SessionManagementOptions(default_session_timeout=limit)
    async with (
        open_fake_board() as board,
        open_device(board) as device,
        open_session_manager(options) as manager,
    ):
        with pytest.raises(SessionTimeoutError, match=f"{limit:.0f}"):
            async with manager.open_session(device):
                start = trio.current_time()
                await trio.sleep_forever()
        assert limit <= trio.current_time() - start < limit + 1


@pytest.mark.parametrize("limit", [60.0, 3600.0])
async def test_h01_default_session_timeout_ends_created_and_shared_sessions_each_at_its_age(
    autojump_clock: trio.testing.MockClock, limit: float
) -> None:
    options = SessionManagementOptions(default_session_timeout=limit)
    async with (
        open_fake_board() as board,
        open_device(board) as device,
        open_session_manager(options) as manager,
    ):
        ages: list[float] = []

        async def wait(session: Session) -> None:
            start = trio.current_time()
            await session.wait_ended()
            ages.append(trio.current_time() - start)
            with pytest.raises(SessionTimeoutError):
                await session.execute("x = 1")

        async def stay() -> None:
            await trio.sleep_forever()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(wait, await manager.create_session(device))
            await trio.sleep(10)
            shared = await manager.get_or_create_session(device)
            nursery.start_soon(wait, shared)
            await trio.sleep(10)
            busy = await manager.create_session(device)
            busy.start_soon(stay)
            nursery.start_soon(wait, busy)
        assert all(limit <= age < limit + 1 for age in ages)
        assert len(ages) == 3
        assert await manager.get_or_create_session(device) is not shared


async def test_h01_without_an_age_limit_sessions_grow_old(
    autojump_clock: trio.testing.MockClock,
) -> None:
    options = SessionManagementOptions(default_session_timeout=math.inf)
    async with (
        open_fake_board() as board,
        open_device(board) as device,
        open_session_manager(options) as manager,
    ):
        created = await manager.create_session(device)
        async with manager.open_session(device) as scoped:
            await trio.sleep(1e6)
            assert await scoped.evaluate("6 * 7") == 42
        assert await created.evaluate("6 * 7") == 42


@pytest.mark.parametrize("limit", [1, 3])
async def test_h01_max_concurrent_sessions_counts_all_kinds_on_all_devices(
    device: Device, other_device: Device, limit: int
) -> None:
    options = SessionManagementOptions(max_concurrent_sessions=limit)
    async with open_session_manager(options) as manager:
        for number in range(limit):
            await manager.create_session((device, other_device)[number % 2])
        for opening in (
            manager.create_session(device),
            manager.get_or_create_session(other_device),
            manager.execute_in_session(device, lambda session: session.execute("x = 1")),
        ):
            with pytest.raises(SessionLimitError, match=f"{limit} sessions are open"):
                await opening
        with pytest.raises(SessionLimitError):
            async with manager.open_session(other_device):
                pass
        assert manager.get_session_stats().active_session_count == limit
        assert manager.get_session_stats().max_session_count == limit


@pytest.mark.parametrize("is_enabled", [True, False])
async def test_h01_enable_session_metrics_is_about_observers_and_measuring(
    device: Device, is_enabled: bool, caplog: pytest.LogCaptureFixture
) -> None:
    recorder = Recorder()
    options = SessionManagementOptions(enable_session_metrics=is_enabled)
    async with open_session_manager(options, observers=[recorder]) as manager:
        with caplog.at_level(logging.INFO, "belay_actors.session"):
            async with manager.open_session(device) as session:
                await session.execute("x = 1")
                session.device_context.register_protocol_metrics(ProtocolMetrics(exchanges=1))
    assert session.report is not None
    assert (recorder.kinds[:1] == [SessionCreated]) is is_enabled
    assert (recorder.kinds[-1:] == [SessionEnded]) is is_enabled
    assert bool(recorder.kinds) is is_enabled
    assert (session.report.memory_before is not None) is is_enabled
    assert (session.report.memory_after is not None) is is_enabled
    assert session.device_context.metrics.exchanges == is_enabled
    assert len(caplog.records) == 2, "the log is told in any case"


@pytest.mark.parametrize("is_enabled", [True, False])
async def test_h01_enable_resource_tracking_is_about_books_not_cleanup(
    device: Device, record: Record, recorded: list[str], is_enabled: bool
) -> None:
    options = SessionManagementOptions(enable_resource_tracking=is_enabled)
    async with open_session_manager(options) as manager, manager.open_session(device) as session:
        session.resources.register_resource(record("a"))
        await session.executor_context.deploy("f", "def f(): pass")
        stats = session.resources.get_resource_stats()
        assert (stats.total_resources, stats.deployed_methods) == (is_enabled, is_enabled)
        assert bool(session.resources.get_active_resources()) is is_enabled
    assert recorded == ["a"]
    assert session.report is not None
    assert session.report.resources_released == (("a",) if is_enabled else ())


@pytest.mark.parametrize("limit", [5.0, 300.0])
@pytest.mark.parametrize("kind", ["scoped", "created", "left"])
async def test_h01_resource_cleanup_timeout_bounds_the_end_of_a_session(
    autojump_clock: trio.testing.MockClock, make_resource: MakeResource, limit: float, kind: str
) -> None:
    options = SessionManagementOptions(resource_cleanup_timeout=limit)

    def fill(session: Session) -> None:
        for name in "abc":
            session.resources.register_resource(make_resource(name, trio.sleep_forever))

    async def end_scoped(manager: DeviceSessionManager) -> None:
        async with manager.open_session(device) as session:
            fill(session)

    async def end_created(manager: DeviceSessionManager) -> None:
        session = await manager.create_session(device)
        fill(session)
        await manager.end_session(session.session_id)

    async def leave(manager: DeviceSessionManager) -> None:
        fill(await manager.create_session(device))

    ways = {"scoped": end_scoped, "created": end_created, "left": leave}
    async with open_fake_board() as board, open_device(board) as device:
        await device.detect()
        start = trio.current_time()
        with pytest.raises(ResourceCleanupError):
            async with open_session_manager(options) as manager:
                await ways[kind](manager)
        assert limit / 2 < trio.current_time() - start <= limit + 0.1
