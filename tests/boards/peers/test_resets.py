"""A board that starts anew, or is taken away, is known at once, by a typed error.

| event | belay 0.30 | mpremote 1.29 | mpytool 2.6 |
|---|---|---|---|
| board resets during a call | hangs for ever | 10 s, never recovers | 5 s, never recovers |
| board resets while idle | never recovers | never recovers | never recovers |
| unplug during a call | bare OSError, `close()` fails too | bare OSError | clean |

The devices here would find out nothing by a timeout in the time that their tests have.
"""

# a scope is under test, so it is what stands in pytest.raises()
# What a failing scope has bound is looked at after it:
# pyright: reportPossiblyUnboundVariable=none

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import attrs
import pytest
import trio
import trio.testing

from belay_actors import (
    Device,
    DeviceLostError,
    DeviceNotFoundError,
    DeviceOptions,
    DeviceResetError,
    DeviceSessionManager,
    DeviceState,
    ResourceCleanupError,
    Session,
    open_device,
    open_session_manager,
)

if TYPE_CHECKING:
    from boards import Board

Eventually = Callable[[Callable[[], bool]], Awaitable[None]]
Happening = Callable[[], Awaitable[None]]

PATIENT = DeviceOptions(recovery_grace=300, attach_timeout=300)
AT_ONCE = 10  # seconds; less than any timeout of a patient device, far more than is needed

RUNS = "print('it runs')\nwhile True: pass"


@pytest.fixture
async def device(board: "Board") -> AsyncIterator[Device]:
    async with open_device(board, options=PATIENT) as device:
        yield device


async def when_it_runs(board: "Board", happening: Happening) -> None:
    await board.has_said("it runs")
    await happening()


@attrs.frozen(eq=False)
class Lamp:
    """Something whose cleanup does not end by itself."""

    session: Session
    resource_id: str = "lamp"
    resource_type: str = "Lamp"
    estimated_cost: int = 0
    created_at: datetime = attrs.field(factory=lambda: datetime.now(UTC))

    async def cleanup(self) -> None:
        await self.session.execute(RUNS)


async def check_is_new(device: Device, manager: DeviceSessionManager) -> None:
    """The next session works, and has nothing of those before."""
    async with manager.open_session(device) as session:
        assert await session.evaluate("'kept' in globals()") is False
        assert await session.execute("kept = 1; print('new')") == "new\n"
        assert await session.evaluate("kept") == 1
    assert device.state is DeviceState.OPEN


async def test_board_resets_during_a_call(
    board: "Board", device: Device, manager: DeviceSessionManager
) -> None:
    with trio.fail_after(AT_ONCE):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(when_it_runs, board, board.reset)
            with pytest.raises(DeviceResetError) as caught:
                async with manager.open_session(device) as session:
                    await session.execute("kept = 1")
                    await session.execute(RUNS)
        await check_is_new(device, manager)
    assert caught.value.is_recoverable
    assert caught.value.device == device.name
    assert device.generation == 2


async def test_board_resets_during_a_call_outside_of_any_session(
    board: "Board", device: Device
) -> None:
    with trio.fail_after(AT_ONCE):
        await device.execute("kept = 1")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(when_it_runs, board, board.reset)
            with pytest.raises(DeviceResetError):
                await device.execute(RUNS)
        assert await device.evaluate("'kept' in globals()") is False


async def test_board_resets_during_a_call_that_others_wait_behind(
    board: "Board", device: Device, manager: DeviceSessionManager
) -> None:
    told: list[str] = []

    async def work(code: str) -> None:
        with pytest.raises(DeviceResetError):
            async with manager.open_session(device) as session:
                await session.execute(code)
        told.append(code)

    with trio.fail_after(AT_ONCE):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(work, RUNS)
            await board.has_said("it runs")
            for number in range(4):
                nursery.start_soon(work, f"kept = {number}")
            await trio.testing.wait_all_tasks_blocked()
            await board.reset()
        assert sorted(told) == sorted([RUNS, *(f"kept = {number}" for number in range(4))])
        await check_is_new(device, manager)


async def test_board_resets_during_a_call_that_is_being_abandoned(
    board: "Board", device: Device, manager: DeviceSessionManager
) -> None:
    with trio.fail_after(AT_ONCE):
        with trio.CancelScope() as scope:
            async with manager.open_session(device) as session, trio.open_nursery() as nursery:
                nursery.start_soon(session.execute, RUNS)
                await board.has_said("it runs")
                scope.cancel()
                with trio.CancelScope(shield=True):
                    await board.reset()
        assert scope.cancelled_caught
        await check_is_new(device, manager)


async def test_board_resets_during_a_call_of_a_cleanup(
    board: "Board", device: Device, manager: DeviceSessionManager
) -> None:
    """Nothing is left to give back then, so nothing is wrong."""
    with trio.fail_after(AT_ONCE):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(when_it_runs, board, board.reset)
            async with manager.open_session(device) as session:
                session.resources.register_resource(Lamp(session))
        assert session.report is not None
        assert session.report.is_clean
        await check_is_new(device, manager)


