"""What a board can do is found out once, before the first session; and what if that fails."""

# a scope is under test, so it is what stands in pytest.raises()

from collections.abc import Awaitable, Callable

import pytest
import trio
import trio.testing

from belay_actors import (
    Device,
    DeviceCapabilityError,
    DeviceSessionManager,
    DeviceSessionState,
    RemoteError,
    Session,
    SessionClosedError,
    SessionCreationOptions,
    SessionLimitError,
    SessionManagementOptions,
    open_device,
    open_session_manager,
)
from belay_actors.device._attachment import Attachment

Reset = Callable[[Device], Awaitable[None]]
Act = Callable[[], None]
FALLBACK = SessionCreationOptions.with_fallback_capabilities()


def counts(manager: DeviceSessionManager) -> tuple[int, int, int]:
    stats = manager.get_session_stats()
    return stats.active_session_count, stats.total_session_count, stats.peak_session_count


async def test_b04_capabilities_are_those_that_were_detected(
    device: Device, manager: DeviceSessionManager
) -> None:
    assert manager.capabilities == {}
    async with manager.open_session(device) as session:
        assert session.capabilities.is_detected
        assert session.capabilities.has("os.remove") is True
        assert manager.capabilities == {device: session.capabilities}
    assert manager.capabilities[device] is device.capabilities


async def test_b04_one_exchange_is_enough_for_many_sessions(
    device: Device, manager: DeviceSessionManager, detections: list[Attachment]
) -> None:
    async with trio.open_nursery() as nursery:
        for _ in range(5):
            nursery.start_soon(manager.create_session, device)
    async with manager.open_session(device) as session:
        served = device.snapshot().calls.served
        async with manager.open_session(device):
            assert device.snapshot().calls.served == served
        assert session.capabilities is device.capabilities
    assert len(detections) == 1
    assert manager.get_session_stats().total_session_count == 7


async def test_b04_each_device_is_asked_for_itself(
    device: Device,
    other_device: Device,
    manager: DeviceSessionManager,
    detections: list[Attachment],
) -> None:
    await manager.create_session(device)
    assert set(manager.capabilities) == {device}
    await manager.create_session(other_device)
    assert set(manager.capabilities) == {device, other_device}
    assert detections == [device._attachment, other_device._attachment]


async def test_b04_a_board_that_was_reset_is_asked_again(
    device: Device, manager: DeviceSessionManager, detections: list[Attachment], reset: Reset
) -> None:
    async with manager.open_session(device):
        pass
    await reset(device)
    assert manager.capabilities == {}
    async with manager.open_session(device) as session:
        assert session.capabilities.is_detected
        assert set(manager.capabilities) == {device}
    assert len(detections) == 2


async def test_b04_a_closed_device_is_not_listed(manager: DeviceSessionManager) -> None:
    async with open_device("micropython:") as passing:
        await manager.create_session(passing)
        assert set(manager.capabilities) == {passing}
    assert manager.capabilities == {}


# The order of creation.


async def test_e01_a_shut_down_manager_sends_nothing(
    device: Device, detections: list[Attachment]
) -> None:
    async with open_session_manager(SessionManagementOptions(max_concurrent_sessions=1)) as manager:
        await manager.create_session(device)
        await manager.shutdown()
    served = device.snapshot().calls.served
    detections.clear()
    with pytest.raises(SessionClosedError, match="shut down"):
        await manager.create_session(device)
    assert device.snapshot().calls.served == served
    assert detections == []


async def test_e01_a_full_manager_sends_nothing(
    device: Device, other_device: Device, detections: list[Attachment]
) -> None:
    async with open_session_manager(SessionManagementOptions(max_concurrent_sessions=1)) as manager:
        await manager.create_session(device)
        with pytest.raises(SessionLimitError):
            await manager.create_session(other_device)
        assert detections == [device._attachment]
        assert set(manager.capabilities) == {device}


async def test_e01_a_session_is_registered_after_the_detection(
    odd_device: Device, manager: DeviceSessionManager, hang_detection: Act
) -> None:
    hang_detection()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(manager.create_session, odd_device)
        await trio.testing.wait_all_tasks_blocked()
        assert odd_device.snapshot().calls.is_busy
        assert counts(manager) == (0, 0, 0)
        assert manager.state is DeviceSessionState.INACTIVE
        nursery.cancel_scope.cancel()
    assert counts(manager) == (0, 0, 0)


async def test_e01_a_failing_detection_registers_and_counts_nothing(
    odd_device: Device, fail_detection: Act, mend_detection: Act
) -> None:
    fail_detection()
    async with open_session_manager(SessionManagementOptions(max_concurrent_sessions=1)) as manager:
        for _ in range(2):
            with pytest.raises(DeviceCapabilityError):
                await manager.create_session(odd_device)
            with pytest.raises(DeviceCapabilityError):
                await manager.get_or_create_session(odd_device)
        assert counts(manager) == (0, 0, 0)
        assert manager.state is DeviceSessionState.INACTIVE
        assert manager.capabilities == {}
        assert odd_device.snapshot().session_count == 0
        mend_detection()
        session = await manager.get_or_create_session(odd_device)
        assert await session.evaluate("6 * 7") == 42
        assert counts(manager) == (1, 1, 1)


