"""What programs see on a fake board: names, modules and errors as on a real one, side by side."""

import attrs
import pytest
import trio
from trio.testing import MockClock

from belay_actors import Device, RemoteError, RemoteOSError, open_device, open_session_manager
from belay_actors.testing import open_fake_board

PROGRAMS = [
    "print(1, 'a', None, [1, 'b'], (1,), {'a': 1.5}, b'x', 1e100, True)",
    "print(1, 2, sep='-', end='!')",
    "import sys\nsys.stdout.write('a\\nb')",
    "import math, time, gc, sys\nprint(math.floor(2.5), time.ticks_diff(5, 3), sys.modules)",
    "import time\nprint(time.ticks_diff(time.ticks_add(time.ticks_ms(), -10), time.ticks_ms()))",
    "import time\nprint(time.ticks_diff(time.ticks_add(0, -10), 0))",
    "print(1 is 1)",
    "x = 0\n" * 100 + "1 / x",
    "def f():\n    'text'\ndef g():\n    global x\n    'text'\n    x = 5\n    return x\n"
    "print(f(), g())",
    "ns = {'a': 1}\nexec('b = a + 1', ns)\nprint(ns, eval('b + 1', ns))",
    "x = 1\ndef f():\n    exec('x = 2')\nf()\nprint(x, eval('x + 1'))",
    "class A:\n    '''doc'''\n    n = 1\n    def f(self): return [self.n for _ in range(2)]\n"
    "print(A().f())",
    "def g():\n    try:\n        yield 1\n    finally:\n        print('closed')\n"
    "for n in g(): print(n)",
    "try:\n    1 / 0\nexcept ZeroDivisionError as error:\n    print(error, repr(error.args))",
    "try: foo\nexcept NameError as e: print(e)",
    "try: import foo\nexcept ImportError as e: print(e)",
    "try: from sys import foo\nexcept ImportError as e: print(e)",
    "try: {}['a']\nexcept KeyError as e: print(e, e.args[0] == 'a')",
    "try: {}[3]\nexcept KeyError as e: print(e)",
    "try: raise OSError(5)\nexcept OSError as e: print(e, e.errno, e.args)",
    "try: raise OSError(5, 'abc')\nexcept OSError as e: print(e, e.errno, e.args)",
    "try: raise OSError('abc')\nexcept OSError as e: print(e)",
    "try: raise OSError(99999)\nexcept OSError as e: print(e)",
    "def f(): return f()\ntry: f()\nexcept RuntimeError as e: print(type(e).__name__, e)",
    "def f():\n    x\n    x = 1\ntry: f()\nexcept NameError as e: print(type(e).__name__, e)",
    "import sys\ntry: 1 / 0\nexcept Exception as error: sys.print_exception(error)",
    "import sys\ntry: sys.exit(3)\nexcept SystemExit as error: print(error.args)",
    "1 / 0",
    "raise OSError(2)",
    "raise ValueError",
    "raise ValueError(1, 2)",
    "raise KeyError('a')",
    "import foo.bar",
    "import foo",
    "assert 0, 'text'",
    "def f(n):\n    if n: f(n - 1)\n    else: [][1]\nf(2)",
    "x = 1 +",
    "  x = 1",
    "return 1",
    "exec('a b')",
    "eval(' 1 + 1')",
    "(lambda: foo)()",
    "class E(ValueError): pass\nraise E('x')",
    "raise KeyboardInterrupt",
]


@attrs.frozen
class Outcome:
    """Everything that a host can see of a program."""

    output: str
    error: str = ""
    traceback: str = ""
    errno: int | None = None


async def run(device: Device, code: str) -> Outcome:
    try:
        return Outcome(await device.execute(code))
    except RemoteError as error:
        errno = error.errno if isinstance(error, RemoteOSError) else None
        name = f"{error.type_name}: {error.remote_message}"
        return Outcome(error.output, name, error.traceback, errno)


async def test_programs_come_to_the_same_as_on_the_unix_port() -> None:
    async with (
        open_fake_board() as board,
        open_device(board) as fake,
        open_device("micropython:") as real,
    ):
        for code in PROGRAMS:
            assert await run(fake, code) == await run(real, code), code


