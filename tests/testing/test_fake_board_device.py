"""Devices and sessions on a fake board: its real core and programs, in virtual time."""

# What a scope that is cancelled has bound is looked at after it:
# pyright: reportPossiblyUnboundVariable=none

import math
from types import SimpleNamespace

import pytest
import trio
import trio.testing
from trio.testing import MockClock

from belay_actors import (
    DeviceNotFoundError,
    DeviceOptions,
    RemoteError,
    RemoteOSError,
    open_device,
    open_session_manager,
)
from belay_actors.device._attach import attach
from belay_actors.testing import open_fake_board

STUBBORN = """
caught = 0
while caught < 5:
    try:
        while True: pass
    except BaseException:
        caught += 1
while True: pass
"""


@pytest.mark.parametrize(
    "traits",
    [
        {},
        {"newline": "\n"},
        {"latency": 0.01},
        {"is_lossless": False},
        {"is_lossless": False, "raw_paste": 1},
        {"is_lossless": False, "raw_paste": 0},
        {"is_lossless": False, "raw_paste": None},
        {"input_buffer": 260},
        {"latency": 0.01, "is_lossless": False},
    ],
    ids=repr,
)
async def test_sessions_live_on_every_kind_of_board(
    autojump_clock: MockClock, traits: dict[str, object]
) -> None:
    async with (
        open_fake_board(**traits) as board,  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        open_device(board) as device,
        open_session_manager() as manager,
    ):
        async with manager.open_session(device) as one, manager.open_session(device) as two:
            await one.execute("x = 'one'\ndef f(a): return [a, x]")
            await two.execute("x = 'two'")
            assert await one.evaluate("f((1, {'k': 2.5}))") == [(1, {"k": 2.5}), "one"]
            assert await two.evaluate("x") == "two"
            assert await two.execute("for x in range(3): print('line', x)") == (
                "line 0\nline 1\nline 2\n"
            )
            with pytest.raises(RemoteError, match="NameError: name 'f' isn't defined"):
                await two.evaluate("f(1)")
            with trio.move_on_after(1) as scope:
                await one.execute("while True: pass")
            assert scope.cancelled_caught
            assert await one.evaluate("x") == "one"
            assert board.namespaces == {1: {"x", "f"}, 2: {"x"}}
        assert board.namespaces == {}
        assert device.background_output == ""
        assert board.starts == device.generation == 1


async def test_a_traceback_is_that_of_the_program(autojump_clock: MockClock) -> None:
    async with open_fake_board() as board, open_device(board) as device:
        await device.execute("def f(a):\n    for b in a:\n        1 / b")
        with pytest.raises(RemoteError) as caught:
            await device.evaluate("f([1, 0])")
    assert caught.value.traceback == (
        "Traceback (most recent call last):\n"
        '  File "<string>", line 1, in <module>\n'
        '  File "<string>", line 3, in f\n'
        "ZeroDivisionError: divide by zero\n"
    )


@pytest.mark.parametrize(
    "code",
    [
        "while True: pass",
        "import time\ntime.sleep(1000)",
        "import time\nwhile True: time.sleep_ms(1)",
        "while True: print('x' * 100)",
        "print('\\x04\\x04>', end='')\nwhile True: pass",
        "[0 for _ in iter(int, 1)]",
        "any(False for _ in iter(int, 1))",
        "f = lambda: 0\nfor _ in iter(f, 1): pass",
        "def f(): return f()\nwhile True:\n    try: f()\n    except RuntimeError: pass",
        "any(map(lambda _: False, iter(int, 1)))",
        "sorted(range(10), key=lambda n: [0 for _ in iter(int, 1)])",
        STUBBORN,
    ],
)
async def test_a_cancelled_program_has_stopped(autojump_clock: MockClock, code: str) -> None:
    async with open_fake_board() as board, open_device(board) as device:
        with trio.move_on_after(2) as scope:
            await device.execute(code)
        assert scope.cancelled_caught
        assert 2 <= trio.current_time() < 4
        assert not board.is_running
        assert await device.evaluate("6 * 7") == 42
        assert board.starts == 1


