"""Output is data: whatever a program prints is told as it is, to whom it belongs."""

import contextlib
from collections.abc import Awaitable, Callable

import pytest
import trio

from belay_actors import (
    Device,
    DeviceOptions,
    OutputLimitError,
    ProtocolError,
    open_device,
    open_session_manager,
)

Eventually = Callable[[Callable[[], bool]], Awaitable[None]]

BANNERS = [
    "raw REPL; CTRL-B to exit\r\n",
    "raw REPL; CTRL-B to exit\r\n>",
    'Type "help()" for more information.\r\n>>> ',
    "MPY: soft reboot\r\n",
]


@pytest.mark.parametrize(
    "text",
    [
        "\x04",
        "OK",
        ">",
        "\x04>",
        "\x04\x04>",
        "OK\x04\x04>",
        "\x04" * 50 + ">",
        "\x04>" * 50,
        "\x01\x02\x03\x05",
        "\x1e",
        "\x1e\x1e\x1f",
        "\x1eabcdV0;4;386;None\x1f",
        "raw REPL; CTRL-B to exit",
        "R\x01\x80\x00",
        "\x00",
        "\r\n\r\r\n",
        ">>> ",
        "Traceback (most recent call last):\nKeyboardInterrupt: \n",
        "\u20ac\U0001f600",
    ],
)
async def test_output_may_hold_anything_that_means_something_to_the_repl(
    device: Device, text: str
) -> None:
    assert await device.execute(f"print({text!a}, end='')") == text
    await device.execute(f"x = {text!a}")
    assert await device.execute("print(x); print(x, end='')") == text + "\n" + text
    assert await device.evaluate("x") == text
    assert device.generation == 1
    assert device.background_output == ""


@pytest.mark.parametrize("text", BANNERS)
async def test_a_printed_boot_banner_is_never_taken_for_a_reset(device: Device, text: str) -> None:
    await device.execute("kept = 5")
    with contextlib.suppress(ProtocolError):  # at first it cannot be told from a restart
        assert await device.execute(f"print({text!a}); print('more')") == f"{text}\nmore\n"
    assert await device.evaluate("kept") == 5
    assert device.generation == 1


@pytest.mark.parametrize("text", BANNERS)
async def test_a_banner_in_a_value_is_a_value(device: Device, text: str) -> None:
    assert await device.evaluate(f"{text!a}") == text


async def test_ten_megabytes_of_output_come_whole(device: Device) -> None:
    with trio.fail_after(20):
        output = await device.execute(
            "line = '0123456789' * 100\nfor n in range(10_000): print(n, line)"
        )
    line = "0123456789" * 100
    assert output == "".join(f"{n} {line}\n" for n in range(10_000))


async def test_output_without_a_line_end_comes_whole(device: Device) -> None:
    code = "line = '\\x04' * 1000\nfor n in range(500): print(line, end='')"
    assert await device.execute(code) == "\x04" * 500_000


async def test_output_that_is_no_utf_8_comes_as_escapes(device: Device) -> None:
    code = "import sys\nsys.stdout.buffer.write(b'a\\xff\\xfe\\xe2\\x82z\\n')"
    assert await device.execute(code) == "a\\xff\\xfe\\xe2\\x82z\n"
    assert await device.evaluate("1") == 1


async def test_every_byte_may_be_printed(device: Device) -> None:
    code = "import sys\nfor n in range(256): sys.stdout.buffer.write(bytes([n]) * 3)"
    output = await device.execute(code)
    assert output == b"".join(bytes([n]) * 3 for n in range(256)).decode(errors="backslashreplace")


async def test_too_much_output_is_an_error_and_the_call_is_interrupted() -> None:
    options = DeviceOptions(max_output_bytes=100_000)
    async with open_device("micropython:", options=options) as device:
        assert len(await device.execute("print('x' * 99_999)")) == 100_000
        with pytest.raises(OutputLimitError, match="100000 bytes") as caught:
            await device.execute("line = 'x' * 100\nwhile True: print(line)")
        assert caught.value.device == device.name
        with pytest.raises(OutputLimitError):
            await device.execute("print('x' * 100_000)")
        assert await device.evaluate("line", str) == "x" * 100
        assert device.generation == 1


async def test_a_value_that_is_too_long_is_an_error_and_the_device_is_usable() -> None:
    options = DeviceOptions(max_output_bytes=100_000)
    async with open_device("micropython:", options=options) as device:
        with pytest.raises(OutputLimitError):
            await device.evaluate("'x' * 200_000")
        assert await device.evaluate("1 + 1") == 2


THREAD = """
import _thread, time
running = True
ended = False
def chat():
    global ended
    n = 0
    while running:
        print('chat', n)
        n += 1
        time.sleep_ms(1)
    ended = True
_thread.start_new_thread(chat, ())
"""


async def test_what_a_thread_of_main_prints_between_calls_is_nobodys_result(
    device: Device, eventually: Eventually
) -> None:
    """In ``__main__`` the print is the board's own: during a call its text is that call's."""
    with trio.fail_after(5):
        await device.execute(THREAD)
        await eventually(lambda: "chat 5\n" in device.background_output)
        for number in range(50):
            assert await device.evaluate(f"{number} * 2") == number * 2
        await device.execute("running = False\nwhile not ended: time.sleep_ms(1)")
    assert device.generation == 1
    assert device.snapshot().unsolicited_bytes > 0


async def test_a_thread_of_a_session_prints_into_its_background_output(
    device: Device, eventually: Eventually
) -> None:
    async with (
        open_session_manager() as manager,
        manager.open_session(device) as session,
        manager.open_session(device) as other,
    ):
        with trio.fail_after(5):
            await session.execute(THREAD)
            await eventually(lambda: "chat 5\n" in session.background_output)
            for number in range(50):
                assert await session.execute(f"print('mine', {number})") == f"mine {number}\n"
                assert await other.execute(f"print('other', {number})") == f"other {number}\n"
                assert await session.evaluate(f"{number}") == number
            await session.execute("time.sleep_ms(20)")
            await session.execute("running = False\nwhile not ended: time.sleep_ms(1)")
            assert other.background_output == ""
        numbers = [int(line.split()[1]) for line in session.background_output.splitlines()]
        assert numbers == list(range(len(numbers)))
    assert device.background_output == ""
    assert device.snapshot().dropped_frames == 0


async def test_print_in_a_session_takes_what_print_takes(device: Device) -> None:
    async with open_session_manager() as manager, manager.open_session(device) as session:
        assert await session.execute("print()") == "\n"
        assert await session.execute("print(1, 2, sep='-', end='!')") == "1-2!"
        assert await session.execute("import sys\nprint('err', file=sys.stdout)") == "err\n"
        assert await session.evaluate("print('aside')") is None
        assert session.background_output == "aside\n"


async def test_background_output_keeps_the_newest_part(device: Device) -> None:
    for number in range(4):
        await device.evaluate(f"print('{number}' * 65_536, end='')")
    assert device.background_output == "3" * 65_536
