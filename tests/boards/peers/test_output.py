r"""Whatever a board prints is output: it is never a reply, and it breaks none.

| event | belay 0.30 | mpremote 1.29 | mpytool 2.6 |
|---|---|---|---|
| noise or a printing thread before a call | 10 s, then broken | never recovers | breaks if the
  noise has `OK` |
| `\x04` in output | phantom exception | phantom exception | phantom exception |
| `print(x, end="")` then `return 42` | returns None | - | - |
| non-UTF-8 output | UnicodeDecodeError | ok | ok |
"""

import itertools
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import pytest
import trio

from belay_actors import (
    Device,
    DeviceSessionManager,
    ProtocolError,
    RemoteError,
    Session,
    open_device,
    open_session_manager,
)

if TYPE_CHECKING:
    from boards import Board

Eventually = Callable[[Callable[[], bool]], Awaitable[None]]

NOISE = [
    "noise\r\n",
    "OK",
    "O",
    ">",
    "\x04",
    "\x04\x04>",
    "OK\x04\x04>",
    "OKTraceback (most recent call last):\r\n\x04>",
    "R\x01\x80\x00",
    "\x1e\x1f",
    "raw REPL; CTRL-B to",
]

# The same for a thread that never rests. Marks of a start and of an end are kept apart: together,
# and often enough, they can make a call's outcome unknown, which is a ``ProtocolError``.
NOISES = [
    ["noise\r\n", "OK", "O", "R\x01\x80\x00", "\x1e\x1f", "OK >"],
    ["noise\r\n", ">", "\x04", "\x04\x04>", "\x04>Traceback (most recent call last):\n"],
]

# What a board prints when it starts, or enters its raw REPL.
BANNERS = [
    "raw REPL; CTRL-B to exit\r\n",
    "raw REPL; CTRL-B to exit\r\n>",
    'Type "help()" for more information.\r\n>>> ',
    "MPY: soft reboot\r\n",
]


async def check_own(session: Session, count: int = 5) -> None:
    for number in range(count):
        assert await session.evaluate(f"{number}, 'own'") == (number, "own")
        assert await session.execute(f"print('own', {number})") == f"own {number}\n"


@pytest.mark.usefixtures("by_raw_repl")
@pytest.mark.parametrize("noise", NOISE)
async def test_noise_or_a_printing_thread_before_a_call(
    board: "Board",
    device: Device,
    manager: DeviceSessionManager,
    eventually: Eventually,
    noise: str,
) -> None:
    async with manager.open_session(device) as session:
        for _ in range(3):
            board.add_noise(noise.encode())
            await eventually(lambda: not board.link.has_added)
            await check_own(session)
        assert session.background_output == ""
    # Where it comes between a reply and the prompt, its marks may be taken for the prompt's.
    assert sorted(device.background_output) == sorted(noise * 3)
    assert device.generation == 1


@pytest.mark.usefixtures("by_raw_repl")
@pytest.mark.parametrize("noise", NOISE)
async def test_noise_or_a_printing_thread_before_a_call_that_is_on_its_way(
    board: "Board", device: Device, manager: DeviceSessionManager, noise: str
) -> None:
    """It comes between the code and the ``OK``, where an ``OK`` in it cannot be told from that.

    What follows such an ``OK`` is taken for the call's output, before what the call has printed.
    """
    async with manager.open_session(device) as session:
        output = ""
        for number in range(5):
            board.add_noise(noise.encode())
            output += await session.execute(f"print('own', {number})")
            assert output.endswith(f"own {number}\n")
            await check_own(session, 1)
            board.add_noise(noise.encode())
            assert await session.evaluate(f"{number}, 'own'") == (number, "own")
            await check_own(session, 1)
        if "OK" not in noise:
            assert output == "".join(f"own {number}\n" for number in range(5))
            assert sorted(device.background_output) == sorted(noise * 10)
        await check_own(session)
    assert device.generation == 1


