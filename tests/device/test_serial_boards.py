"""A real MicroPython on a serial port: all promises hold over a link that may lose bytes, too."""

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import trio
import trio.testing

from belay_actors import (
    Device,
    DeviceLostError,
    DeviceState,
    RemoteError,
    open_device,
    open_session_manager,
)
from serial_board import SerialBoard

pytestmark = pytest.mark.usefixtures("no_descriptor_left")

Eventually = Callable[[Callable[[], bool]], Awaitable[None]]


@pytest.fixture(params=["", "?lossless=on"], ids=["lossy", "lossless"])
def url(serial_board: SerialBoard, request: pytest.FixtureRequest) -> str:
    """Of the board, of which it may be known that it loses nothing."""
    return f"serial:{serial_board.path}{request.param}"


@pytest.fixture
async def device(url: str) -> AsyncIterator[Device]:
    async with open_device(url) as device:
        yield device


@pytest.fixture(params=[65536, 1], ids=["large cuts", "one byte at a time"])
async def cut_device(
    url: str, serial_board: SerialBoard, request: pytest.FixtureRequest
) -> AsyncIterator[Device]:
    """A device of which the bytes come and go in pieces of some size."""
    serial_board.bytes_at_once = request.param
    async with open_device(url) as device:
        yield device


async def test_it_speaks_raw_paste(serial_board: SerialBoard) -> None:
    async with open_device(serial_board.path) as device:
        connection = device._board.attachment.connection
        assert connection._use_paste
        assert not connection.link.is_lossless
        assert device.name == serial_board.path.removeprefix("/dev/")
        assert device.capabilities.max_code_bytes is None
        assert await device.evaluate("6 * 7") == 42
        assert not connection.is_resident


@pytest.mark.usefixtures("only_in_the_loop")
async def test_calls_are_in_the_loop_where_nothing_is_lost(serial_board: SerialBoard) -> None:
    async with open_device(f"serial:{serial_board.path}?lossless=on") as device:
        connection = device._board.attachment.connection
        assert not connection._use_paste
        assert await device.evaluate("6 * 7") == 42
        assert connection.is_resident
        assert device.capabilities.max_code_bytes is None


async def test_calls(cut_device: Device) -> None:
    assert await cut_device.execute("print('hello')\nx = 6") == "hello\n"
    assert await cut_device.evaluate("x * 7") == 42
    with pytest.raises(RemoteError, match="ZeroDivisionError") as caught:
        await cut_device.execute("print('before')\n1/0")
    assert caught.value.output == "before\n"
    assert await cut_device.execute("print('\\x04>OK\\x01R\\x01')") == "\x04>OK\x01R\x01\n"


@pytest.mark.parametrize(
    "value", [None, 2**70, -0.5, "grün\x00\x04", bytes(range(256)), [1, (2, {"a": {3}})]]
)
async def test_values(device: Device, value: object) -> None:
    assert await device.evaluate(repr(value)) == value


async def test_many_calls_at_once(device: Device) -> None:
    results: list[object] = []

    async def call(number: int) -> None:
        results.append(await device.evaluate(f"{number} + 0"))

    async with trio.open_nursery() as nursery:
        for number in range(50):
            nursery.start_soon(call, number)
    assert sorted(results, key=str) == sorted(range(50), key=str)


@pytest.mark.parametrize("code", ["while True: pass", "while True: print('x' * 50)"])
async def test_a_call_that_is_cancelled_is_settled(cut_device: Device, code: str) -> None:
    await cut_device.execute("kept = 1")
    for seconds in (0.0, 0.02):
        with trio.move_on_after(seconds) as scope:
            await cut_device.execute(code)
        assert scope.cancelled_caught
        assert await cut_device.evaluate("kept + 1") == 2
    assert cut_device.generation == 1


async def test_a_large_program(device: Device) -> None:
    text = "a" * 100_000
    assert await device.execute(f"text = '{text}'\nprint(len(text), text.count('a'))") == (
        "100000 100000\n"
    )


async def test_a_large_program_that_is_cancelled_on_its_way(device: Device) -> None:
    program = f"x = '{'a' * 100_000}'\nraise SystemExit"
    for seconds in (0.001, 0.003, 0.01):
        with trio.move_on_after(seconds) as scope:
            await device.execute(program)
        assert scope.cancelled_caught
        assert await device.evaluate("6 * 7") == 42
    assert device.generation == 1


async def test_large_output(device: Device) -> None:
    output = await device.execute("for i in range(10000): print('%099d' % i)")
    assert len(output) == 1_000_000
    assert output.endswith("9999\n")


@pytest.mark.parametrize("baudrate", [9600, 250_000])
async def test_another_speed(serial_board: SerialBoard, baudrate: int) -> None:
    async with open_device(f"serial:{serial_board.path}?baudrate={baudrate}") as device:
        assert await device.evaluate("1 + 1") == 2


async def test_sessions(device: Device) -> None:
    async with (
        open_session_manager() as manager,
        manager.open_session(device) as one,
        manager.open_session(device) as other,
    ):
        await one.execute("x = 1")
        await other.execute("x = 2")
        assert await one.evaluate("x") == 1
        assert await other.evaluate("x") == 2


async def test_closing_and_opening_again_does_not_reset(serial_board: SerialBoard) -> None:
    async with open_device(serial_board.path) as device:
        await device.execute("x = 5")
    async with open_device(serial_board.path) as device:
        assert await device.evaluate("x") == 5
        assert not device.snapshot().was_swept


# Unplugged.


@pytest.mark.parametrize("code", ["while True: pass", f"x = '{'a' * 100_000}'\nwhile True: pass"])
async def test_a_board_that_is_unplugged_during_a_call_is_lost(
    device: Device, serial_board: SerialBoard, code: str
) -> None:
    async with trio.open_nursery() as nursery:

        @nursery.start_soon
        async def _() -> None:
            with pytest.raises(DeviceLostError, match=f"{serial_board.path} was unplugged"):
                await device.execute(code)

        await trio.testing.wait_all_tasks_blocked()
        await serial_board.unplug()
    assert device.state is DeviceState.LOST
    with pytest.raises(DeviceLostError, match="open the device again"):
        await device.evaluate("1")


async def test_a_board_that_is_unplugged_while_idle_is_lost(
    device: Device, serial_board: SerialBoard, eventually: Eventually
) -> None:
    await serial_board.unplug()
    await eventually(lambda: device.state is DeviceState.LOST)


async def test_sessions_on_a_board_that_is_unplugged_end(
    device: Device, serial_board: SerialBoard
) -> None:
    async with open_session_manager() as manager:
        with pytest.raises(DeviceLostError, match="unplugged"):
            async with manager.open_session(device):
                await serial_board.unplug()
                await trio.sleep_forever()
