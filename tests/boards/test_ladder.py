"""The way back from a cancelled call, step by step, on every board.

Ctrl-C again and again; a resync, from whatever state; a core that is gone; a restart by force; and
in the end giving up. Each step takes a bounded time.
"""

# a scope is under test, so it is what stands in pytest.raises()

import pytest
import trio

from belay_actors import (
    Device,
    DeviceNotFoundError,
    DeviceOptions,
    DeviceResetError,
    DeviceState,
    DeviceUnresponsiveError,
    SessionError,
    open_device,
    open_session_manager,
)
from boards import Board
from microbit import MicrobitBoard

SHORT = DeviceOptions(recovery_grace=1.5)
GIVES_UP = DeviceOptions(recovery_grace=1.5, restart_unresponsive=False)

COUNTS_INTERRUPTS = """
n = 0
print('it runs')
while n < 4:
    try:
        while True: pass
    except KeyboardInterrupt:
        n += 1
"""
NEVER_ENDS = """
print('it runs')
while True:
    try:
        while True: pass
    except KeyboardInterrupt:
        pass
"""
RUNS = "print('it runs')\nwhile True: pass"


async def cancel_when_it_runs(board: Board, device: Device, code: str) -> None:
    """Returns when the call has settled."""
    async with trio.open_nursery() as nursery:

        @nursery.start_soon
        async def _() -> None:
            await board.has_said("it runs")
            scope.cancel()

        with trio.CancelScope() as scope:
            await device.execute(code)
        assert scope.cancelled_caught


async def test_a_program_that_catches_interrupts_gets_more_of_them(board: Board) -> None:
    async with open_device(board) as device:
        await cancel_when_it_runs(board, device, COUNTS_INTERRUPTS)
        assert await device.evaluate("n") == 4
        assert device.generation == 1


@pytest.mark.parametrize(
    "left",
    [
        b"",
        b"\r",
        b"print('half a li",
        b"def f():\r",
        b"'''\r",
        b"\x05half a paste",
        b"while True: pass\r\r",
        b"import time\rtime.sleep(1000)\r",
        b"input()\r",
        b"\x01",
        b"\x01print('half a li",
        b"\x01while True: pass\x04",
        b"\x01while True: print('x')\x04",
        b"\x01input()\x04",
    ],
    ids=repr,
)
async def test_a_board_is_found_in_whatever_state_another_program_left_it(
    board: Board, left: bytes
) -> None:
    link = await board.connect()
    await link.send_all(b"\x01")
    await board_says(link, b"raw REPL")
    await link.send_all(b"\x02")
    await board_says(link, b">>> ")
    await link.send_all(left)
    await link.aclose()
    async with open_device(board) as device:
        assert await device.evaluate("6 * 7") == 42
        assert device.generation == 1


@pytest.mark.usefixtures("by_raw_repl")
async def test_a_program_that_takes_the_core_away_has_reset_the_board(board: Board) -> None:
    async with open_device(board) as device, open_session_manager() as manager:
        with pytest.raises(DeviceResetError):
            async with manager.open_session(device) as session:
                await device.execute("del __b")
                await session.execute("x = 1")
        async with manager.open_session(device) as session:
            assert await session.evaluate("'x' in globals()") is False
        assert device.generation == 2


async def test_a_program_that_cannot_be_interrupted_is_ended_by_a_restart(board: Board) -> None:
    async with open_device(board, options=SHORT) as device, open_session_manager() as manager:
        with trio.fail_after(20):
            with pytest.raises((DeviceResetError, SessionError)) as caught:
                async with manager.open_session(device) as session:
                    await session.execute("kept = 1")
                    await cancel_when_it_runs(board, device, NEVER_ENDS)
                    await session.evaluate("kept")
            async with manager.open_session(device) as session:
                assert await session.evaluate("'kept' in globals()") is False
        assert caught.value.is_recoverable
        assert device.generation == 2


async def test_a_board_that_cannot_be_restarted_either_is_given_up(board: Board) -> None:
    with trio.fail_after(20):
        async with open_device(board, options=GIVES_UP) as device:
            await cancel_when_it_runs(board, device, NEVER_ENDS)
            assert device.state is DeviceState.LOST
            with pytest.raises(DeviceUnresponsiveError, match="reset it"):
                await device.evaluate("1")


async def test_a_board_that_hangs_for_a_while_is_waited_for(board: Board) -> None:
    async with open_device(board) as device, open_session_manager() as manager:
        async with manager.open_session(device) as session:
            await session.execute("kept = 1")
            async with trio.open_nursery() as nursery:

                @nursery.start_soon
                async def _() -> None:
                    await board.has_said("it runs")
                    await board.pause()
                    scope.cancel()
                    await trio.sleep(1)  # as long as several steps of the ladder take
                    await board.resume()

                with trio.CancelScope() as scope:
                    await session.execute(RUNS)
            assert scope.cancelled_caught
            assert await session.evaluate("kept") == 1
        assert device.generation == 1


async def test_a_board_that_hangs_for_ever_is_restarted(board: Board) -> None:
    async with open_device(board, options=SHORT) as device:
        await hang(board, device)
        assert device.generation == 2
        assert await device.evaluate("6 * 7") == 42


async def test_a_board_that_hangs_for_ever_and_cannot_be_restarted_is_given_up(
    board: Board,
) -> None:
    with trio.fail_after(20):
        async with open_device(board, options=GIVES_UP) as device:
            await hang(board, device)
            assert device.state is DeviceState.LOST
            with pytest.raises(DeviceUnresponsiveError):
                await device.evaluate("1")
    await board.resume()


async def hang(board: Board, device: Device) -> None:
    """Makes a board hang in a call, and cancels that."""
    async with trio.open_nursery() as nursery:

        @nursery.start_soon
        async def _() -> None:
            await board.has_said("it runs")
            await board.pause()
            scope.cancel()

        with trio.CancelScope() as scope:
            await device.execute(RUNS)
    assert scope.cancelled_caught


async def test_a_board_that_hangs_cannot_be_opened_until_it_goes_on(board: Board) -> None:
    link = await board.connect()
    await link.send_all(b"\x01while True: print('it runs')\x04")
    await board_says(link, b"it runs")
    await board.pause()
    await link.aclose()
    with trio.fail_after(20), pytest.raises(DeviceNotFoundError, match="does not answer"):
        async with open_device(board, options=DeviceOptions(attach_timeout=0.5)):
            pass
    await board.resume()
    async with open_device(board) as device:
        assert await device.evaluate("6 * 7") == 42


async def board_says(link: trio.abc.ReceiveStream, text: bytes) -> None:
    said = b""
    with trio.fail_after(20):
        while text not in said:
            said += await link.receive_some()


async def test_a_micro_bit_without_a_reset_line_is_given_up(microbit: Board) -> None:
    assert isinstance(microbit, MicrobitBoard)
    microbit.can_restart = False
    async with open_device(microbit, options=SHORT) as device:
        await cancel_when_it_runs(microbit, device, NEVER_ENDS)
        with pytest.raises(DeviceUnresponsiveError):
            await device.evaluate("1")
    await microbit.reset()
    async with open_device(microbit) as device:
        assert await device.evaluate("6 * 7") == 42