@pytest.mark.boards("unix")
@pytest.mark.parametrize("noise", [*NOISE, "\N{LATIN SMALL LETTER E WITH ACUTE}"])
async def test_noise_or_a_printing_thread_before_a_call_in_the_resident_loop(
    board: "Board", device: Device, manager: DeviceSessionManager, noise: str
) -> None:
    """There is no ``OK``: what comes once the call is on its way is taken for its output.

    Nothing is lost, and no value or error is ever another's.
    """
    await device.evaluate("0")
    if not device._board.attachment.connection.is_resident:
        pytest.skip("there is no loop")
    async with manager.open_session(device) as session:
        output = ""
        for number in range(5):
            board.add_noise(noise.encode())
            output += await session.execute(f"print('own', {number})")
            assert output.endswith(f"own {number}\n")
            board.add_noise(noise.encode())
            assert await session.evaluate(f"{number}, 'own'") == (number, "own")
        await check_own(session)
        output += session.background_output
    own = "".join(f"own {number}\n" for number in range(5))
    assert sorted(output + device.background_output) == sorted(own + noise * 10)
    assert device.generation == 1


@pytest.mark.parametrize("banner", BANNERS)
async def test_noise_or_a_printing_thread_before_a_call_that_looks_like_a_reset(
    board: "Board", device: Device, manager: DeviceSessionManager, banner: str
) -> None:
    """What a call did that a banner came into may be unknown; that it is a reset is never said."""
    async with manager.open_session(device) as session:
        await session.execute("kept = 7")
        for number in range(3):
            board.add_noise(banner.encode())
            try:
                assert await session.evaluate(f"{number}, 'own'") == (number, "own")
            except ProtocolError as error:
                assert "unknown" in str(error)  # noqa: PT017
            await check_own(session, 2)
        assert await session.evaluate("kept") == 7
    assert device.generation == 1


TALK = """
import _thread, time
stop = False
talks = True
def talk(say, texts, pause):
    global talks
    n = 0
    while not stop:
        say(texts[n % len(texts)])
        n += 1
        time.sleep_ms(pause)
    talks = False
"""
WITH_THREADS = pytest.mark.boards("unix")
PAST_PRINT = "__import__('sys').stdout.write"


def comes_in(own: str, output: str) -> bool:
    """Whether all characters of a text are in the output, in their order."""
    characters = iter(output)
    return all(character in characters for character in own)


async def start_talking(device: Device | Session, say: str, texts: list[str], pause: int) -> None:
    await device.execute(TALK)
    await device.execute(f"_thread.start_new_thread(talk, ({say}, {texts!r}, {pause}))")


async def stop_talking(device: Device | Session) -> None:
    await device.execute("stop = True\nwhile talks: time.sleep_ms(1)")


@WITH_THREADS
@pytest.mark.parametrize("texts", NOISES)
async def test_noise_or_a_printing_thread_before_a_call_and_all_the_time(
    board: "Board", device: Device, manager: DeviceSessionManager, texts: list[str]
) -> None:
    """It writes past ``print``, so that during a call nobody can tell whose its text is."""
    await start_talking(device, PAST_PRINT, texts, 1)
    async with manager.open_session(device) as session:
        for number in range(150):
            assert await session.evaluate(f"{number}, 'own'") == (number, "own")
            assert comes_in(f"own {number}\n", await session.execute(f"print('own', {number})"))
            with pytest.raises(RemoteError) as caught:
                await session.execute(f"raise ValueError('own {number}')")
            assert caught.value.remote_message == f"own {number}"
    await stop_talking(device)
    assert device.background_output != ""
    assert device.generation == 1


