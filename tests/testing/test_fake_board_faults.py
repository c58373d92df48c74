"""Whatever befalls a fake board looks to a device as it does with a real one."""

import math
from types import SimpleNamespace

import pytest
import trio
import trio.testing
from trio.testing import MockClock

from belay_actors import (
    DeviceBusyError,
    DeviceLostError,
    DeviceNotFoundError,
    DeviceOptions,
    DeviceResetError,
    DeviceState,
    DeviceUnresponsiveError,
    RemoteError,
    open_device,
    open_session_manager,
)
from belay_actors.testing import open_fake_board

NEVER_ENDING = [
    "while True: pass",
    "import time\ntime.sleep(1000)",
    "while True:\n    try:\n        while True: pass\n    except BaseException: pass",
    "while True:\n    try:\n        while True: pass\n    except: print('no')",
    "while True:\n    try:\n        while True: pass\n    finally:\n        print('no')\n"
    "        continue",
    "def f():\n    try: f()\n    except BaseException: pass\nwhile True: f()",
    "def g():\n    try:\n        while True: yield 0\n    finally:\n"
    "        while True: print('no')\nfor _ in g(): pass",
    "def g():\n    try: yield 0\n    finally: print('no')\n"
    "def f():\n    x = g()\n    next(x)\n    while True: pass\nf()",
    "class C:\n    def __enter__(self): pass\n    def __exit__(self, *args): return True\n"
    "while True:\n    with C():\n        while True: pass",
]


async def test_a_paused_board_takes_its_time(autojump_clock: MockClock) -> None:
    async with open_fake_board() as board, open_device(board) as device:
        board.pause()
        async with trio.open_nursery() as nursery:

            @nursery.start_soon
            async def _() -> None:
                assert await device.evaluate("6 * 7") == 42
                assert trio.current_time() >= 1000

            await trio.sleep(1000)
            assert not board.is_running
            board.resume()
        assert board.starts == device.generation == 1


async def test_a_program_of_a_paused_board_stands_still(autojump_clock: MockClock) -> None:
    async with open_fake_board() as board, open_device(board) as device:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(device.execute, "n = 0\nfor _ in range(10_000_000): n += 1")
            await trio.sleep(1)
            board.pause()
            counted = board._firmware.interpreter.main["n"]
            await trio.sleep(1)
            assert board._firmware.interpreter.main["n"] == counted != 0
            board.resume()
            await trio.sleep(1)
            nursery.cancel_scope.cancel()
        assert await device.evaluate("n") != counted


async def test_a_board_that_stays_paused_is_given_up(autojump_clock: MockClock) -> None:
    async with open_fake_board() as board, open_device(board) as device:
        board.pause()
        with trio.move_on_after(1) as scope:
            await device.execute("x = 1")
        assert scope.cancelled_caught
        with pytest.raises(DeviceUnresponsiveError):
            await device.evaluate("x")
        assert device.state is DeviceState.LOST


async def test_a_board_that_stays_paused_is_restarted_if_that_can_be(
    autojump_clock: MockClock,
) -> None:
    async with open_fake_board(can_restart=True) as board, open_device(board) as device:
        await device.execute("x = 1")
        board.pause()
        with trio.move_on_after(1) as scope:
            await device.execute("x = 2")
        assert scope.cancelled_caught
        assert (board.starts, device.generation) == (2, 2)
        with pytest.raises(RemoteError, match="NameError"):
            await device.evaluate("x")


@pytest.mark.parametrize("traits", [{}, {"is_lossless": False}], ids=repr)
async def test_a_reset_while_idle_is_noticed(
    autojump_clock: MockClock, traits: dict[str, bool]
) -> None:
    async with (
        open_fake_board(**traits) as board,  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        open_device(board) as device,
        open_session_manager() as manager,
    ):
        await device.execute("x = 1")
        with pytest.raises(DeviceResetError):
            async with manager.open_session(device) as session:
                await session.execute("y = 1")
                board.reset()
                assert board.namespaces == {}
                await trio.sleep_forever()
        assert (board.starts, device.generation) == (2, 2)
        assert await device.evaluate("'x' in globals()") is False


@pytest.mark.parametrize("code", NEVER_ENDING)
async def test_a_reset_ends_every_program(autojump_clock: MockClock, code: str) -> None:
    async with open_fake_board() as board, open_device(board) as device:
        async with trio.open_nursery() as nursery:

            @nursery.start_soon
            async def _() -> None:
                with pytest.raises(DeviceResetError):
                    await device.execute(code)

            await trio.sleep(1)
            assert board.is_running
            board.reset()
            assert not board.is_running
        assert await device.evaluate("6 * 7") == 42
        assert "no" not in device.background_output
        assert (board.starts, device.generation) == (2, 2)


