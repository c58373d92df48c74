"""Sessions and operations beside calls that are under way on the same board."""

import pytest
import trio
import trio.testing

from belay_actors import (
    Device,
    DeviceResetError,
    DeviceSessionManager,
    OutcomeUnknownError,
    RetryPolicy,
    Session,
)

AT_ONCE = RetryPolicy(backoff=0)


async def test_b04_a_session_on_a_known_board_does_not_wait_for_the_board(
    device: Device, manager: DeviceSessionManager
) -> None:
    await device.detect()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(device.execute, "while True: pass")
        await trio.testing.wait_all_tasks_blocked()
        with trio.fail_after(5):
            async with manager.open_session(device) as session:
                assert session.capabilities.is_detected
        nursery.cancel_scope.cancel()


async def test_g04_a_child_that_was_in_a_call_makes_the_outcome_unknown_too(
    device: Device, manager: DeviceSessionManager
) -> None:
    attempts = 0

    async def work(session: Session) -> None:
        nonlocal attempts
        attempts += 1
        session.start_soon(session.execute, "while True: pass")
        await trio.testing.wait_all_tasks_blocked()
        raise DeviceResetError("as if")

    with pytest.raises(OutcomeUnknownError):
        await manager.execute_in_session(device, work, retry=AT_ONCE)
    assert attempts == 1


async def test_b10_a_cancelled_operation_is_not_tried_again_and_the_board_is_well(
    device: Device, manager: DeviceSessionManager
) -> None:
    attempts = 0

    async def work(session: Session) -> None:
        nonlocal attempts
        attempts += 1
        await session.execute("while True: pass")

    with trio.move_on_after(0.1) as scope:
        await manager.execute_in_session(device, work, retry=AT_ONCE, idempotent=True)
    assert scope.cancelled_caught
    assert attempts == 1
    assert await device.evaluate("1 + 1") == 2
    assert device.generation == 1
