"""Boards that restart are used on, in a new generation; boards that are gone are known to be."""

# a scope is under test, so it is what stands in pytest.raises()
# What a failing scope has bound is looked at after it:
# pyright: reportPossiblyUnboundVariable=none

import os
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
import trio
import trio.testing

from belay_actors import (
    Device,
    DeviceClosedError,
    DeviceLostError,
    DeviceOptions,
    DeviceResetError,
    DeviceState,
    DeviceUnresponsiveError,
    open_device,
    open_session_manager,
)
from belay_actors.transport import LocalLink
from boards import EXITS_IN_NEXT_CALL, SOFT_RESET
from processes import pause, resume

Eventually = Callable[[Callable[[], bool]], Awaitable[None]]
LinkOf = Callable[[Device], LocalLink]


async def test_an_interpreter_killed_during_a_call_is_lost(device: Device, link_of: LinkOf) -> None:
    async with trio.open_nursery() as nursery:

        @nursery.start_soon
        async def _() -> None:
            with pytest.raises(DeviceLostError, match="SIGKILL") as caught:
                await device.execute("while True: pass")
            assert caught.value.device == device.name
            assert not caught.value.is_recoverable

        await trio.testing.wait_all_tasks_blocked()
        os.kill(link_of(device).pid, signal.SIGKILL)
    assert device.state is DeviceState.LOST
    with pytest.raises(DeviceLostError, match="SIGKILL"):
        await device.evaluate("1")
    assert repr(device) == f"<Device {device.name} lost>"


async def test_an_interpreter_killed_while_code_is_sent_is_lost(
    device: Device, link_of: LinkOf
) -> None:
    pid = link_of(device).pid
    await pause(pid)  # so that its terminal is full before all of the code is there
    with trio.fail_after(5):
        async with trio.open_nursery() as nursery:

            @nursery.start_soon
            async def _() -> None:
                with pytest.raises(DeviceLostError, match="SIGKILL"):
                    await device.execute(f"text = '{'x' * 100_000}'")

            await trio.testing.wait_all_tasks_blocked()
            os.kill(pid, signal.SIGKILL)


async def test_those_who_wait_are_told_that_the_device_is_lost(
    device: Device, link_of: LinkOf
) -> None:
    told: list[int] = []

    async def call(number: int) -> None:
        with pytest.raises(DeviceLostError):
            await device.execute("while True: pass")
        told.append(number)

    async with trio.open_nursery() as nursery:
        for number in range(5):
            nursery.start_soon(call, number)
        await trio.testing.wait_all_tasks_blocked()
        os.kill(link_of(device).pid, signal.SIGKILL)
    assert sorted(told) == [0, 1, 2, 3, 4]


async def test_an_interpreter_killed_while_idle_is_known_to_be_lost(
    device: Device, link_of: LinkOf, eventually: Eventually
) -> None:
    await device.execute("x = 1")
    os.kill(link_of(device).pid, signal.SIGKILL)
    await eventually(lambda: device.state is DeviceState.LOST)
    with pytest.raises(DeviceLostError, match="SIGKILL"):
        await device.execute("x = 2")


async def test_a_loss_ends_the_sessions_with_their_cause(device: Device, link_of: LinkOf) -> None:
    async with open_session_manager() as manager:
        with pytest.raises(DeviceLostError, match="SIGKILL"):
            async with manager.open_session(device):
                os.kill(link_of(device).pid, signal.SIGKILL)
                await trio.sleep_forever()
        with pytest.raises(DeviceLostError):
            async with manager.open_session(device):
                pass


async def test_a_cancelled_caller_of_a_lost_device_sees_its_cancellation(
    device: Device, link_of: LinkOf
) -> None:
    with trio.CancelScope() as scope:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(device.execute, "while True: pass")
            await trio.testing.wait_all_tasks_blocked()
            os.kill(link_of(device).pid, signal.SIGKILL)
            scope.cancel()
    assert scope.cancelled_caught
    with pytest.raises(DeviceLostError):
        await device.evaluate("1")


async def test_a_board_that_resets_while_idle_is_used_on(
    device: Device, link_of: LinkOf, eventually: Eventually
) -> None:
    await device.execute("x = 1")
    link_of(device).send_nowait(SOFT_RESET)
    await eventually(lambda: device.generation == 2)
    assert await device.evaluate("'x' in globals()") is False
    assert device.state is DeviceState.OPEN
    assert device.snapshot().generation == 2


async def test_a_reset_fails_the_sessions_recoverably(device: Device, link_of: LinkOf) -> None:
    async with open_session_manager() as manager:
        with pytest.raises(DeviceResetError, match="reset") as caught:
            async with manager.open_session(device) as session:
                await session.execute("x = 1")
                link_of(device).send_nowait(SOFT_RESET)
                await trio.sleep_forever()
        assert caught.value.is_recoverable
        assert caught.value.device == device.name
        assert not session.is_active
        async with manager.open_session(device) as session:
            assert await session.evaluate("'x' in globals()") is False


async def test_a_session_that_is_not_in_a_call_hears_of_the_reset_at_its_next_one(
    device: Device, link_of: LinkOf, eventually: Eventually
) -> None:
    async with open_session_manager() as manager:
        session = await manager.create_session(device)
        await session.execute("x = 1")
        link_of(device).send_nowait(SOFT_RESET)
        await eventually(lambda: device.generation == 2)
        with pytest.raises(DeviceResetError):
            await session.execute("x = 2")