async def test_the_interrupt_comes_while_the_program_sleeps(autojump_clock: MockClock) -> None:
    code = """
import time
try: time.sleep(1000)
except KeyboardInterrupt: slept = time.time()
"""
    async with open_fake_board() as board, open_device(board) as device:
        with trio.move_on_after(5):
            await device.execute(code)
        assert await device.evaluate("slept") == 5


async def test_a_program_sleeps_on_trios_clock(autojump_clock: MockClock) -> None:
    code = """
import time
start = time.ticks_ms()
time.sleep(1.5); time.sleep_ms(250); time.sleep_us(250_000)
"""
    async with open_fake_board() as board, open_device(board) as device:
        started = trio.current_time()
        await device.execute(code)
        assert trio.current_time() - started == pytest.approx(2)
        assert await device.evaluate("time.ticks_diff(time.ticks_ms(), start)") == 2000


async def test_two_boards_sleep_at_the_same_time(autojump_clock: MockClock) -> None:
    async with (
        open_fake_board(name="one") as one,
        open_fake_board(name="two") as two,
        open_device(one) as first,
        open_device(two) as second,
    ):
        assert (first.name, second.name) == ("one", "two")
        started = trio.current_time()
        async with trio.open_nursery() as nursery:
            for device in (first, second):
                nursery.start_soon(device.execute, "import time\ntime.sleep(10)")
        assert trio.current_time() - started == pytest.approx(10)


async def test_it_works_on_the_real_clock() -> None:
    async with open_fake_board() as board, open_device(board) as device:
        with trio.move_on_after(0.01):
            await device.execute("while True: pass")
        assert await device.evaluate("6 * 7") == 42


async def test_closing_leaves_the_friendly_prompt_and_the_names_of_main(
    autojump_clock: MockClock,
) -> None:
    async with open_fake_board() as board:
        async with open_device(board) as device:
            await device.execute("kept = 7")
            assert board.is_connected
            assert not board.is_at_friendly_prompt
        await trio.testing.wait_all_tasks_blocked()
        assert board.is_at_friendly_prompt
        assert not board.is_connected
        async with open_device(board) as device:
            assert await device.evaluate("kept") == 7
            assert not device.snapshot().was_swept


async def test_after_a_cancellation_from_outside_nothing_is_left(autojump_clock: MockClock) -> None:
    async with open_fake_board() as board:
        with trio.move_on_after(1) as scope:
            async with (
                open_device(board) as device,
                open_session_manager() as manager,
                manager.open_session(device) as session,
            ):
                await session.execute("x = 1")
                await session.execute("while True: pass")
        assert scope.cancelled_caught
        await trio.testing.wait_all_tasks_blocked()
        assert board.namespaces == {}
        assert not board.is_running
        assert board.is_at_friendly_prompt


async def test_a_board_lives_on_while_its_scope_is_cancelled(autojump_clock: MockClock) -> None:
    with trio.move_on_after(1) as scope:
        async with (
            open_fake_board(latency=0.1) as board,
            open_device(board) as device,
            open_session_manager() as manager,
            manager.open_session(device) as session,
        ):
            await session.execute("while True: pass")
    assert scope.cancelled_caught
    assert session.report is not None
    assert session.report.is_clean
    assert board.namespaces == {}


async def test_after_its_scope_it_is_gone() -> None:
    async with open_fake_board() as board:
        pass
    with pytest.raises(DeviceNotFoundError):
        await board.connect()
    with pytest.raises(RuntimeError, match="scope"):
        board.plug_in()


class Nobody:
    """Listens to nothing."""

    def on_session_output(self, key: int, payload: bytes) -> None: ...

    def on_unsolicited(self, data: bytes) -> None: ...

    def on_dropped_frame(self) -> None: ...