async def test_nothing_of_a_program_runs_after_a_reset(autojump_clock: MockClock) -> None:
    code = """
import pin
class C:
    def __enter__(self): pass
    def __exit__(self, *args): pin.off('exit')
def g():
    try: yield 0
    finally: pin.off('generator')
def f():
    unfinished = g()
    next(unfinished)
    with C():
        try:
            while True: pass
        finally: pin.off('finally')
try:
    try: f()
    except KeyError: pin.off('key')
    except: pin.off('except')
except BaseException as error: pin.off('named')
"""
    off: list[str] = []
    modules = {"pin": SimpleNamespace(off=off.append)}
    async with open_fake_board(modules=modules) as board:
        link = await board.connect()
        for end in (board.reset, board.unplug):
            link.send_nowait(b"\x01" + code.encode() + b"\x04")
            await trio.sleep(1)
            assert board.is_running
            end()
            assert not board.is_running
        assert off == []


async def test_a_reset_forgets_input_but_not_what_is_on_its_way(
    autojump_clock: MockClock,
) -> None:
    async with open_fake_board() as board:
        link = await board.connect()
        link.send_nowait(b"\x01while True: pass\x04print('no')\x04")
        await trio.sleep(1)
        board.pause()
        link.send_nowait(b"\x01print('yes')\x04")
        await trio.sleep(1)
        board.reset()
        await trio.sleep(1)
        said = await link.receive_some()
        assert b"no\r\n" not in said
        assert said.endswith(b"OKyes\r\n\x04\x04>")


async def test_a_reset_shows_the_boot_banner_and_the_friendly_prompt() -> None:
    async with open_fake_board() as board:
        link = await board.connect()
        link.send_nowait(b"\x01")
        await trio.testing.wait_all_tasks_blocked()
        assert await link.receive_some()
        board.reset()
        said = await link.receive_some()
        assert said.startswith(b"MicroPython v")
        assert said.endswith(b"\r\n>>> ")
        assert board.is_at_friendly_prompt


async def test_a_program_can_reset_its_board(autojump_clock: MockClock) -> None:
    machine = SimpleNamespace()
    async with (
        open_fake_board(modules={"machine": machine}) as board,
        open_device(board) as device,
    ):
        machine.reset = board.reset
        with pytest.raises(DeviceResetError):
            await device.execute(
                "import machine\ntry: machine.reset()\nexcept BaseException: print('no')"
            )
        assert "no" not in device.background_output
        assert (board.starts, device.generation) == (2, 2)
        assert await device.evaluate("6 * 7") == 42


@pytest.mark.parametrize("name", ["reset", "unplug", "pause"])
async def test_a_script_can_do_it_in_the_middle_of_a_call(
    autojump_clock: MockClock, name: str
) -> None:
    errors = {"reset": DeviceResetError, "unplug": DeviceLostError, "pause": trio.TooSlowError}
    async with open_fake_board() as board, open_device(board) as device:
        board.script("go()", output="going", seconds=2, effect=getattr(board, name))
        started = trio.current_time()
        with pytest.raises(errors[name]), trio.fail_after(100):
            await device.execute("go()")
        assert trio.current_time() >= started + 2


async def test_a_board_may_reset_again_while_it_is_attached(autojump_clock: MockClock) -> None:
    async with open_fake_board(latency=0.001) as board, open_device(board) as device:
        for _ in range(50):
            board.reset()
            await trio.sleep(0.0015)
        await trio.sleep(1)
        assert await device.evaluate("6 * 7") == 42
        assert board.starts == 51
        assert device.state is DeviceState.OPEN


async def test_unplugged_while_idle_a_board_is_lost(autojump_clock: MockClock) -> None:
    async with open_fake_board() as board, open_device(board) as device:
        board.unplug()
        await trio.sleep(1)
        assert device.state is DeviceState.LOST
        with pytest.raises(DeviceLostError, match="unplugged"):
            await device.evaluate("1")


@pytest.mark.parametrize("code", NEVER_ENDING)
async def test_unplugged_in_a_call_a_board_is_lost(autojump_clock: MockClock, code: str) -> None:
    async with open_fake_board() as board, open_device(board) as device:
        async with trio.open_nursery() as nursery:

            @nursery.start_soon
            async def _() -> None:
                with pytest.raises(DeviceLostError, match="unplugged"):
                    await device.execute(code)

            await trio.sleep(1)
            board.unplug()
        assert not board.is_running
        assert board.namespaces == {}


async def test_a_board_is_found_again_once_it_is_plugged_in(autojump_clock: MockClock) -> None:
    async with open_fake_board() as board:
        async with open_device(board) as device:
            await device.execute("x = 1")
            board.unplug()
        with pytest.raises(DeviceNotFoundError, match="not plugged in"):
            async with open_device(board):
                pass
        board.plug_in()
        board.plug_in()
        assert board.starts == 2
        async with open_device(board) as device:
            assert await device.evaluate("'x' in globals()") is False


async def test_an_unplugged_board_can_be_neither_reset_nor_resumed(
    autojump_clock: MockClock,
) -> None:
    async with open_fake_board() as board:
        board.unplug()
        board.reset()
        board.resume()
        board.say(b"hello")
        await trio.sleep(1)
        assert board.starts == 1
        assert not board.is_at_friendly_prompt


