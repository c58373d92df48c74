"""The resident loop on a real interpreter: every promise holds in it, whatever befalls it."""

import contextlib
import os
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
import trio

from belay_actors import (
    BelayError,
    Device,
    DeviceLostError,
    DeviceOptions,
    DeviceResetError,
    ProtocolError,
    RemoteError,
    open_device,
    open_session_manager,
)
from belay_actors.transport import LocalLink
from belay_actors.wire._requests import LEAVE
from boards import SOFT_RESET, open_unix_board
from in_the_loop import BUSY, PATIENCE, check, is_resident, say_no_goodbye

LinkOf = Callable[[Device], LocalLink]
Eventually = Callable[[Callable[[], bool]], Awaitable[None]]

pytestmark = pytest.mark.usefixtures("only_in_the_loop")

RAW_BANNER = "raw REPL; CTRL-B to exit\\r\\n>"
TALK = """
import _thread, sys, time
stop = False
talks = True
def talk(text):
    global talks
    while not stop:
        sys.stdout.write(text)
        time.sleep_ms(1)
    talks = False
"""


async def test_calls_are_in_the_loop(device: Device) -> None:
    await check(device)


async def test_it_can_be_switched_off() -> None:
    async with open_device("micropython:", options=DeviceOptions(resident=False)) as device:
        for number in range(10):
            assert await device.evaluate(f"{number}") == number
        assert not is_resident(device)


async def test_raw_paste_has_no_loop() -> None:
    async with open_device("micropython:", options=DeviceOptions(upload="raw-paste")) as device:
        assert await device.evaluate("6 * 7") == 42
        assert not is_resident(device)