async def test_e01_the_limit_holds_while_sessions_are_being_made(
    device: Device, other_device: Device
) -> None:
    made: list[Session] = []
    refused: list[SessionLimitError] = []
    async with open_session_manager(SessionManagementOptions(max_concurrent_sessions=3)) as manager:

        async def create(device: Device) -> None:
            try:
                made.append(await manager.create_session(device))
            except SessionLimitError as error:
                refused.append(error)
            assert manager.get_session_stats().active_session_count <= 3

        async with trio.open_nursery() as nursery:
            for _ in range(5):
                nursery.start_soon(create, device)
                nursery.start_soon(create, other_device)
        assert (len(made), len(refused)) == (3, 7)
        assert counts(manager) == (3, 3, 3)


@pytest.mark.parametrize("end", ["shutdown", "dispose"])
async def test_e01_a_manager_that_is_shut_down_during_detection_makes_no_session(
    odd_device: Device, manager: DeviceSessionManager, hang_detection: Act, end: str
) -> None:
    errors: list[Exception] = []

    async def create() -> None:
        with pytest.raises(SessionClosedError, match="shut down") as caught:
            await manager.create_session(odd_device, FALLBACK)
        errors.append(caught.value)

    hang_detection()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(create)
        await trio.testing.wait_all_tasks_blocked()
        await getattr(manager, end)()
        assert errors == []
        odd_device._actor.interrupt_running(lambda: DeviceCapabilityError("interrupted"))
    assert len(errors) == 1
    assert counts(manager) == (0, 0, 0)
    assert odd_device.snapshot().session_count == 0
    assert manager.state is DeviceSessionState.DISPOSED


# When detection fails.


async def test_g01_without_capabilities_strict_creation_makes_no_session(
    odd_device: Device, manager: DeviceSessionManager, fail_detection: Act
) -> None:
    async def operation(session: Session) -> None:
        raise AssertionError("it has run")

    fail_detection()
    with pytest.raises(DeviceCapabilityError, match="with_fallback_capabilities") as caught:
        async with manager.open_session(odd_device):
            pass
    assert isinstance(caught.value.__cause__, RemoteError)
    assert caught.value.device == odd_device.name
    with pytest.raises(DeviceCapabilityError):
        await manager.create_session(odd_device, SessionCreationOptions())
    with pytest.raises(DeviceCapabilityError):
        await manager.execute_in_session(odd_device, operation)
    assert counts(manager) == (0, 0, 0)
    assert await odd_device.evaluate("6 * 7") == 42


async def test_b06_with_fallback_a_basic_session_works(
    odd_device: Device, manager: DeviceSessionManager, fail_detection: Act
) -> None:
    async def multiply(session: Session) -> object:
        assert not session.capabilities.is_detected
        return await session.evaluate("6 * 7")

    fail_detection()
    async with manager.open_session(odd_device, FALLBACK) as session:
        assert not session.capabilities.is_detected
        assert session.capabilities.has("machine.Pin") is None
        assert session.capabilities.version == odd_device.capabilities.version
        assert session.device_context.get_device_info().unique_id == ""
        await session.execute("x = 20")
        assert await session.evaluate("x + 1") == 21
        assert manager.capabilities == {}
    assert await manager.execute_in_session(odd_device, multiply, creation_options=FALLBACK) == 42
    shared = await manager.get_or_create_session(odd_device, FALLBACK)
    assert await shared.evaluate("6 * 7") == 42
    assert await manager.get_or_create_session(odd_device) is shared


async def test_b06_with_fallback_a_detection_that_succeeds_is_used(
    device: Device, manager: DeviceSessionManager
) -> None:
    async with manager.open_session(device, FALLBACK) as session:
        assert session.capabilities.is_detected


async def test_b06_a_basic_session_does_not_keep_the_next_from_detecting(
    odd_device: Device, manager: DeviceSessionManager, fail_detection: Act, mend_detection: Act
) -> None:
    fail_detection()
    async with manager.open_session(odd_device, FALLBACK) as basic:
        mend_detection()
        async with manager.open_session(odd_device) as session:
            assert session.capabilities.is_detected
        assert not basic.capabilities.is_detected


async def test_b06_a_device_that_fails_is_no_case_for_a_fallback(
    manager: DeviceSessionManager,
) -> None:
    async with open_device("micropython:") as passing:
        pass
    with pytest.raises(Exception, match="closed") as caught:
        await manager.create_session(passing, FALLBACK)
    assert type(caught.value).__name__ == "DeviceClosedError"


# One device never waits for another.


async def use(manager: DeviceSessionManager, device: Device) -> None:
    """Makes, shares and ends sessions."""
    session = await manager.get_or_create_session(device)
    assert await session.evaluate("6 * 7") == 42
    await manager.end_session(session.session_id)
    created = await manager.create_session(device)
    await created.aclose()
    async with manager.open_session(device) as session:
        await session.execute("x = 1")


async def test_b07_a_detection_that_hangs_does_not_delay_another_device(
    odd_device: Device, device: Device, manager: DeviceSessionManager, hang_detection: Act
) -> None:
    hang_detection()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(manager.get_or_create_session, odd_device)
        nursery.start_soon(manager.create_session, odd_device)
        await trio.testing.wait_all_tasks_blocked()
        with trio.fail_after(10):
            await use(manager, device)
        assert odd_device.snapshot().calls.is_busy
        nursery.cancel_scope.cancel()
    assert counts(manager)[0] == 0


async def test_b07_a_long_call_does_not_delay_another_device(
    device: Device, other_device: Device, manager: DeviceSessionManager
) -> None:
    busy = await manager.get_or_create_session(device)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(busy.execute, "while True: pass")
        await trio.testing.wait_all_tasks_blocked()
        with trio.fail_after(10):
            await use(manager, other_device)
            assert await manager.get_or_create_session(device) is busy
        assert device.snapshot().calls.is_busy
        nursery.cancel_scope.cancel()
