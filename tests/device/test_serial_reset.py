"""A board that hangs is reset by a control line, if its URL names one."""

from collections.abc import Iterable

import pytest
import trio
import trio.testing

from belay_actors import (
    Device,
    DeviceLostError,
    DeviceOptions,
    DeviceResetError,
    DeviceState,
    DeviceUnresponsiveError,
    open_device,
    open_session_manager,
)
from belay_actors.transport import ModemLine
from processes import pause
from serial_board import SerialBoard

pytestmark = pytest.mark.usefixtures("no_descriptor_left")

IMPATIENT = DeviceOptions(recovery_grace=0.3)


class ResetLine:
    """RTS, in place of the system's: it holds the board in reset while it is on."""

    def __init__(self, board: SerialBoard) -> None:
        self.levels: list[bool] = []
        self.is_broken = False
        self._board = board

    def set_lines(self, descriptor: int, lines: Iterable[ModemLine], *, is_on: bool) -> None:
        assert list(lines) == [ModemLine.RTS]
        self.levels.append(is_on)
        change = self._board.turn_off if is_on or self.is_broken else self._board.turn_on
        trio.from_thread.run_sync(change)


@pytest.fixture
def reset_line(serial_board: SerialBoard, monkeypatch: pytest.MonkeyPatch) -> ResetLine:
    line = ResetLine(serial_board)
    monkeypatch.setattr("belay_actors.transport._serial.set_lines", line.set_lines)
    return line


async def hang_during_a_call(device: Device, board: SerialBoard) -> None:
    """Cancels a call of a board that does not answer any more."""
    scope = trio.CancelScope()
    async with trio.open_nursery() as nursery:

        @nursery.start_soon
        async def _() -> None:
            with scope:
                await device.execute("while True: pass")

        await trio.testing.wait_all_tasks_blocked()
        await pause(board.board.pid)
        scope.cancel()
    assert scope.cancelled_caught


async def test_a_board_that_hangs_is_reset_and_used_on(
    serial_board: SerialBoard, reset_line: ResetLine
) -> None:
    url = f"serial:{serial_board.path}?reset=rts"
    async with open_device(url, options=IMPATIENT) as device, open_session_manager() as manager:
        with pytest.raises(DeviceResetError) as caught:
            async with manager.open_session(device) as session:
                await session.execute("x = 1")
                await hang_during_a_call(device, serial_board)
                await session.evaluate("x")
        assert caught.value.is_recoverable
        assert reset_line.levels == [True, False]
        assert device.generation == 2
        async with manager.open_session(device) as session:
            assert await session.evaluate("'x' in globals()") is False


@pytest.mark.parametrize(
    ("query", "options"),
    [
        ("", IMPATIENT),
        ("?reset=rts", DeviceOptions(recovery_grace=0.3, restart_unresponsive=False)),
    ],
)
async def test_a_board_that_is_not_to_be_reset_is_given_up(
    serial_board: SerialBoard, reset_line: ResetLine, query: str, options: DeviceOptions
) -> None:
    async with open_device(f"serial:{serial_board.path}{query}", options=options) as device:
        await hang_during_a_call(device, serial_board)
        with pytest.raises(DeviceUnresponsiveError, match="reset it, and open it again"):
            await device.evaluate("1")
        assert device.state is DeviceState.LOST
    assert not reset_line.levels


async def test_a_board_that_does_not_come_back_is_lost(
    serial_board: SerialBoard, reset_line: ResetLine
) -> None:
    reset_line.is_broken = True
    options = DeviceOptions(recovery_grace=0.3, attach_timeout=0.3)
    async with open_device(f"serial:{serial_board.path}?reset=rts", options=options) as device:
        await hang_during_a_call(device, serial_board)
        with pytest.raises(DeviceLostError, match="reset by its RTS line"):
            await device.evaluate("1")
    assert reset_line.levels == [True, False]