async def test_a_board_that_cannot_have_it_goes_on_without(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def source(_: object) -> str:
        return "def resident(number): raise AttributeError('stdin')"

    monkeypatch.setattr("belay_actors.device._attachment.helper_source", source)
    async with open_device("micropython:") as device:
        for number in range(3):
            assert await device.evaluate(f"{number}") == number
        assert not is_resident(device)


async def test_a_call_is_cancelled_anywhere(device: Device) -> None:
    """Wherever that is, the next call is right."""

    async def scenario(number: int) -> None:
        assert await device.evaluate(f"[{number}, sum(range(2000))]") == [number, 1999000]

    for pause in range(40):
        with trio.move_on_after(pause / 20_000):
            await scenario(pause)
        assert await device.evaluate(f"{pause}") == pause
    await check(device)
    assert device.generation == 1


@pytest.mark.parametrize("count", [1, 3])
async def test_an_interrupt_that_comes_too_late_harms_no_call(
    device: Device, link_of: LinkOf, count: int
) -> None:
    await check(device)
    for _ in range(count):
        os.kill(link_of(device).pid, signal.SIGINT)
        with trio.fail_after(PATIENCE):
            try:
                assert await device.evaluate("6 * 7") == 42
            except RemoteError as error:
                assert error.type_name == "KeyboardInterrupt"  # noqa: PT017
    await check(device)
    assert device.generation == 1


async def test_an_interrupt_while_it_listens_leads_to_the_prompt_and_back(
    device: Device, link_of: LinkOf, eventually: Eventually
) -> None:
    await check(device)
    status = Path(f"/proc/{link_of(device).pid}/stat")
    await eventually(lambda: status.read_text("ascii").rpartition(") ")[2].startswith("S"))
    os.kill(link_of(device).pid, signal.SIGINT)
    await eventually(lambda: not is_resident(device))
    await check(device)
    assert device.generation == 1


async def test_a_killed_interpreter_is_lost(device: Device, link_of: LinkOf) -> None:
    await check(device)
    os.kill(link_of(device).pid, signal.SIGKILL)
    with pytest.raises(DeviceLostError):
        await device.evaluate("1")


async def test_a_reset_while_it_listens_is_told(
    device: Device, link_of: LinkOf, eventually: Eventually
) -> None:
    await check(device)
    link_of(device).send_nowait(SOFT_RESET)
    await eventually(lambda: device.generation == 2)
    await check(device)


async def test_a_reset_by_others_just_before_a_call_is_told(
    device: Device, link_of: LinkOf
) -> None:
    await check(device)
    link_of(device).send_nowait(SOFT_RESET)
    with trio.fail_after(PATIENCE), pytest.raises(DeviceResetError):
        await device.execute("x = 1\ny = 2")
    assert await device.evaluate("'x' in globals() or 'y' in globals()") is False
    await check(device)


async def test_another_who_sends_it_to_the_friendly_prompt_is_noticed(
    device: Device, link_of: LinkOf
) -> None:
    await check(device)
    link_of(device).send_nowait(LEAVE + b"\x02")
    with trio.fail_after(PATIENCE):
        for _ in range(2):
            with contextlib.suppress(BelayError):
                assert await device.evaluate("6 * 7") == 42
    await check(device)


@pytest.mark.parametrize(
    "text",
    [
        "noise",
        "\x04\x04>",
        "OK\x04\x04>",
        RAW_BANNER,
        "MPY: soft reboot\\r\\n",
        "?;0;0",
        "\x1e\x1f",
    ],
)
async def test_a_thread_that_writes_all_the_time_harms_no_call(device: Device, text: str) -> None:
    text = text.replace("\\r\\n", "\r\n")
    await device.execute(TALK)
    await device.execute(f"_thread.start_new_thread(talk, ({text!r},))")
    right = 0
    for number in range(60):
        try:
            right += await device.evaluate(f"{number}, 'own'") == (number, "own")
        except BelayError as error:
            assert "unknown" in str(error)  # noqa: PT017
    assert right > 30
    with contextlib.suppress(ProtocolError):  # its outcome, too, may be unknown
        await device.execute("stop = True\nwhile talks: time.sleep_ms(1)")
    await check(device)
    assert device.generation == 1


@pytest.mark.parametrize(
    "code",
    [
        "input()",
        "import sys\nsys.stdin.read(1)",
        "import sys\nsys.stdin.read(64)",
        "import sys\nsys.stdin.buffer.read(200)",
        "import sys\nwhile True: sys.stdin.readline()",
        "while True: pass",
        "while True: print('\\x04\\x04>', end='')",
        "import time\ntime.sleep(100)",
    ],
)
async def test_a_program_is_cancelled_whatever_it_waits_for(device: Device, code: str) -> None:
    await check(device)
    for _ in range(2):
        with trio.fail_after(PATIENCE), trio.move_on_after(0.1) as scope:
            await device.execute(code)
        assert scope.cancelled_caught
        await check(device)
    assert device.generation == 1


async def test_a_full_heap_is_an_error_and_no_more(device: Device) -> None:
    async with open_session_manager() as manager, manager.open_session(device) as session:
        with pytest.raises(RemoteError, match="MemoryError"):
            await session.execute("def f():\n x = []\n while True: x.append(bytearray(1000))\nf()")
        with trio.fail_after(PATIENCE):
            assert await session.evaluate("6 * 7") == 42
    await check(device)
    assert device.generation == 1


async def test_code_may_have_any_character(device: Device) -> None:
    for number in [*range(32), 127, 0xE9, 0x20AC, 0x1F600]:
        text = f"a{chr(number)}b"
        if number not in (0, 10, 13):  # as in any source, a string has no ends of lines
            assert await device.evaluate(f"'{text}'") == text, number
    assert await device.evaluate("'''a\nb'''") == "a\nb"
    await check(device)


async def test_code_may_be_long(device: Device) -> None:
    for size in (40, 63, 64, 65, 4096, 300_000):
        assert await device.evaluate(f"len('{'x' * size}')") == size
    lines = "".join(f"x{number} = {number}\n" for number in range(5000))
    await device.execute(lines)
    assert await device.evaluate("x4999") == 4999
    await check(device)


DEPTH = """
def deepest():
    n = 0
    def dive():
        nonlocal n
        n += 1
        dive()
    try: dive()
    except RuntimeError: return n
"""


async def test_it_takes_little_of_the_stack() -> None:
    depths: list[int] = []
    for resident in (False, True):
        async with open_device("micropython:", options=DeviceOptions(resident=resident)) as device:
            await device.execute(DEPTH)
            depth = await device.evaluate("deepest()", int)
            depths.append(depth)
    assert depths[0] - depths[1] < 10 + depths[0] // 20


async def test_a_session_is_not_told_of_what_the_loop_takes(device: Device) -> None:
    async with open_session_manager() as manager:
        async with manager.open_session(device) as session:
            await session.execute("x = 1")
        assert session.report is not None
        assert not session.report.left


async def test_a_program_that_forges_the_loops_end_gets_a_typed_error(device: Device) -> None:
    await check(device)
    attachment = device._board.attachment
    loop = attachment.connection._machine._loop
    for kind, payload in (("E", "()"), ("V", "None"), ("T", ""), ("Q", "")):
        check_sum = sum(payload.encode(), ord(kind))
        forged = f"\x1e{attachment.token}{kind}{loop};{len(payload)};{check_sum};{payload}\x1f"
        with trio.fail_after(PATIENCE):
            with contextlib.suppress(BelayError):
                await device.execute(f"print({forged!r}, end='')")
        with trio.fail_after(PATIENCE):
            with contextlib.suppress(BelayError):
                assert await device.evaluate("6 * 7") == 42
        await check(device)
        loop = attachment.connection._machine._loop


async def test_a_closed_device_leaves_a_board_as_it_was() -> None:
    async with open_unix_board() as board:
        async with open_device(board) as device:
            await device.execute("kept = 1")
            assert is_resident(device)
        link = await board.connect()
        await link.send_all(b"\r\nprint('says', '__b' in globals(), kept)\r\n")
        said = b""
        with trio.fail_after(PATIENCE):
            while b"says False 1" not in said:
                said += await link.receive_some()
        await link.aclose()


async def test_the_next_host_finds_a_board_that_was_left_in_the_loop() -> None:
    """As after a host that was killed: nobody has said goodbye."""
    async with open_unix_board() as board:
        for is_busy in (False, True):
            async with open_device(board) as device:
                await check(device)
                if is_busy:
                    board.link.send_nowait(BUSY)
                say_no_goodbye(device)
            async with open_device(board) as device:
                await check(device)
