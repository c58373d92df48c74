"""Programs on a real interpreter that do what they can against their host.

Whatever a program does: its caller gets a value or a typed error, a cancelled caller gets out
within the recovery grace and a restart, and the device can be used on.
"""

import contextlib
import time
from collections.abc import AsyncIterator

import pytest
import trio

from belay_actors import (
    BelayError,
    Device,
    DeviceLostError,
    DeviceOptions,
    DeviceResetError,
    DeviceState,
    ProtocolError,
    RemoteError,
    ResourceCleanupError,
    ThreadHandleStatus,
    UnsupportedValueError,
    open_device,
    open_session_manager,
)

GRACE = 1.0
ATTACH = 5.0
PATIENCE = 0.3
OPTIONS = DeviceOptions(recovery_grace=GRACE, attach_timeout=ATTACH, max_output_bytes=2_000_000)


@pytest.fixture
async def device() -> AsyncIterator[Device]:
    async with open_device("micropython:", options=OPTIONS) as device:
        yield device


def token_of(device: Device) -> str:
    """A program cannot know it; here it does."""
    return device._board.attachment.token


def forge(device: Device, kind: str, ahead: int, payload: str) -> str:
    """A frame with the token, for a call that is so many calls ahead."""
    number = device._board.attachment._number + ahead
    check = sum(payload.encode(), ord(kind))
    return f"\x1e{token_of(device)}{kind}{number};{len(payload)};{check};{payload}\x1f"


def forge_for_session(device: Device, key: int, payload: str) -> str:
    """A frame with the token, as threads and timers of a session send it."""
    check = sum(payload.encode(), ord("P"))
    return f"\x1e{token_of(device)}P{key};{len(payload.encode())};{check};{payload}\x1f"


async def assert_usable(device: Device) -> None:
    """Perhaps after a reset, the news of which come with the next call."""
    with trio.fail_after(PATIENCE + GRACE + ATTACH + 5):
        for _ in range(3):
            with contextlib.suppress(DeviceResetError, ProtocolError):
                assert await device.evaluate("6 * 7") == 42
                break
        else:
            pytest.fail("the device does not come back")
        assert "well" in await device.execute("print('well')")
    assert device.state is DeviceState.OPEN


PROGRAMS = {
    "prints without end": "while True: print('x', end='')",
    "prints long lines": "line = 'x' * 10_000\nwhile True: print(line)",
    "prints ends": "while True: print('\\x04\\x04>', end='')",
    "prints raw banners": "while True: print('raw REPL; CTRL-B to exit\\r\\n>', end='')",
    "prints boots": "while True: print('MPY: soft reboot\\r\\n>>> ')",
    "prints frame starts": "while True: print('\\x1e', end='')",
    "catches interrupts": """
while True:
    try:
        while True: pass
    except BaseException: pass
""",
    "catches interrupts and prints": """
while True:
    try:
        while True: print('never', end='')
    except BaseException: print('caught')
""",
    "switches interrupts off": "import micropython\nmicropython.kbd_intr(-1)\nwhile True: pass",
    "reads what is for the prompt": """
import sys
while True:
    try: sys.stdin.read(1)
    except BaseException: pass
""",
    "reads everything once": "import sys\nwhile True: sys.stdin.read(1000)",
    "stops its process": "import os\nos.system('kill -STOP $PPID')\nwhile True: pass",
    "kills its process": "import os\nos.system('kill -INT $PPID;' * 2)\nwhile True: pass",
    "exits": "import sys\nsys.exit()",
    "exits from below": "try: 1/0\nfinally: raise SystemExit",
    "raises an interrupt": "raise KeyboardInterrupt",
    "raises what no error is": "raise BaseException('x' * 100_000)",
    "raises an error without a text": """
class E(Exception):
    def __str__(self): raise ValueError
raise E
""",
    "recurses": "def f(): return f()\nf()",
    "recurses and catches": """
def f():
    try: f()
    except: f()
f()
""",
    "takes all memory": "x = []\nwhile True: x.append('x' * 10_000)",
    "takes all memory and keeps it": """
import builtins
builtins.hoard = []
try:
    while True: builtins.hoard.append(bytearray(1000))
except MemoryError: pass
try:
    while True: builtins.hoard.append(1)
except MemoryError: pass
""",
    "locks the heap": "import micropython\nmicropython.heap_lock()",
    "deletes the core": "del __b",
    "replaces the core": "__b = print",
    "replaces the core by a liar": "def __b(*a): print('\\x1e', a, '\\x1f')",
    "replaces sum": "import builtins\nbuiltins.sum = lambda *a: 1",
    "replaces bytes": "import builtins\nbuiltins.bytes = None",
    "replaces type": "import builtins\nbuiltins.type = lambda v: int",
    "empties the modules": "import sys\nsys.modules.clear()",
    "empties its globals": "globals().clear()",
    "replaces print_exception": "import sys\nsys.print_exception = None\n1/0",
    "writes to the terminal": r"""
with open('/proc/self/fd/1', 'wb') as out:
    for _ in range(100): out.write(b'OK\x04\x04>raw REPL; CTRL-B to exit\r\n>MPY: soft reboot\r\n')
""",
    "starts threads that print": """
import _thread, time
def f():
    while True:
        print('x', end='')
        time.sleep_ms(1)
for _ in range(5): _thread.start_new_thread(f, ())
""",
}


