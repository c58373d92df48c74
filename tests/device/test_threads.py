"""Threads of a session on the unix port: started, watched, stopped for certain, and forgotten."""

import random
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import trio
import trio.testing

from belay_actors import (
    Device,
    DeviceCapabilityError,
    DuplicateResourceError,
    RemoteError,
    ResourceNotFoundError,
    Session,
    open_device,
    open_session_manager,
)
from belay_actors.device import ThreadState, ThreadStatus, stop_and_confirm
from belay_actors.testing import open_fake_board

RUNNING = ThreadState(ThreadStatus.RUNNING)
ENDED = ThreadState(ThreadStatus.ENDED)

BLINK = """
import time
blinks = 0
def blink(pause):
    global blinks
    while not should_stop():
        blinks += 1
        time.sleep_ms(pause)
    print("stopped")
"""


@pytest.fixture
async def session(device: Device) -> AsyncIterator[Session]:
    async with open_session_manager() as manager, manager.open_session(device) as session:
        yield session


async def wait_ended(session: Session, thread_id: str) -> ThreadState:
    with trio.fail_after(5):
        while True:
            state = (await session.device.thread_states(session._seat))[thread_id]
            if not state.is_running:
                return state


async def has_begun(session: Session) -> None:
    """Waits until a thread blinks: one that is told to stop before never runs."""
    with trio.fail_after(5):
        while not await session.evaluate("blinks", int):
            pass


async def test_a_thread_blinks_until_it_is_stopped(device: Device, session: Session) -> None:
    await session.execute(BLINK)
    await device.start_thread(session._seat, "led", "blink(1)")
    assert await device.thread_states(session._seat) == {"led": RUNNING}
    await has_begun(session)
    assert await session.evaluate("should_stop()") is False
    assert await stop_and_confirm(device, session._seat, "led") == ENDED
    blinks = await session.evaluate("blinks", int)
    assert await session.evaluate("blinks") == blinks
    assert session.background_output == "stopped\n"
    assert await stop_and_confirm(device, session._seat, "led") == ENDED


