"""However a session ends, and whatever else hangs or fails, its hardware is brought into safety."""

# What a failing scope has bound is looked at after it:
# pyright: reportPossiblyUnboundVariable=none

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
import trio
import trio.testing

from belay_actors import (
    CallbackResource,
    Device,
    DeviceSessionManager,
    DeviceTimerResource,
    PinResource,
    RemoteError,
    ResourceCleanupError,
    Session,
    SessionClosedError,
    SessionManagementOptions,
    SessionTimeoutError,
    Value,
    open_session_manager,
)

Log = Callable[[], Awaitable[Value]]
Works = Callable[[Session], Awaitable[object]]

SAFE = [
    ("deinit", 0),
    ("pin", 25, 1, -1, 0),  # the safe value
    ("irq", 25, None),
]


async def take(session: Session) -> None:
    await session.execute("def tick(timer): pass")
    await PinResource.acquire(session, 25, name="led", value=1, safe_value=0)
    await DeviceTimerResource.acquire(session, 0, name="t", period_ms=1, callback="tick")


def check_safe(log: Value, session: Session, *left: str) -> None:
    assert isinstance(log, list)
    assert sorted(log[-3:], key=str) == sorted(SAFE, key=str)
    assert session.report is not None
    assert tuple(each.what for each in session.report.left) == left
    assert session.device.leases.holders() == {}


@asynccontextmanager
async def another_manager(
    device: Device, *, age: float = 1800.0, budget: float = 30.0
) -> AsyncGenerator[DeviceSessionManager, None]:
    options = SessionManagementOptions(default_session_timeout=age, resource_cleanup_timeout=budget)
    async with open_session_manager(options) as manager:
        yield manager


async def test_a04_d09_a_pin_is_safe_when_the_body_was_cancelled_in_a_call(
    device: Device, manager: DeviceSessionManager, log: Log
) -> None:
    with trio.CancelScope() as scope:
        async with manager.open_session(device) as session:
            await take(session)
            session.start_soon(cancel_when_blocked, scope)
            await session.execute("while True: pass")
    assert scope.cancelled_caught
    check_safe(await log(), session)


async def cancel_when_blocked(scope: trio.CancelScope) -> None:
    await trio.testing.wait_all_tasks_blocked(0.01)
    scope.cancel()


@pytest.mark.parametrize("work", ["session.execute", "trio.sleep"])
async def test_a04_d09_a_pin_is_safe_when_the_session_got_too_old(
    device: Device, manager: DeviceSessionManager, log: Log, work: str
) -> None:
    assert manager  # holds the board's module
    sessions: list[Session] = []
    with pytest.raises(SessionTimeoutError):
        async with another_manager(device, age=0.3) as young, young.open_session(device) as session:
            sessions.append(session)
            await take(session)
            if work == "trio.sleep":
                await trio.sleep_forever()
            await session.execute("while True: pass")
    check_safe(await log(), sessions[0])


async def test_a04_d09_a_pin_is_safe_when_another_resource_hangs(
    device: Device, manager: DeviceSessionManager, log: Log
) -> None:
    assert manager
    async with another_manager(device, budget=0.8) as hasty:
        with pytest.raises(ResourceCleanupError, match="'on the board'") as caught:
            async with hasty.open_session(device) as session:
                await take(session)
                for name, work in (
                    ("on the board", "while True: pass"),
                    ("on the host", trio.sleep_forever),
                ):
                    resource = CallbackResource(session, name, work)
                    session.resources.register_resource(resource)
    assert [type(error) for error in caught.value.exceptions] == [TimeoutError] * 2
    check_safe(await log(), session, "resource 'on the host'", "resource 'on the board'")


async def test_a04_d09_a_pin_is_safe_when_another_resource_fails(
    device: Device, manager: DeviceSessionManager, log: Log
) -> None:
    with pytest.raises(ResourceCleanupError) as caught:
        async with manager.open_session(device) as session:
            await take(session)
            broken = CallbackResource(session, "broken", "raise OSError(5)")
            session.resources.register_resource(broken)
    assert isinstance(caught.value.exceptions[0], RemoteError)
    check_safe(await log(), session, "resource 'broken'")


async def test_a04_d09_a_pin_is_safe_when_the_end_meets_a_release(
    device: Device, manager: DeviceSessionManager, log: Log
) -> None:
    async def release(session: Session) -> None:
        with pytest.raises(SessionClosedError):
            await session.resources.release_resource("led")

    async with manager.open_session(device) as busy, trio.open_nursery() as nursery:
        session = await manager.create_session(device)
        await take(session)
        nursery.start_soon(busy.execute, "import time; time.sleep_ms(50)")
        await trio.testing.wait_all_tasks_blocked()
        nursery.start_soon(release, session)
        await trio.testing.wait_all_tasks_blocked()
        await manager.end_session(session.session_id)
    check_safe(await log(), session)