@pytest.mark.parametrize("attack", PROGRAMS)
async def test_a_program_that_plays_foul_is_over_with_its_call(device: Device, attack: str) -> None:
    started = time.monotonic()
    with trio.move_on_after(PATIENCE), contextlib.suppress(BelayError):
        await device.execute(PROGRAMS[attack])
    assert time.monotonic() - started < PATIENCE + GRACE + ATTACH + 2
    await assert_usable(device)


BROKEN_PYTHONS = {
    "print": "lambda *a, **k: 1 / 0",
    "repr": "lambda v: '__import__(\"os\").abort()'",
    "str": "None",
    "exec": "None",
    "eval": "lambda *a: __import__('sys')",
    "bytes": "lambda *a: b'x'",
    "len": "lambda v: -1",
    "BaseException": "None",
}


@pytest.mark.parametrize("name", BROKEN_PYTHONS)
async def test_a_program_that_breaks_the_boards_python_gets_typed_errors(
    device: Device, name: str
) -> None:
    with contextlib.suppress(BelayError):
        await device.execute(f"import builtins\nbuiltins.{name} = {BROKEN_PYTHONS[name]}")
    with trio.fail_after(3 * (GRACE + ATTACH)):
        for _ in range(3):
            with contextlib.suppress(BelayError):
                await device.evaluate("6 * 7")
            with contextlib.suppress(BelayError):
                await device.execute("print('x')")


async def test_a_program_that_kills_its_interpreter_loses_the_device(device: Device) -> None:
    with trio.fail_after(ATTACH), pytest.raises(DeviceLostError, match="SIGKILL"):
        await device.execute("import os\nos.system('sleep 1 & kill -9 $PPID')\nwhile True: pass")
    assert device.state is DeviceState.LOST


EVIL_VALUES = {
    "a list that is none": "class L(list):\n def __repr__(self): return 'open(1)'\nx = L()",
    "a text that is none": "class S(str):\n def __repr__(self): return 'open(1)'\nx = S()",
    "a list that holds itself": "x = []\nx.append(x)",
    "a dict that holds itself": "x = {}\nx[1] = [x]",
    "a list with one inside": "class C:\n def __repr__(self): return '1'\nx = [C()]",
    "a deep list": "x = []\nfor _ in range(5000): x = [x]",
    "a module": "import sys as x",
    "a function": "x = print",
    "a generator": "x = (n for n in ())",
    "a large number": "x = 1 << 20_000",
    "a long list": "x = [1] * 100_000",
    "a name that is a program": "x = type('__import__(\\'os\\')', (), {})()",
    "an error in repr": "class R:\n def __repr__(self): 1 / 0\nx = R()",
    "a repr without end": "class R:\n def __repr__(self):\n  while True: pass\nx = R()",
    "a repr that prints": "class R:\n def __repr__(self): print('\\x1e' * 100)\nx = R()",
}


@pytest.mark.parametrize("attack", EVIL_VALUES)
async def test_a_value_that_plays_foul_is_a_value_or_a_typed_error(
    device: Device, attack: str
) -> None:
    await device.execute(EVIL_VALUES[attack])
    with trio.move_on_after(2):
        with contextlib.suppress(UnsupportedValueError, RemoteError):
            assert await device.evaluate("x") == [1] * 100_000
    await assert_usable(device)
    assert device.generation == 1


async def test_a_program_can_forge_its_own_reply_and_no_more(device: Device) -> None:
    """What runs on behind it is interrupted, at the latest when the next caller has had enough."""
    await assert_usable(device)  # from here on calls have one number after the other
    forged = forge(device, "V", 0, "'forged'")
    assert await device.evaluate(f"[print({forged!a}, end=''), 1 / 0]") == "forged"
    await assert_usable(device)
    forged = forge(device, "V", 0, "None")
    await device.execute(f"print({forged!a}, end='')\nwhile True: pass")
    with trio.move_on_after(PATIENCE) as scope:
        await device.evaluate("1")
    assert scope.cancelled_caught
    await assert_usable(device)


@pytest.mark.parametrize("ahead", [-1, 1, 2, 10])
@pytest.mark.parametrize("kind", "VUETN")
async def test_a_program_cannot_forge_the_reply_of_another_call(
    device: Device, kind: str, ahead: int
) -> None:
    await assert_usable(device)
    forged = forge(device, kind, ahead, "'forged'")
    await device.execute(f"print({forged!a}, end='')")
    for number in range(12):
        assert await device.evaluate(f"{number}") == number
    assert device.snapshot().dropped_frames == 1
    assert device.generation == 1


