"""What a manager tells of itself is right after whatever goes wrong, and costs no board anything."""

# a scope is under test, so it is what stands in pytest.raises()

import contextlib
import os
import signal
from collections.abc import Awaitable, Callable

import pytest
import trio
import trio.testing

from belay_actors import (
    Device,
    DeviceCapabilityError,
    DeviceLostError,
    DeviceResetError,
    DeviceSessionManager,
    DeviceSessionState,
    DeviceState,
    HealthStatus,
    ResourceCleanupError,
    SessionFailedError,
    SessionLimitError,
    SessionManagementOptions,
    SessionResource,
    SessionTimeoutError,
    open_device,
    open_session_manager,
)
from belay_actors.transport import LocalLink
from boards import open_unix_board

Act = Callable[[], None]
MakeResource = Callable[..., SessionResource]
Reset = Callable[[Device], Awaitable[None]]
LinkOf = Callable[[Device], LocalLink]
HEALTHY, DEGRADED, UNHEALTHY = HealthStatus


def counts(manager: DeviceSessionManager) -> tuple[int, int, int]:
    stats = manager.get_session_stats()
    return stats.active_session_count, stats.total_session_count, stats.peak_session_count


async def test_j01_creations_that_fail_or_are_cancelled_are_not_counted(
    odd_device: Device, hang_detection: Act, fail_detection: Act, mend_detection: Act
) -> None:
    options = SessionManagementOptions(max_concurrent_sessions=2)
    async with open_session_manager(options) as manager:
        fail_detection()
        with pytest.raises(DeviceCapabilityError):
            await manager.create_session(odd_device)
        hang_detection()
        for _ in range(3):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(manager.create_session, odd_device)
                nursery.start_soon(manager.get_or_create_session, odd_device)
                await trio.testing.wait_all_tasks_blocked()
                with pytest.raises(SessionLimitError):
                    await manager.create_session(odd_device)
                nursery.cancel_scope.cancel()
        assert counts(manager) == (0, 0, 0)
        mend_detection()
        await manager.create_session(odd_device)
        await manager.create_session(odd_device)
        with pytest.raises(SessionLimitError):
            await manager.create_session(odd_device)
        assert counts(manager) == (2, 2, 2)


async def test_j01_sessions_that_fail_are_open_no_more(
    device: Device, manager: DeviceSessionManager, stuck: SessionResource
) -> None:
    async def fail() -> None:
        await trio.lowlevel.checkpoint()
        raise LookupError

    with pytest.raises(SessionFailedError):
        async with manager.open_session(device) as session:
            session.start_soon(fail)
            await trio.sleep_forever()
    with pytest.raises(LookupError):
        async with manager.open_session(device):
            raise LookupError
    with pytest.raises(ResourceCleanupError):
        async with manager.open_session(device) as session:
            session.resources.register_resource(stuck)
    created = await manager.create_session(device)
    assert counts(manager) == (1, 4, 1)
    created.start_soon(fail)
    await created.wait_ended()
    with trio.CancelScope() as scope:
        async with manager.open_session(device):
            scope.cancel()
            await trio.sleep_forever()
    assert counts(manager) == (0, 5, 1)
    assert device.snapshot().session_count == 0


async def test_c01_j01_a_created_session_that_is_entered_in_a_cancelled_scope_is_ended(
    device: Device, manager: DeviceSessionManager
) -> None:
    session = await manager.create_session(device)
    with trio.CancelScope() as scope:
        scope.cancel()
        async with session:
            await trio.lowlevel.checkpoint()
    assert scope.cancelled_caught
    assert not session.is_active
    assert counts(manager) == (0, 1, 1)


async def test_j01_sessions_too_old_are_open_no_more(device: Device) -> None:
    options = SessionManagementOptions(default_session_timeout=0.2)
    async with open_session_manager(options) as manager:
        created = await manager.create_session(device)
        with pytest.raises(SessionTimeoutError):
            async with manager.open_session(device):
                await trio.sleep_forever()
        await created.wait_ended()
        assert counts(manager) == (0, 2, 2)


@pytest.mark.parametrize("is_lost", [False, True])
async def test_j01_sessions_of_a_board_that_was_reset_or_lost_are_open_no_more(
    device: Device, manager: DeviceSessionManager, reset: Reset, link_of: LinkOf, is_lost: bool
) -> None:
    created = [await manager.create_session(device) for _ in range(3)]
    for session in created:
        await session.execute("x = 1")
    with pytest.raises(DeviceLostError if is_lost else DeviceResetError):
        async with manager.open_session(device) as session:
            assert counts(manager) == (4, 4, 4)
            if is_lost:
                os.kill(link_of(device).pid, signal.SIGKILL)
                await trio.sleep_forever()
            else:
                await reset(device)
                await trio.sleep_forever()
    for session in created:
        await session.wait_ended()
    assert counts(manager) == (0, 4, 4)
    if is_lost:
        with pytest.raises(DeviceLostError):
            await manager.create_session(device)
        assert counts(manager) == (0, 4, 4)