async def test_an_interpreter_that_crashes_during_a_call_is_lost(device: Device) -> None:
    with pytest.raises(DeviceLostError, match="SIGSEGV"):
        await device.execute("import uctypes\nprint(uctypes.bytes_at(0, 10))")
    assert device.state is DeviceState.LOST


async def test_an_interpreter_that_exits_during_a_call_has_reset(device: Device) -> None:
    await device.execute(EXITS_IN_NEXT_CALL)
    with pytest.raises(DeviceResetError):
        await device.execute("x = 1")
    assert device.generation == 2
    assert await device.evaluate("1 + 1") == 2


async def cancel_a_call_of_a_paused_interpreter(device: Device, pid: int) -> None:
    async with trio.open_nursery() as nursery:
        scope = trio.CancelScope()

        @nursery.start_soon
        async def _() -> None:
            with scope:
                await device.execute("while True: pass")

        await trio.testing.wait_all_tasks_blocked()
        await pause(pid)
        scope.cancel()
    assert scope.cancelled_caught


async def test_a_paused_interpreter_is_restarted_by_force(link_of: LinkOf) -> None:
    options = DeviceOptions(recovery_grace=0.3)
    async with (
        open_device("micropython:", options=options) as device,
        open_session_manager() as manager,
    ):
        pid = link_of(device).pid
        with pytest.raises(DeviceResetError):
            async with manager.open_session(device) as session:
                await session.execute("x = 1")
                await cancel_a_call_of_a_paused_interpreter(device, pid)
                await session.evaluate("x")
        assert device.generation == 2
        assert await device.evaluate("6 * 7") == 42
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


async def test_a_paused_interpreter_is_given_up_and_its_process_ended(link_of: LinkOf) -> None:
    options = DeviceOptions(recovery_grace=0.3, restart_unresponsive=False)
    async with open_device("micropython:", options=options) as device:
        pid = link_of(device).pid
        await cancel_a_call_of_a_paused_interpreter(device, pid)
        with pytest.raises(DeviceUnresponsiveError, match=r"0\.3 s") as caught:
            await device.evaluate("1")
        assert caught.value.device == device.name
        assert device.state is DeviceState.LOST
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


async def test_a_paused_interpreter_that_goes_on_in_time_is_used_on(
    device: Device, link_of: LinkOf, eventually: Eventually, tmp_path: Path
) -> None:
    pid = link_of(device).pid
    started = tmp_path / "started"  # to be interrupted while it compiles could break it
    scope = trio.CancelScope()

    async def run_endlessly() -> None:
        with scope:
            await device.execute(f"open({str(started)!r}, 'w').close()\nwhile True: pass")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(run_endlessly)
        await eventually(started.exists)
        await pause(pid)
        scope.cancel()
        await trio.sleep(0.15)
        resume(pid)
    assert scope.cancelled_caught
    assert await device.evaluate("1 + 1") == 2
    assert device.generation == 1


async def test_a_call_cancelled_while_its_code_is_sent_resets_nothing(
    device: Device, link_of: LinkOf
) -> None:
    await device.execute("kept = 5")
    pid = link_of(device).pid
    scope = trio.CancelScope()

    async def send_much() -> None:
        with scope:
            await device.execute(f"text = '{'x' * 100_000}'")

    await pause(pid)  # so that its terminal is full before all of the code is there
    async with trio.open_nursery() as nursery:
        nursery.start_soon(send_much)
        await trio.testing.wait_all_tasks_blocked()
        scope.cancel()
        resume(pid)
    assert scope.cancelled_caught
    assert await device.evaluate("kept") == 5
    assert await device.evaluate("'text' in globals()") is False
    assert device.generation == 1


async def test_a_board_that_takes_its_time_is_waited_for(device: Device, link_of: LinkOf) -> None:
    pid = link_of(device).pid
    await pause(pid)
    async with trio.open_nursery() as nursery:

        @nursery.start_soon
        async def _() -> None:
            assert await device.evaluate("6 * 7") == 42

        await trio.sleep(0.2)
        resume(pid)
    assert device.generation == 1


async def test_a_closed_device_says_so() -> None:
    async with open_device("micropython:") as device:
        pass
    assert device.state is DeviceState.CLOSED
    with pytest.raises(DeviceClosedError, match="open it again"):
        await device.evaluate("1")
    async with open_session_manager() as manager:
        with pytest.raises(DeviceClosedError):
            async with manager.open_session(device):
                pass


async def test_closing_a_device_tells_whoever_runs_or_waits() -> None:
    told: list[int] = []

    async with trio.open_nursery() as nursery, open_device("micropython:") as device:

        async def call(number: int) -> None:
            with pytest.raises(DeviceClosedError):
                await device.execute("while True: pass")
            told.append(number)

        for number in range(4):
            nursery.start_soon(call, number)
        await trio.testing.wait_all_tasks_blocked()
    assert sorted(told) == [0, 1, 2, 3]


async def test_a_call_waits_while_the_board_is_made_ready_again(
    device: Device, link_of: LinkOf, eventually: Eventually, monkeypatch: pytest.MonkeyPatch
) -> None:
    board = device._board
    recover = board.recover
    begun: list[bool] = []
    ended: list[bool] = []

    async def recover_slowly() -> None:
        begun.append(True)
        await trio.sleep(0.05)
        await recover()
        ended.append(True)

    monkeypatch.setattr(board, "recover", recover_slowly)
    link_of(device).send_nowait(b"\x01")  # its answer looks as if the board had started anew
    await eventually(lambda: bool(begun))
    assert await device.evaluate("6 * 7") == 42
    assert begun == ended == [True]
    assert device.generation == 1
