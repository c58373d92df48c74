"""Code that was damaged on its way is not run: on a line without flow control, bytes get lost.

A board that has no raw-paste gets each call with a sum, which it checks. Here every single byte of
a call is lost, altered or doubled in turn.
"""

from collections.abc import Callable

import pytest
import trio
from trio.testing import MockClock

from belay_actors import DeviceCapabilityError, ProtocolError, RemoteError, open_device
from belay_actors.testing import (
    Corrupt,
    Drop,
    Duplicate,
    Fault,
    FaultPlan,
    FaultTransport,
    LeakCheck,
    open_fake_board,
)

SPEED = "speed = 1234567"
CALL = len(f"__b(2,0,b'{SPEED}',1234,exec)\x04")


async def send_damaged(make_fault: Callable[[int], Fault]) -> tuple[set[object], int]:
    """Sends an assignment once for each of its bytes, with a fault there.

    Returns:
        What has come of it on the board, and how many times the caller was told of trouble.
    """
    came: set[object] = set()
    told = 0
    async with open_fake_board(raw_paste=None, is_lossless=False) as board:
        transport = FaultTransport(board)
        async with open_device(transport) as device, LeakCheck(device):
            for place in range(CALL):
                await device.execute("speed = None")
                transport.use(FaultPlan(sending=(make_fault(place),)))
                try:
                    await device.execute(SPEED)
                except (ProtocolError, RemoteError):
                    told += 1
                transport.use(FaultPlan())
                came.add(await device.evaluate("speed"))
            assert device.generation == 1
    return came, told


def drop_five(place: int) -> Fault:
    return Drop(place, 5)


def corrupt_more(place: int) -> Fault:
    return Corrupt(place, 0x55)


@pytest.mark.parametrize(
    "make_fault",
    [Drop, drop_five, Corrupt, corrupt_more, Duplicate],
    ids=["drop", "drop five", "corrupt", "corrupt more", "duplicate"],
)
async def test_damaged_code_never_does_something_else(
    autojump_clock: MockClock, make_fault: Callable[[int], Fault]
) -> None:
    came, told = await send_damaged(make_fault)
    assert came <= {1234567, None}
    assert 1234567 in came  # it was sent again
    assert told < CALL / 2


async def test_the_last_byte_of_a_call_may_be_lost(autojump_clock: MockClock) -> None:
    """Then the board waits for it, and the host for the board: it asks after a second."""
    async with open_fake_board(raw_paste=None, is_lossless=False) as board:
        transport = FaultTransport(board)
        async with open_device(transport) as device:
            call = len(b"__b(3,0,b'x += 1#####',490,exec)\x04")
            await device.execute("x = 1")
            transport.use(FaultPlan(sending=(Drop(call - 1),)))
            started = trio.current_time()
            await device.execute("x += 1")
            assert 1 <= trio.current_time() - started < 2
            assert await device.evaluate("x") == 2


async def test_lost_grants_of_an_upload_do_no_harm(autojump_clock: MockClock) -> None:
    """Then the board waits for the rest of the code, and the host for its word; it did not run."""
    async with open_fake_board(is_lossless=False) as board:
        transport = FaultTransport(board)
        async with open_device(transport) as device:
            await device.execute("x = 1")
            transport.use(FaultPlan(receiving=(Drop(4), Drop(5))))
            await device.execute("x += 1" + "#" * 1000)
            assert await device.evaluate("x") == 2


async def test_code_that_would_crash_a_small_board_is_not_sent(autojump_clock: MockClock) -> None:
    async with open_fake_board(raw_paste=None, is_lossless=False) as board:
        transport = FaultTransport(board)
        async with open_device(transport) as device:
            limit = device.capabilities.max_code_bytes
            assert limit is not None
            transport.use(FaultPlan())
            with pytest.raises(DeviceCapabilityError, match=f"takes {limit} at once"):
                await device.execute("#" * (limit + 1))
            assert transport.link.sent == 0
            assert await device.execute("#" * limit) == ""
