"""Calls that may run only so long, and calls of which nobody minds whether they have run."""

import pytest
import trio
import trio.testing

from belay_actors import (
    CallTimeoutError,
    Device,
    DeviceOptions,
    DeviceResetError,
    RemoteError,
    open_device,
)
from belay_actors.device import Seat
from boards import open_unix_board
from nobody import Nobody

# Once, the core does something else in place of a call; then it is the old one again.
BROKEN_ONCE = """
def __b(*a, old=__b):
    globals()['__b'] = old
    raise ValueError('broken')
"""


@pytest.fixture
def seat(device: Device) -> Seat:
    return device.seat(Nobody(), "session-7")


async def execute(device: Device, seat: Seat, code: str, **options: float) -> str:
    value, output = await device.run_in(
        seat,
        code,
        is_expression=False,
        **options,  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    )
    assert value is None
    return output


async def test_a_call_within_its_time_is_as_any(device: Device, seat: Seat) -> None:
    assert await execute(device, seat, "print(1)", time_limit=5.0) == "1\n"
    assert (seat.begun, seat.settled) == (1, 1)
    with pytest.raises(RemoteError, match="ZeroDivisionError"):
        await execute(device, seat, "1 / 0", time_limit=5.0)


async def test_one_that_takes_longer_is_interrupted_and_told(device: Device, seat: Seat) -> None:
    started = trio.current_time()
    with pytest.raises(CallTimeoutError, match=r"ran longer than its 0\.2 s") as caught:
        await execute(device, seat, "n = 0\nwhile True: n += 1", time_limit=0.2)
    assert 0.2 <= trio.current_time() - started < 2.0
    assert isinstance(caught.value, TimeoutError)
    assert (caught.value.device, caught.value.session_id) == (device.name, "session-7")
    first, _ = await device.run_in(seat, "n", is_expression=True)
    assert isinstance(first, int)
    assert first > 0
    assert (await device.run_in(seat, "n", is_expression=True))[0] == first
    assert device.generation == 1
    assert seat.has_unknown_outcome


async def test_its_finally_blocks_run(device: Device, seat: Seat) -> None:
    code = "done = 0\ntry:\n while True: pass\nfinally: done = 1"
    with pytest.raises(CallTimeoutError):
        await execute(device, seat, code, time_limit=0.1)
    assert (await device.run_in(seat, "done", is_expression=True))[0] == 1


async def test_waiting_for_its_turn_is_no_running(device: Device, seat: Seat) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(device.execute, "import time\ntime.sleep(0.5)")
        await trio.testing.wait_all_tasks_blocked()
        assert await execute(device, seat, "print(1)", time_limit=0.3) == "1\n"


async def test_the_callers_own_cancellation_beats_it(device: Device, seat: Seat) -> None:
    with trio.move_on_after(0.1) as scope:
        await execute(device, seat, "while True: pass", time_limit=0.1)
    assert scope.cancelled_caught


async def test_a_board_that_restarts_by_that_says_so() -> None:
    options = DeviceOptions(recovery_grace=1.0)
    async with open_unix_board() as board, open_device(board, options=options) as device:
        seat = device.seat(Nobody(), "session-7")
        stuck = "while True:\n try:\n  while True: pass\n except BaseException: pass"
        with pytest.raises(DeviceResetError):
            await execute(device, seat, stuck, time_limit=0.1)
        assert device.generation == 2
        assert await device.evaluate("6 * 7") == 42


# Idempotent ones.


async def test_an_interrupted_one_leaves_nothing_unknown(device: Device, seat: Seat) -> None:
    with pytest.raises(CallTimeoutError):
        await execute(device, seat, "while True: pass", time_limit=0.1, is_idempotent=True)
    with trio.move_on_after(0.1):
        await execute(device, seat, "while True: pass", is_idempotent=True)
    assert (seat.begun, seat.settled, seat.has_unknown_outcome) == (0, 0, False)
    with trio.move_on_after(0.1):
        await execute(device, seat, "while True: pass")
    assert seat.has_unknown_outcome


@pytest.mark.usefixtures("by_raw_repl")
async def test_one_that_the_raw_repl_answers_leaves_the_counts_alone(
    device: Device, seat: Seat
) -> None:
    await device.execute(BROKEN_ONCE)
    with pytest.raises(RemoteError, match="broken"):
        await execute(device, seat, "x = 1", is_idempotent=True)
    assert (seat.begun, seat.settled) == (0, 0)