@WITH_THREADS
async def test_noise_or_a_printing_thread_before_a_call_that_prints_in_its_session(
    board: "Board", device: Device, manager: DeviceSessionManager
) -> None:
    """It prints as its session does, so that all that it says is known to be its own."""
    async with manager.open_session(device) as talker, manager.open_session(device) as other:
        texts = [*NOISE, *BANNERS]
        await start_talking(talker, "print", texts, 1)
        for _ in range(20):
            await check_own(talker)
            await check_own(other)
        await stop_talking(talker)
        await talker.evaluate("0")
        said = talker.background_output
        spoken = "".join(f"{text}\n" for text in texts)
        assert len(said) > len(spoken)
        assert (spoken * (len(said) // len(spoken) + 1)).startswith(said)
        assert other.background_output == ""
    assert device.background_output == ""
    assert device.generation == 1


@WITH_THREADS
async def test_noise_or_a_printing_thread_before_a_call_of_the_next_host(board: "Board") -> None:
    async with open_device(board) as device:
        await start_talking(device, PAST_PRINT, NOISES[0], 1)
    for _ in range(3):
        async with (
            open_device(board) as device,
            open_session_manager() as manager,
            manager.open_session(device) as session,
        ):
            for number in range(20):
                assert await session.evaluate(f"{number}, 'own'") == (number, "own")
            assert device.generation == 1
    async with open_device(board) as device:
        await stop_talking(device)


async def test_x04_in_output(device: Device, manager: DeviceSessionManager) -> None:
    texts = [
        "\x04",
        "\x04>",
        "\x04\x04>",
        "OK\x04\x04>",
        "\x04" * 40,
        "\x04>" * 20,
        "a\x04\x04b",
        "\x04\n",
    ]
    async with manager.open_session(device) as session:
        for text, runner in itertools.product(texts, [session, device]):
            assert await runner.execute(f"print({text!r}, end='')") == text
            assert await runner.execute(f"print({text!r})") == f"{text}\n"
            assert await runner.evaluate(f"(print({text!r}), {text!r}, 42)") == (None, text, 42)
            with pytest.raises(RemoteError) as caught:
                await runner.execute(f"print({text!r})\nraise ValueError({text!r})")
            assert caught.value.type_name == "ValueError"
            assert caught.value.remote_message == text
            assert caught.value.output == f"{text}\n"
        await check_own(session)
    assert device.generation == 1


async def test_print_x_end_then_return_42(device: Device, manager: DeviceSessionManager) -> None:
    code = "def answer(x):\n    print(x, end='')\n    return 42"
    said = ""
    await device.execute(code)
    async with manager.open_session(device) as session:
        await session.execute(code)
        for text in ("x", "42", "None", "x\r", "OK", ">", "\x04", "\x1e", "'", "\\"):
            for _ in range(3):
                assert await session.evaluate(f"answer({text!r})") == 42
            said += text * 3
            assert session.background_output == said
            output = await session.execute(f"print(answer({text!r}), end='')")
            assert output == f"{text}42"
            assert await device.evaluate(f"answer({text!r})") == 42


async def test_non_utf_8_output(
    board: "Board", device: Device, manager: DeviceSessionManager
) -> None:
    async with manager.open_session(device) as session:
        await session.execute(board.writer)
        for start in range(0x80, 0x100, 16):
            data = bytes(range(start, start + 16))
            output = await session.execute(f"write({data!r})")
            assert output == data.decode("utf-8", "backslashreplace")
        assert await session.execute(r"write(b'a\xffb\xe2\x82c')") == r"a\xffb\xe2\x82c"
        assert await session.evaluate(r"(write(b'\xff\xfe'), b'\xff\xfe')[1]") == b"\xff\xfe"
        assert session.background_output == r"\xff\xfe"
        await check_own(session)


@pytest.mark.usefixtures("by_raw_repl")
async def test_non_utf_8_output_between_two_calls(
    board: "Board", device: Device, manager: DeviceSessionManager
) -> None:
    async with manager.open_session(device) as session:
        board.add_noise(b"\xff\xfe")
        await check_own(session)
    assert device.background_output == r"\xff\xfe"


async def test_non_utf_8_output_of_a_call_that_raises(
    board: "Board", device: Device, manager: DeviceSessionManager
) -> None:
    async with manager.open_session(device) as session:
        await session.execute(board.writer)
        with pytest.raises(RemoteError) as caught:
            await session.execute(r"write(b'\xff')" + "\nraise ValueError('own')")
        assert caught.value.output == r"\xff"
        assert caught.value.remote_message == "own"


async def test_non_utf_8_output_of_an_abandoned_call(
    board: "Board", device: Device, manager: DeviceSessionManager
) -> None:
    async with manager.open_session(device) as session:
        await session.execute(board.writer)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(session.execute, r"while True: write(b'\xff it runs \xfe')")
            await board.has_said("it runs")
            nursery.cancel_scope.cancel()
        await check_own(session)