@pytest.mark.parametrize(
    ("code", "type_name", "message"),
    [
        ("1 / 0", "ZeroDivisionError", "divide by zero"),
        ("x = (", "SyntaxError", "invalid syntax"),
        ("raise KeyError('é\\n')", "KeyError", "é\n"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt", ""),
    ],
)
async def test_what_a_thread_raises_is_kept_and_not_printed(
    device: Device, session: Session, code: str, type_name: str, message: str
) -> None:
    await device.start_thread(session._seat, "it's", code)
    state = await wait_ended(session, "it's")
    assert state.status is ThreadStatus.FAILED
    assert (state.type_name, state.message) == (type_name, message)
    assert state.traceback.startswith("Traceback (most recent call last):\n")
    assert state.traceback.rstrip().endswith(f"{type_name}: {message}".rstrip())
    assert "__belay__" not in state.traceback
    assert session.background_output == device.background_output == ""
    assert await stop_and_confirm(device, session._seat, "it's") == state


async def test_the_first_thing_of_a_session_may_be_a_thread(
    device: Device, session: Session
) -> None:
    await device.start_thread(session._seat, "a", "print('hello')")
    assert await wait_ended(session, "a") == ENDED
    assert session.background_output == "hello\n"


async def test_an_id_is_used_once_at_a_time(device: Device, session: Session) -> None:
    await session.execute(BLINK)
    await device.start_thread(session._seat, "a", "blink(1)")
    with pytest.raises(DuplicateResourceError, match="'a'"):
        await device.start_thread(session._seat, "a", "blinks = -100")
    await stop_and_confirm(device, session._seat, "a")
    await device.start_thread(session._seat, "a", "pass")
    assert await wait_ended(session, "a") == ENDED
    assert await session.evaluate("blinks", int) >= 0


async def test_threads_of_two_sessions_are_apart(device: Device, session: Session) -> None:
    async with open_session_manager() as manager, manager.open_session(device) as other:
        for one in (session, other):
            await one.execute(BLINK)
            await device.start_thread(one._seat, "a", "blink(1)")
        assert await stop_and_confirm(device, session._seat, "a") == ENDED
        assert await device.thread_states(other._seat) == {"a": RUNNING}
        assert await stop_and_confirm(device, other._seat, "a") == ENDED


async def test_a_thread_that_nobody_knows(device: Device, session: Session) -> None:
    assert await device.thread_states(session._seat) == {}
    for stop in (Device.stop_thread, stop_and_confirm):
        with pytest.raises(ResourceNotFoundError, match="'x'") as caught:
            await stop(device, session._seat, "x")
        assert caught.value.session_id == session.session_id


async def test_a_board_that_can_start_no_more_threads(device: Device, session: Session) -> None:
    await device.execute(
        "import _thread, sys\nclass full:\n get_ident = _thread.get_ident\n"
        "def refuse(*args): raise OSError(11)\nfull.start_new_thread = refuse\n"
        "sys.modules['_thread'] = full"
    )
    for _ in range(2):
        with pytest.raises(RemoteError, match="OSError"):
            await device.start_thread(session._seat, "a", "pass")
    assert await device.thread_states(session._seat) == {}


async def test_one_that_will_not_stop_is_waited_for_until_cancelled(
    device: Device, session: Session
) -> None:
    await session.execute("blinks = 0; go = True\ndef run():\n    while go: pass")
    await device.start_thread(session._seat, "a", "blinks = 1\nrun()")
    await has_begun(session)
    with trio.move_on_after(0.1) as scope:
        await stop_and_confirm(device, session._seat, "a")
    assert scope.cancelled_caught
    assert await device.thread_states(session._seat) == {"a": RUNNING}
    await session.execute("go = False")
    assert await stop_and_confirm(device, session._seat, "a") == ENDED


async def test_drop_tells_which_threads_still_run_and_stops_them(device: Device) -> None:
    async with open_session_manager() as manager, manager.open_session(device) as session:
        await session.execute(BLINK)
        await device.start_thread(session._seat, "done", "pass")
        await wait_ended(session, "done")
        await device.start_thread(session._seat, "a", "blink(200)")
        await has_begun(session)
        dropped = await device.drop(session._seat)
        assert (dropped.names, dropped.threads_left) == (3, ("a",))
        assert await device.thread_states(session._seat) == {}


async def test_stopping_goes_before_work_that_waits(device: Device, session: Session) -> None:
    # All names are there before the thread: a new one may move the table that it is looking into.
    code = "import time\norder = []\ndef run():\n    while not should_stop(): pass"
    await session.execute(code)
    await device.start_thread(session._seat, "a", "run()\norder.append('stopped')")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(session.execute, "time.sleep(0.5)")
        await trio.testing.wait_all_tasks_blocked()
        nursery.start_soon(session.execute, "time.sleep(0.05)\norder.append('waited')")
        await trio.testing.wait_all_tasks_blocked()
        nursery.start_soon(stop_and_confirm, device, session._seat, "a")
    assert await session.evaluate("order") == ["stopped", "waited"]


async def test_a_start_cancelled_at_any_moment_is_registered_or_never_runs(
    device: Device, session: Session, eventually: Callable[[Callable[[], bool]], Awaitable[None]]
) -> None:
    chance = random.Random(8)
    await session.execute("ran = set()\ndef run(n):\n    ran.add(n)")
    await device.start_thread(session._seat, "first", "pass")  # so that the helper is there
    outcomes: set[bool] = set()
    for number in range(60):
        with trio.move_on_after(chance.uniform(0, 0.002)) as scope:
            await device.start_thread(session._seat, f"{number}", f"run({number})")
        outcomes.add(scope.cancelled_caught)
        if f"{number}" in await device.thread_states(session._seat):
            assert await stop_and_confirm(device, session._seat, f"{number}") == ENDED
    states = await device.thread_states(session._seat)
    known = {int(name) for name in states if name != "first"}
    assert await session.evaluate("ran", set[int]) <= known
    assert outcomes == {True, False}
    assert device.generation == 1


async def test_a_stop_cancelled_at_any_moment_may_be_asked_again(
    device: Device, session: Session
) -> None:
    await session.execute(BLINK)
    for number in range(20):
        await device.start_thread(session._seat, "a", "blink(1)")
        with trio.move_on_after(number * 0.0002):
            await stop_and_confirm(device, session._seat, "a")
        assert await stop_and_confirm(device, session._seat, "a") == ENDED
    assert device.generation == 1


async def test_threads_print_to_their_session_while_others_call(
    device: Device, session: Session, eventually: Callable[[Callable[[], bool]], Awaitable[None]]
) -> None:
    await device.start_thread(session._seat, "a", "for n in range(200): print('line', n)")
    for number in range(50):
        assert await device.evaluate(f"{number}") == number
    await eventually(lambda: session.background_output.endswith("line 199\n"))
    assert session.background_output == "".join(f"line {n}\n" for n in range(200))


async def test_a_board_without_threads_is_sent_nothing() -> None:
    async with (
        open_fake_board() as board,
        open_device(board) as device,
        open_session_manager() as manager,
        manager.open_session(device) as session,
    ):
        calls = device.snapshot().calls.served
        with pytest.raises(DeviceCapabilityError, match="no threads"):
            await device.start_thread(session._seat, "a", "pass")
        with pytest.raises(DeviceCapabilityError, match="no threads"):
            await stop_and_confirm(device, session._seat, "a")
        with pytest.raises(DeviceCapabilityError, match="no threads"):
            await device.thread_states(session._seat)
        assert device.snapshot().calls.served == calls