async def test_namespaces_hold_what_sessions_put_there(autojump_clock: MockClock) -> None:
    async with (
        open_fake_board() as board,
        open_device(board) as device,
        open_session_manager() as manager,
        manager.open_session(device) as session,
    ):
        await session.execute("import math\nfrom math import pi\nx = [n for n in range(3)]")
        names = {"__name__", "print", "math", "pi", "x"}
        assert set(await session.evaluate("[*globals()]", list[str])) == names
        assert set(await session.evaluate("dir()", list[str])) == names
        assert board.namespaces == {1: {"math", "pi", "x"}}


@pytest.mark.parametrize(
    "name", ["os", "socket", "subprocess", "trio", "_thread", "belay_actors", "json"]
)
async def test_there_are_no_other_modules(autojump_clock: MockClock, name: str) -> None:
    async with open_fake_board() as board, open_device(board) as device:
        with pytest.raises(RemoteError, match=f"no module named '{name}'"):
            await device.execute(f"import {name}")


@pytest.mark.parametrize("name", ["open", "input", "compile", "__builtins__", "__loader__"])
async def test_there_are_no_other_builtins(autojump_clock: MockClock, name: str) -> None:
    async with open_fake_board() as board, open_device(board) as device:
        with pytest.raises(RemoteError, match="isn't defined"):
            await device.evaluate(name)


async def test_a_module_may_be_an_object(autojump_clock: MockClock) -> None:
    class Sensor:
        """A module of the host."""

        value = 20.5

        @staticmethod
        def read() -> float:
            return Sensor.value

    async with (
        open_fake_board(modules={"sensor": Sensor}) as board,
        open_device(board) as device,
    ):
        assert await device.execute("import sensor") == ""
        Sensor.value = 21.5
        assert await device.evaluate("sensor.read()") == 21.5
        assert await device.execute("import sys; print(sys.modules)") == "{}\n"


BLINK = """
'''Blinks.'''
import time
count = 0
def blink():
    global count
    while True:
        count += 1
        time.sleep(1)
def fail():
    1 / 0
"""


async def test_a_module_may_be_source_that_goes_with_its_sessions(
    autojump_clock: MockClock,
) -> None:
    async with (
        open_fake_board(modules={"blink": BLINK, "broken": "1 / 0"}) as board,
        open_device(board) as device,
        open_session_manager() as manager,
    ):
        async with manager.open_session(device) as session:
            await session.execute("import blink\nfrom blink import fail")
            with trio.move_on_after(10.5):
                await session.execute("blink.blink()")
            assert await session.evaluate("blink.count") == 11
            assert await session.evaluate("__import__('sys').modules['blink'].__name__") == "blink"
            with pytest.raises(RemoteError) as caught:
                await session.execute("fail()")
            assert '  File "blink.py", line 11, in fail\n' in caught.value.traceback
            with pytest.raises(RemoteError, match="divide by zero"):
                await session.execute("import broken")
        assert session.report is not None
        assert session.report.modules_removed == ("blink",)
        async with manager.open_session(device) as session:
            assert await session.evaluate("__import__('blink').count") == 0


async def test_what_the_host_calls_is_no_program_and_cannot_wait(
    autojump_clock: MockClock,
) -> None:
    handlers: list[object] = []

    class Pin:
        """Calls back."""

        irq = staticmethod(handlers.append)

    async with open_fake_board(modules={"pin": Pin}) as board, open_device(board) as device:
        await device.execute(
            "import pin, time\nseen = []\n"
            "pin.irq(lambda n: [seen.append(n) for _ in range(1000)])\npin.irq(time.sleep)"
        )
        call, sleep = handlers
        assert callable(call)
        assert callable(sleep)
        call(5)
        assert await device.evaluate("len(seen)") == 1000
        with pytest.raises(RuntimeError, match="cannot wait"):
            sleep(1)


async def test_short_calls_take_no_time(autojump_clock: MockClock) -> None:
    async with open_fake_board() as board, open_device(board) as device:
        started = trio.current_time()
        for number in range(200):
            assert await device.evaluate(f"{number}") == number
        assert trio.current_time() == started


async def test_a_program_loops_at_the_speed_of_a_board(autojump_clock: MockClock) -> None:
    async with open_fake_board() as board, open_device(board) as device:
        started = trio.current_time()
        await device.execute("for _ in range(100_000): pass")
        assert trio.current_time() - started == pytest.approx(1, rel=0.01)
        await device.execute("for _ in range(1000): print('x' * 998)")
        assert trio.current_time() - started == pytest.approx(2, rel=0.02)