async def test_a_dead_hosts_leftovers_are_swept(autojump_clock: MockClock) -> None:
    async with open_fake_board() as board:
        _, attachment = await attach(board, Nobody(), DeviceOptions())
        await attachment.run(1, "secret = 1", is_expression=False)
        await attachment.connection.aclose()
        assert board.namespaces == {1: {"secret"}}
        async with open_device(board) as device:
            assert device.snapshot().was_swept
            assert board.namespaces == {}


# Scripted replies.


async def test_a_script_happens_instead_of_the_code(autojump_clock: MockClock) -> None:
    async with (
        open_fake_board() as board,
        open_device(board) as device,
        open_session_manager() as manager,
        manager.open_session(device) as session,
    ):
        board.script("sensor.read()", value=(21.5, "C"), seconds=3)
        board.script("import sensor", output="found\n")
        started = trio.current_time()
        assert await session.execute("import sensor") == "found\n"
        assert trio.current_time() == started
        assert await session.evaluate(" sensor.read() ") == (21.5, "C")
        assert trio.current_time() == started + 3
        with pytest.raises(RemoteError, match="NameError"):
            await session.evaluate("sensor.read( )")


async def test_a_script_raises(autojump_clock: MockClock) -> None:
    async with open_fake_board() as board, open_device(board) as device:
        board.script("read()", output="reading\n", error=OSError(5))
        for _ in range(2):
            with pytest.raises(RemoteOSError, match=r"OSError: \[Errno 5\] EIO") as caught:
                await device.execute("read()")
            assert caught.value.errno == 5
            assert caught.value.output == "reading\n"
            assert caught.value.traceback.count("File") == 0


async def test_a_script_that_never_ends_can_be_cancelled(autojump_clock: MockClock) -> None:
    async with open_fake_board() as board, open_device(board) as device:
        board.script("hang()", seconds=math.inf)
        with trio.move_on_after(100) as scope:
            await device.execute("hang()")
        assert scope.cancelled_caught
        assert await device.evaluate("1") == 1


async def test_a_script_has_an_effect_on_the_host(autojump_clock: MockClock) -> None:
    seen: list[float] = []
    async with open_fake_board() as board, open_device(board) as device:
        board.script("go()", seconds=2, effect=lambda: seen.append(trio.current_time()))
        board.script("go()", seconds=4, effect=lambda: seen.append(-trio.current_time()))
        await device.execute("go()")
    assert seen == [pytest.approx(-4)]


async def test_the_history_holds_what_has_run(autojump_clock: MockClock) -> None:
    async with open_fake_board() as board:
        async with open_device(board) as device, open_session_manager() as manager:
            await device.detect()
            before = board.history
            async with manager.open_session(device) as session:
                board.script("y", value=2)
                await session.execute("x = 1")
                await session.evaluate("y")
                assert board.history[len(before) :] == ("x = 1", "y")
        for _ in range(600):
            board._remember("a")
            board._remember("b")
        assert board.history == ("a", "b") * 500


async def test_a_board_is_detected_and_its_timers_are_stopped(autojump_clock: MockClock) -> None:
    class Timer:
        is_stopped = False

        def deinit(self) -> None:
            self.is_stopped = True

    timer = Timer()
    machine = SimpleNamespace(Timer=Timer, unique_id=lambda: b"\x0a", make=lambda: timer)
    modules = {"machine": machine, "network": "raise ValueError"}
    async with (
        open_fake_board(modules=modules) as board,
        open_device(board) as device,
        open_session_manager() as manager,
    ):
        found = await device.detect()
        assert (found.has("machine.Timer"), found.has("network")) == (True, False)
        assert (found.unique_id, found.float_bits, found.has_threads) == ("0a", 64, False)
        session = await manager.create_session(device)
        await session.execute("import machine\ntimer = machine.make()")
        dropped = await device.drop(session._seat, measure=True)
        assert (dropped.names, dropped.timers_stopped, timer.is_stopped) == (2, ("timer",), True)
        assert dropped.memory is not None
        assert board.namespaces == {}
