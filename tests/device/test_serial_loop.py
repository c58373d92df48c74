"""The resident loop of a board at a port that loses nothing: there a Ctrl-C is a byte among others.

What it does depends on when the board comes to read it: it may end a call, or the loop, or be part
of a block. In whatever way, what was asked is settled, and the board goes on.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
import trio
import trio.testing

from belay_actors import (
    Device,
    DeviceOptions,
    DeviceResetError,
    RemoteError,
    Session,
    open_device,
    open_session_manager,
)
from in_the_loop import BUSY, PATIENCE, check, say_no_goodbye
from serial_board import CTRL_C, SerialBoard

pytestmark = pytest.mark.usefixtures("no_descriptor_left", "only_in_the_loop")

Eventually = Callable[[Callable[[], bool]], Awaitable[None]]

EVERY_BYTE = bytes(range(256))


@pytest.fixture(params=[65536, 1], ids=["large cuts", "one byte at a time"])
async def device(
    serial_board: SerialBoard, request: pytest.FixtureRequest
) -> AsyncIterator[Device]:
    serial_board.bytes_at_once = request.param
    options = DeviceOptions(recovery_grace=3 * PATIENCE)  # this cable has a signal a second at most
    async with open_device(f"serial:{serial_board.path}?lossless=on", options=options) as device:
        yield device


@pytest.fixture
async def session(device: Device) -> AsyncIterator[Session]:
    async with open_session_manager() as manager, manager.open_session(device) as session:
        yield session


async def test_a_call_is_cancelled_anywhere(device: Device) -> None:
    for number in range(30):
        with trio.move_on_after(number / 5_000):
            value = await device.evaluate(f"[{number}, sum(range(2000))]")
            assert value == [number, 1999000]
        assert await device.evaluate(f"{number}") == number
    await check(device)
    assert device.generation == 1


@pytest.mark.parametrize("count", [1, 2, 3])
async def test_a_ctrl_c_while_it_listens_harms_no_call(device: Device, count: int) -> None:
    await check(device)
    device._board.attachment.connection.link.send_nowait(CTRL_C * count)
    with trio.fail_after(PATIENCE):
        try:
            assert await device.evaluate("6 * 7") == 42
        except RemoteError as error:
            assert error.type_name == "KeyboardInterrupt"  # noqa: PT017
    await check(device)
    assert device.generation == 1


async def test_a_program_that_swallows_interrupts_is_ended(
    device: Device, eventually: Eventually, tmp_path: Path
) -> None:
    has_run = tmp_path / "has run"
    code = f"""
count = 0
open('{has_run}', 'w').close()
while count < 3:
    try:
        while True: pass
    except KeyboardInterrupt:
        count += 1
"""
    scope = trio.CancelScope()
    async with trio.open_nursery() as nursery:

        @nursery.start_soon
        async def _() -> None:
            with scope:
                await device.execute(code)

        await eventually(has_run.exists)
        scope.cancel()
    assert await device.evaluate("count", int) >= 1
    await check(device)


async def test_blocks_have_any_bytes(session: Session) -> None:
    data = EVERY_BYTE + CTRL_C * 100
    await session.put("block", data)
    assert await session.evaluate("bytes(block)") == data


async def test_a_block_is_cancelled_anywhere(session: Session) -> None:
    data = (CTRL_C + EVERY_BYTE) * 20
    outcomes: set[bool] = set()
    for number in range(10):
        with trio.move_on_after(number / 1_000) as scope:
            await session.put("block", data)
        outcomes.add(scope.cancelled_caught)
        assert await session.evaluate(f"{number}") == number
    assert True in outcomes
    await session.put("block", data)
    assert await session.evaluate("bytes(block)") == data
    await check(session.device)


async def test_a_board_that_loses_its_power_in_the_loop_has_restarted(
    device: Device, serial_board: SerialBoard, eventually: Eventually
) -> None:
    await check(device)
    serial_board.turn_off()
    serial_board.turn_on()
    await eventually(lambda: device.generation == 2)
    await check(device)


async def test_a_board_that_loses_its_power_in_a_call_has_restarted(
    device: Device, serial_board: SerialBoard
) -> None:
    await check(device)
    with trio.fail_after(PATIENCE):
        async with trio.open_nursery() as nursery:

            @nursery.start_soon
            async def _() -> None:
                with pytest.raises(DeviceResetError):
                    await device.execute("while True: pass")

            await trio.testing.wait_all_tasks_blocked()
            serial_board.turn_off()
            serial_board.turn_on()
    await check(device)


async def test_the_next_host_finds_a_board_that_was_left_in_the_loop(
    serial_board: SerialBoard,
) -> None:
    """As after a host that was killed: nobody has said goodbye."""
    url = f"serial:{serial_board.path}"
    for is_busy in (False, True):
        async with open_device(f"{url}?lossless=on") as device:
            await check(device)
            if is_busy:
                device._board.attachment.connection.link.send_nowait(BUSY)
            say_no_goodbye(device)
        async with open_device(url) as device:
            assert await device.evaluate("6 * 7") == 42