@pytest.mark.parametrize("how", ["reset", "soft_reset"])
async def test_board_resets_while_idle(
    board: "Board",
    device: Device,
    manager: DeviceSessionManager,
    eventually: Eventually,
    how: str,
) -> None:
    with trio.fail_after(AT_ONCE):
        silent = await manager.create_session(device)
        await silent.execute("kept = 1")
        with pytest.raises(DeviceResetError) as caught:
            async with manager.open_session(device) as session:
                await session.execute("kept = 1")
                await getattr(board, how)()
                await trio.sleep_forever()
        assert caught.value.is_recoverable
        assert caught.value.session_id == session.session_id
        await eventually(lambda: not silent.is_active)
        with pytest.raises(DeviceResetError):
            await silent.evaluate("kept")
        await check_is_new(device, manager)
    assert device.generation == 2


@pytest.mark.parametrize("how", ["reset", "soft_reset"])
async def test_board_resets_while_idle_between_two_calls(
    board: "Board", device: Device, manager: DeviceSessionManager, how: str
) -> None:
    """The next call is on its way before anybody can have noticed."""
    with trio.fail_after(AT_ONCE):
        for count in range(5):
            with pytest.raises(DeviceResetError) as caught:
                async with manager.open_session(device) as session:
                    await session.execute("kept = 1")
                    await getattr(board, how)()
                    await session.evaluate("kept")
            assert caught.value.is_recoverable
            await check_is_new(device, manager)
            assert device.generation == count + 2


async def test_unplug_during_a_call(board: "Board") -> None:
    with trio.fail_after(AT_ONCE):
        async with (
            open_device(board, options=PATIENT) as device,
            open_session_manager() as manager,
            trio.open_nursery() as nursery,
        ):
            nursery.start_soon(when_it_runs, board, board.unplug)
            with pytest.raises(DeviceLostError, match="open the device again") as caught:
                async with manager.open_session(device) as session:
                    await session.execute(RUNS)
            assert not caught.value.is_recoverable
            assert caught.value.device == device.name
            with pytest.raises(DeviceLostError):
                await device.evaluate("1")
            with pytest.raises(DeviceLostError):
                async with manager.open_session(device):
                    pass
        assert device.state is DeviceState.LOST
    assert board.link.is_closed


async def test_unplug_during_a_call_and_plug_it_in_again(board: "Board") -> None:
    with trio.fail_after(AT_ONCE):
        async with open_device(board, options=PATIENT) as device, trio.open_nursery() as nursery:
            nursery.start_soon(when_it_runs, board, board.unplug)
            with pytest.raises(DeviceLostError):
                await device.execute(RUNS)
        with pytest.raises(DeviceNotFoundError):
            async with open_device(board, options=PATIENT):
                pass
        await board.plug_in()
        async with open_device(board, options=PATIENT) as device, open_session_manager() as manager:
            await check_is_new(device, manager)


async def test_unplug_during_a_call_that_is_being_abandoned(board: "Board") -> None:
    with trio.fail_after(AT_ONCE):
        async with open_device(board, options=PATIENT) as device:
            with trio.CancelScope() as scope:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(device.execute, RUNS)
                    await board.has_said("it runs")
                    scope.cancel()
                    with trio.CancelScope(shield=True):
                        await board.unplug()
            assert scope.cancelled_caught
            with pytest.raises(DeviceLostError):
                await device.evaluate("1")


async def test_unplug_during_a_call_of_a_cleanup(board: "Board") -> None:
    with trio.fail_after(AT_ONCE):
        async with (
            open_device(board, options=PATIENT) as device,
            open_session_manager() as manager,
            trio.open_nursery() as nursery,
        ):
            nursery.start_soon(when_it_runs, board, board.unplug)
            with pytest.raises(ResourceCleanupError) as caught:
                async with manager.open_session(device) as session:
                    session.resources.register_resource(Lamp(session))
        assert {type(error) for error in caught.value.exceptions} == {DeviceLostError}
        assert session.report is not None
        assert not session.report.is_clean
    assert board.link.is_closed


async def test_unplug_while_idle(board: "Board", eventually: Eventually) -> None:
    with trio.fail_after(AT_ONCE):
        async with open_device(board, options=PATIENT) as device, open_session_manager() as manager:
            with pytest.raises(DeviceLostError):
                async with manager.open_session(device) as session:
                    await session.execute("kept = 1")
                    await board.unplug()
                    await trio.sleep_forever()
            await eventually(lambda: device.state is DeviceState.LOST)


async def test_unplug_between_two_calls(board: "Board") -> None:
    with trio.fail_after(AT_ONCE):
        async with open_device(board, options=PATIENT) as device, open_session_manager() as manager:
            with pytest.raises(DeviceLostError):
                async with manager.open_session(device) as session:
                    await session.execute("kept = 1")
                    await board.unplug()
                    await session.evaluate("kept")


async def test_unplug_just_before_the_device_is_closed(board: "Board") -> None:
    with trio.fail_after(AT_ONCE):
        async with open_device(board, options=PATIENT) as device:
            await device.execute("kept = 1")
            await board.unplug()
    assert board.link.is_closed


async def test_unplug_while_it_is_being_opened(board: "Board") -> None:
    with trio.fail_after(AT_ONCE):
        async with trio.open_nursery() as nursery:

            async def unplug() -> None:
                await board.has_said("raw REPL")
                await board.unplug()

            nursery.start_soon(unplug)
            with pytest.raises((DeviceNotFoundError, DeviceLostError)):
                async with open_device(board, options=PATIENT) as device:
                    while True:  # it was open before it was gone
                        await device.evaluate("1")
