"""Operations that are tried again, on a real interpreter that is reset under them."""

# a scope is under test, so it is what stands in pytest.raises()

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime

import attrs
import pytest
import trio
import trio.testing

from belay_actors import (
    Device,
    DeviceResetError,
    DeviceSessionManager,
    RetryPolicy,
    Session,
    SessionLimitError,
    SessionManagementOptions,
    open_session_manager,
)
from belay_actors.errors import OutcomeUnknownError
from belay_actors.transport import LocalLink

LinkOf = Callable[[Device], LocalLink]

SOFT_RESET = b"\x04"  # at the raw prompt
RESET_IN_THE_NEXT_CALL = "def __belay__(*args): raise SystemExit"
AT_ONCE = RetryPolicy(backoff=0)


@pytest.fixture
async def manager(device: Device) -> AsyncIterator[DeviceSessionManager]:
    async with open_session_manager() as manager:
        yield manager


async def test_b10_work_whose_board_was_reset_between_calls_is_done_in_a_new_session(
    device: Device, manager: DeviceSessionManager, link_of: LinkOf
) -> None:
    sessions: list[Session] = []

    async def work(session: Session) -> object:
        sessions.append(session)
        await session.execute(f"x = {len(sessions)}")
        if len(sessions) < 3:
            link_of(device).send_nowait(SOFT_RESET)
            await trio.sleep_forever()
        return await session.evaluate("x")

    assert await manager.execute_in_session(device, work, retry=AT_ONCE) == 3
    assert len({session.session_id for session in sessions}) == 3
    assert not any(session.is_active for session in sessions)
    assert device.generation == 3


async def test_g04_work_whose_call_was_cut_off_by_a_reset_is_not_done_again(
    device: Device, manager: DeviceSessionManager
) -> None:
    sessions: list[Session] = []

    async def work(session: Session) -> None:
        sessions.append(session)
        await device.execute(RESET_IN_THE_NEXT_CALL)
        await session.execute("open_the_valve = True")

    with pytest.raises(OutcomeUnknownError, match="check the board") as caught:
        await manager.execute_in_session(device, work, retry=AT_ONCE)
    assert isinstance(caught.value.__cause__, DeviceResetError)
    assert caught.value.device == device.name
    assert [caught.value.session_id] == [session.session_id for session in sessions]


async def test_g04_idempotent_work_whose_call_was_cut_off_is_done_again(
    device: Device, manager: DeviceSessionManager
) -> None:
    attempts = 0

    async def work(session: Session) -> object:
        nonlocal attempts
        attempts += 1
        if attempts == 1:
            await device.execute(RESET_IN_THE_NEXT_CALL)
        return await session.evaluate("6 * 7")

    result = await manager.execute_in_session(device, work, retry=AT_ONCE, idempotent=True)
    assert (result, attempts) == (42, 2)


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


@attrs.frozen
class Stuck:
    """A resource that cannot be given back."""

    resource_id: str = "door"
    resource_type: str = "Door"
    estimated_cost: int = 0
    created_at: datetime = attrs.field(factory=lambda: datetime.now(UTC))

    async def cleanup(self) -> None:
        await trio.lowlevel.checkpoint()
        raise OSError("stuck")


async def test_g04_work_is_not_done_again_behind_a_session_that_left_something(
    device: Device, manager: DeviceSessionManager
) -> None:
    attempts = 0

    async def work(session: Session) -> None:
        nonlocal attempts
        attempts += 1
        session.resources.register_resource(Stuck())
        await session.execute("x = 1")
        raise DeviceResetError("as if")

    with pytest.raises(DeviceResetError, match="as if") as caught:
        await manager.execute_in_session(device, work, retry=AT_ONCE, idempotent=True)
    assert attempts == 1
    assert any("stuck" in note for note in caught.value.__notes__)
    assert caught.value.__notes__[-1].startswith("attempt 1 of 3; not tried again")


async def test_b10_a_full_manager_is_tried_again_until_a_session_has_ended(
    device: Device,
) -> None:
    options = SessionManagementOptions(max_concurrent_sessions=1)

    async def work(session: Session) -> object:
        return await session.evaluate("1 + 1")

    async with open_session_manager(options) as manager:
        held = await manager.create_session(device)
        with pytest.raises(SessionLimitError) as caught:
            await manager.execute_in_session(device, work, retry=AT_ONCE)
        assert caught.value.__notes__[0] == "attempt 3 of 3"
        async with trio.open_nursery() as nursery:

            @nursery.start_soon
            async def _() -> None:
                retry = RetryPolicy(backoff=0.01, max_delay=0.01, max_attempts=1000)
                assert await manager.execute_in_session(device, work, retry=retry) == 2

            await trio.testing.wait_all_tasks_blocked()
            await manager.end_session(held.session_id)


async def test_b10_an_error_of_the_code_is_not_tried_again(
    device: Device, manager: DeviceSessionManager
) -> None:
    attempts = 0

    async def work(session: Session) -> None:
        nonlocal attempts
        attempts += 1
        await session.execute("1 / 0")

    with pytest.raises(Exception, match="ZeroDivisionError"):
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