async def test_what_it_says_unasked_is_background_output(autojump_clock: MockClock) -> None:
    async with open_fake_board() as board, open_device(board) as device:
        board.say(b"wifi: connected\r\n")
        await trio.sleep(1)
        board.script("x", effect=lambda: board.say(b"in a call\r\n"), value=5)
        assert await device.evaluate("x") == 5
        assert device.background_output == "wifi: connected\r\nin a call\n"


async def test_ignored_interrupts_are_repeated(autojump_clock: MockClock) -> None:
    async with open_fake_board() as board, open_device(board) as device:
        board.ignored_interrupts = 3
        with trio.move_on_after(1) as scope:
            await device.execute("while True: pass")
        assert scope.cancelled_caught
        assert board.ignored_interrupts == 0
        assert await device.evaluate("6 * 7") == 42
        assert board.starts == 1


async def test_a_program_that_cannot_be_interrupted_makes_the_board_unresponsive(
    autojump_clock: MockClock,
) -> None:
    async with open_fake_board() as board, open_device(board) as device:
        board.ignored_interrupts = math.inf
        with trio.move_on_after(1) as scope:
            await device.execute("while True: pass")
        assert scope.cancelled_caught
        assert board.is_running
        with pytest.raises(DeviceUnresponsiveError):
            await device.evaluate("1")
        assert board.ignored_interrupts == math.inf


async def test_a_program_that_cannot_be_interrupted_is_restarted_if_that_can_be(
    autojump_clock: MockClock,
) -> None:
    async with open_fake_board(can_restart=True) as board, open_device(board) as device:
        board.ignored_interrupts = math.inf
        with trio.move_on_after(1):
            await device.execute("while True: pass")
        assert not board.is_running
        assert (board.starts, device.generation) == (2, 2)
        assert await device.evaluate("6 * 7") == 42


async def test_a_dead_raw_paste_is_not_found_until_the_board_is_reset(
    autojump_clock: MockClock,
) -> None:
    async with open_fake_board(is_lossless=False) as board:
        board.has_dead_raw_paste = True
        with pytest.raises(DeviceNotFoundError):
            async with open_device(board):
                pass
        plain = DeviceOptions(upload="plain")
        with pytest.raises(DeviceNotFoundError):
            async with open_device(board, options=plain):
                pass
        board.reset()
        async with open_device(board, options=plain) as device:
            assert await device.evaluate("6 * 7") == 42


async def test_what_never_answers_is_not_found(autojump_clock: MockClock) -> None:
    async with open_fake_board() as board:
        board.never_answers = True
        with pytest.raises(DeviceNotFoundError, match="does not answer"):
            async with open_device(board):
                pass
        board.never_answers = False
        async with open_device(board) as device:
            assert await device.evaluate("6 * 7") == 42


async def test_a_board_has_one_link_at_a_time(autojump_clock: MockClock) -> None:
    async with open_fake_board() as board:
        async with open_device(board):
            with pytest.raises(DeviceBusyError):
                async with open_device(board):
                    pass
        async with open_device(board):
            pass


async def test_a_small_input_buffer_loses_what_comes_while_code_runs(
    autojump_clock: MockClock,
) -> None:
    async with open_fake_board(input_buffer=63) as board:
        link = await board.connect()
        assert not link.is_lossless
        link.send_nowait(b"\x01import time\ntime.sleep(1)\x04")
        await trio.sleep(0.5)
        link.send_nowait(b"print('" + b"x" * 100 + b"')\x04")
        await trio.sleep(1)
        assert (await link.receive_some()).endswith(b"OK\x04\x04>")
        link.send_nowait(b"')\x04")
        await trio.sleep(1)
        assert await link.receive_some() == b"OK" + b"x" * 56 + b"\r\n\x04\x04>"


async def test_a_small_input_buffer_loses_what_comes_behind_a_program(
    autojump_clock: MockClock,
) -> None:
    async with open_fake_board(input_buffer=63) as board:
        link = await board.connect()
        link.send_nowait(b"\x01x = '" + b"x" * 100 + b"'\x04" + b"y = '" + b"y" * 100)
        await trio.sleep(1)
        link.send_nowait(b"'\x04print(len(x), len(y))\x04")
        await trio.sleep(1)
        assert (await link.receive_some()).endswith(b"OK100 58\r\n\x04\x04>")


async def test_a_board_with_a_small_input_buffer_needs_flow_control(
    autojump_clock: MockClock,
) -> None:
    async with open_fake_board(input_buffer=300) as board, open_device(board) as device:
        await device.execute(f"x = {'x' * 10_000!r}")
        assert await device.evaluate("len(x)") == 10_000


@pytest.mark.parametrize(
    "traits",
    [
        {"raw_paste": -1},
        {"raw_paste": 0x10000},
        {"latency": -1.0},
        {"newline": "\r"},
        {"input_buffer": -1},
        {"max_source": -1},
    ],
    ids=repr,
)
async def test_senseless_traits_are_refused(traits: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(traits))):
        async with open_fake_board(**traits):  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
            pass