async def test_a_program_that_forges_errors_without_end_is_interrupted(device: Device) -> None:
    forged = forge(device, "T", 0, "")
    with trio.move_on_after(PATIENCE) as scope:
        await device.execute(f"while True: print({forged!a}, 'Traceback')")
    assert scope.cancelled_caught
    await assert_usable(device)


async def test_a_program_that_begins_a_frame_and_ends_has_its_reply(device: Device) -> None:
    begun = f"\x1e{token_of(device)}V7;1999999;1;'never"
    for _ in range(3):
        assert await device.evaluate(f"[print({begun!a}, end=''), 5][1]") == 5
    await assert_usable(device)


async def test_output_for_sessions_that_there_are_not_is_background_output(
    device: Device,
) -> None:
    token = token_of(device)
    await device.execute(
        f"""
for key in range(30_000):
    check = sum(b'("","abc")', ord('P'))
    print('\\x1e{token}P%d;10;%d;("","abc")\\x1f' % (key * 7919, check), end='')
"""
    )
    assert device.background_output == ("abc" * 30_000)[-64 * 1024 :]
    assert device.snapshot().session_count == 0
    await assert_usable(device)


SENSELESS = [
    "'text alone'",
    "5",
    "()",
    "('who',)",
    "('who', b'text')",
    "(5, 'text')",
    "('who', 1, (), 1)",
    "('who', 'one', ())",
    "('who', 1, None)",
    "('who', 1, 'text')",
    "('who', 1, (1,))",
    "('who', 1, ['T', 'm', 't'])",
    "('who', 1, ['T', 'm', 5, []])",
    "('who', 1, ['T', 'm', '\\ud800', []])",
    "('who', 1, {})",
    "not even a value",
]


@pytest.mark.parametrize("payload", SENSELESS)
async def test_a_senseless_frame_of_a_session_is_dropped(device: Device, payload: str) -> None:
    async with open_session_manager() as manager, manager.open_session(device) as session:
        frame = forge_for_session(device, session._seat.key, payload)
        await session.execute(f"print({frame!a}, end='')")
        assert device.snapshot().dropped_frames == 1
        assert session.background_output == device.background_output == ""
        await assert_usable(device)


@pytest.mark.parametrize("run", ["1", "0", "-1", str(10**400), "True"])
async def test_a_forged_end_of_a_thread_that_there_is_not_does_nothing(
    device: Device, run: str
) -> None:
    async with open_session_manager() as manager, manager.open_session(device) as session:
        handle = await session.executors.threads.start("wait", "while not should_stop(): pass")
        for who, key in (("other", session._seat.key), (handle.thread_id, 99)):
            forged = forge_for_session(device, key, f"({who!r}, {run}, ())")
            await session.execute(f"print({forged!a}, end='')")
        assert handle.state.status is ThreadHandleStatus.RUNNING
        assert device.snapshot().dropped_frames == 0
        await handle.stop()
        await assert_usable(device)


THREAD = "import _thread\ndef f():\n while True: %s\n_thread.start_new_thread(f, ())"
SESSION_PROGRAMS = {
    "empties its namespace": "globals().clear()",
    "replaces everything in it": "for name in list(globals()): globals()[name] = 1 / 3",
    "fills its namespace": "for n in range(5000): globals()['x%d' % n] = n",
    "imports what is none": "import sys\nsys.modules['x'] = 5\nsys.modules['y'] = sys.modules",
    "empties the modules": "import sys\nsys.modules.clear()",
    "names modules by numbers": "import sys\nsys.modules[5] = 5\nsys.modules[()] = 6",
    "deletes the core": "import __main__\ndel __main__.__b",
    "replaces the core": "import __main__\n__main__.__b = lambda *a: None",
    "never ends": "while True:\n try:\n  while True: pass\n except BaseException: pass",
    "leaves a thread that never ends": THREAD % "pass",
    "leaves a thread that prints": THREAD % "print('x')",
    "breaks gc": "import gc\ngc.collect = None",
}


@pytest.mark.parametrize("attack", SESSION_PROGRAMS)
async def test_a_session_with_a_program_that_plays_foul_ends_in_time(
    device: Device, attack: str
) -> None:
    started = time.monotonic()
    with contextlib.suppress(BelayError, ResourceCleanupError):
        async with open_session_manager() as manager, manager.open_session(device) as session:
            with trio.move_on_after(PATIENCE):
                await session.execute(SESSION_PROGRAMS[attack])
    assert time.monotonic() - started < PATIENCE + 2 * (GRACE + ATTACH)
    await assert_usable(device)
    with contextlib.suppress(DeviceResetError, ResourceCleanupError):
        async with open_session_manager() as manager, manager.open_session(device) as session:
            assert await session.evaluate("6 * 7") == 42