async def test_health_is_good_at_first_and_with_sessions(
    device: Device, manager: DeviceSessionManager
) -> None:
    health = manager.check_health()
    assert (health.status, health.reasons, health.devices) == (HEALTHY, (), ())
    assert health.state is DeviceSessionState.INACTIVE
    await manager.create_session(device)
    health = manager.check_health()
    assert (health.status, health.reasons) == (HEALTHY, ())
    assert health.state is DeviceSessionState.ACTIVE
    assert health.sessions == manager.get_session_stats()
    (on_device,) = health.devices
    assert (on_device.device, on_device.state) == (device.name, DeviceState.OPEN)
    assert (on_device.is_busy, on_device.waiting, on_device.busy_seconds) == (False, 0, 0)


async def test_health_is_degraded_at_the_limit_and_good_below_it(device: Device) -> None:
    async with open_session_manager(SessionManagementOptions(max_concurrent_sessions=1)) as manager:
        async with manager.open_session(device):
            health = manager.check_health()
            assert health.status is DEGRADED
            assert "limit of 1 sessions" in health.reasons[0]
        assert manager.check_health().status is HEALTHY


async def test_health_is_degraded_while_a_session_ends_on_a_lost_device(
    device: Device,
    other_device: Device,
    manager: DeviceSessionManager,
    make_resource: MakeResource,
    link_of: LinkOf,
) -> None:
    is_cleaning, may_end = trio.Event(), trio.Event()

    async def clean() -> None:
        is_cleaning.set()
        await may_end.wait()

    session = await manager.create_session(device)
    session.resources.register_resource(make_resource("slow", clean))
    await manager.create_session(other_device)
    os.kill(link_of(device).pid, signal.SIGKILL)
    await is_cleaning.wait()
    health = manager.check_health()
    assert health.status is DEGRADED
    assert health.reasons == (f"device {device.name} is lost",)
    assert {each.device: each.state for each in health.devices} == {
        device.name: DeviceState.LOST,
        other_device.name: DeviceState.OPEN,
    }
    may_end.set()
    await session.wait_ended()
    health = manager.check_health()
    assert (health.status, health.reasons) == (HEALTHY, ())
    assert [each.device for each in health.devices] == [other_device.name]


async def test_health_is_degraded_while_a_device_is_being_closed(
    manager: DeviceSessionManager, make_resource: MakeResource
) -> None:
    seen: list[HealthStatus] = []

    async def look() -> None:
        await trio.lowlevel.checkpoint()
        seen.append(manager.check_health().status)

    async with open_device("micropython:") as passing:
        session = await manager.create_session(passing)
        session.resources.register_resource(make_resource("eye", look))
    assert seen == [DEGRADED]
    assert manager.check_health().status is HEALTHY


@pytest.mark.parametrize("end", ["shutdown", "dispose"])
async def test_health_is_bad_when_no_sessions_can_be_opened(
    device: Device, manager: DeviceSessionManager, make_resource: MakeResource, end: str
) -> None:
    seen: list[HealthStatus] = []

    async def look() -> None:
        await trio.lowlevel.checkpoint()
        seen.append(manager.check_health().status)

    session = await manager.create_session(device)
    session.resources.register_resource(make_resource("eye", look))
    with contextlib.suppress(ResourceCleanupError):
        await getattr(manager, end)()
    health = manager.check_health()
    assert health.status is UNHEALTHY
    assert health.reasons == ("the manager is disposed: no sessions can be opened",)
    assert health.sessions.active_session_count == 0
    assert seen == ([UNHEALTHY] if end == "shutdown" else [])


async def test_health_is_told_during_a_long_call_without_a_word_to_the_board() -> None:
    async with open_unix_board() as board, open_device(board) as device:
        async with open_session_manager() as manager, trio.open_nursery() as nursery:
            session = await manager.create_session(device)
            nursery.start_soon(session.execute, "print('now')\nwhile True: pass")
            await board.has_said("now")
            nursery.start_soon(session.evaluate, "1")
            nursery.start_soon(session.evaluate, "2")
            await trio.testing.wait_all_tasks_blocked()
            before = device.snapshot().calls
            start = trio.current_time()
            (health,) = manager.check_health().devices
            assert (health.is_busy, health.waiting) == (True, 2)
            await trio.sleep(0.05)
            (later,) = manager.check_health().devices
            elapsed = trio.current_time() - start
            assert 0.05 <= later.busy_seconds - health.busy_seconds <= elapsed + 0.01
            assert manager.check_health().status is HEALTHY
            after = device.snapshot().calls
            assert (after.served, after.waiting) == (before.served, 2)
            nursery.cancel_scope.cancel()
        assert manager.check_health().status is UNHEALTHY


async def test_health_sends_nothing(
    device: Device, manager: DeviceSessionManager, monkeypatch: pytest.MonkeyPatch, link_of: LinkOf
) -> None:
    await manager.create_session(device)

    def refuse(*args: object) -> None:
        raise AssertionError("something was sent")

    with monkeypatch.context() as patch:
        patch.setattr(LocalLink, "send_all", refuse)
        patch.setattr(LocalLink, "send_nowait", refuse)
        assert manager.check_health().status is HEALTHY
        await trio.testing.wait_all_tasks_blocked()
    assert await device.evaluate("6 * 7") == 42
