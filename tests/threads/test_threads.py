"""Handles of threads on a real board: what they know, how they stop, how they end."""

# What a failing scope has bound is looked at after it:
# pyright: reportPossiblyUnboundVariable=none

import math
import time
from collections.abc import Awaitable, Callable

import pytest
import trio
import trio.testing

from belay_actors import (
    Device,
    DeviceCapabilityError,
    DeviceResetError,
    RemoteError,
    RemoteOSError,
    ResourceCleanupError,
    Session,
    SessionClosedError,
    SessionManagementOptions,
    ThreadEnded,
    ThreadFailed,
    ThreadHandle,
    ThreadHandleStatus,
    ThreadStatus,
    UnstoppableThreadError,
    open_device,
    open_session_manager,
)
from belay_actors.executors import ThreadExecutor
from belay_actors.testing import open_fake_board
from belay_actors.transport import LocalLink
from blinking import BLINK, COUNTS, blinks, blinks_on, has_stopped
from boards import SOFT_RESET
from thread_recorder import Recorder

Eventually = Callable[[Callable[[], bool]], Awaitable[None]]
LONG = 600.0  # seconds between polls: only the board's own word can have told


def status_of(handle: ThreadHandle) -> ThreadHandleStatus:
    return handle.state.status


async def test_d03_a_thread_runs_and_is_stopped_for_certain(
    device: Device, session: Session
) -> None:
    handle = await session.executors.threads.start("blink", "blink(1)")
    assert status_of(handle) is ThreadHandleStatus.RUNNING
    assert (handle.name, handle.session_id) == ("blink", session.session_id)
    assert [info.thread_id for info in session.resources.get_active_threads()] == [handle.thread_id]
    await blinks_on(device)
    assert (await handle.get_state()).is_running
    await handle.stop()
    assert await has_stopped(device)
    assert status_of(handle) is ThreadHandleStatus.STOPPED
    assert session.resources.get_active_threads() == ()
    await handle.stop()
    await handle.wait()
    assert (await handle.get_state()).status is ThreadStatus.ENDED


async def test_d03_stopping_waits_for_the_finally_and_not_for_the_sleep(
    device: Device, session: Session
) -> None:
    await session.execute(
        "def slow():\n"
        "    try:\n"
        "        counts['blinks'] = 1\n"
        "        sleep_ms(60_000)\n"
        "    finally:\n"
        "        time.sleep_ms(100)\n"
        "        counts['blinks'] = -1\n"
        "def run():\n"
        "    slow()\n"
        "    counts['blinks'] = -2\n"
    )
    handle = await session.executors.threads.start("run", "run()")
    await blinks_on(device)
    started = trio.current_time()
    await handle.stop()
    assert 0.1 <= trio.current_time() - started < 1.5
    assert await blinks(device) == -1
    assert status_of(handle) is ThreadHandleStatus.STOPPED


async def test_d03_an_end_is_told_at_once_and_nobody_has_to_ask(
    device: Device, session: Session
) -> None:
    """While somebody waits, and nothing is sent to the board for that."""
    executor = ThreadExecutor(session.board_threads, poll=LONG)
    handle = await executor.start("short", "sleep_ms(100)")
    served = device.snapshot().calls.served
    with trio.fail_after(5):
        await handle.wait()
    assert device.snapshot().calls.served == served
    assert status_of(handle) is ThreadHandleStatus.RETURNED


async def lose_news(session: Session) -> None:
    """Has the board's word of ends be lost: the helper is made anew without a way to tell."""
    await session.executor_context.start_thread("first", "pass")  # the helper is there
    await session.resources.cleanup_resources()
    seat = session.device._core_seat
    await session.device.run_in(
        seat,
        "who[0],tool_stop,tool_sleep,run_thread=globals()['__belay__'](everyone,lambda *a:None)",
        is_expression=False,
    )


async def test_d03_an_end_of_which_the_word_is_lost_is_found_by_asking(
    device: Device, session: Session
) -> None:
    await lose_news(session)
    handle = await ThreadExecutor(session.board_threads, poll=0.05).start("short", "pass")
    with trio.fail_after(5):
        await handle.wait()
    late = await ThreadExecutor(session.board_threads, poll=LONG).start("short", "raise KeyError")
    with trio.fail_after(5):
        while status_of(late) is ThreadHandleStatus.RUNNING:
            await late.get_state()
    assert status_of(late) is ThreadHandleStatus.FAILED
    stopped = await ThreadExecutor(session.board_threads, poll=LONG).start("blink", "blink(1)")
    with trio.fail_after(5):
        await stopped.stop()
    assert await has_stopped(device)


async def test_d03_waiting_for_many_asks_the_board_once_for_all(
    device: Device, session: Session
) -> None:
    await lose_news(session)
    executor = ThreadExecutor(session.board_threads, poll=0.4)
    handles = [await executor.start("nap", "sleep_ms(1000)") for _ in range(10)]
    served = device.snapshot().calls.served
    async with trio.open_nursery() as nursery:
        for handle in handles:
            nursery.start_soon(handle.wait)
    assert device.snapshot().calls.served - served <= 8


@pytest.mark.parametrize(
    ("code", "type_name", "message"),
    [
        ("1 / 0", "ZeroDivisionError", "divide by zero"),
        ("x = (", "SyntaxError", "invalid syntax"),
        ("raise KeyError('é\\n')", "KeyError", "é\n"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt", ""),
        ("raise ValueError('y' * 5000)", "ValueError", "y" * 2000),
    ],
)
async def test_d03_a_failure_is_raised_where_it_is_waited_for(
    session: Session, recorder: Recorder, code: str, type_name: str, message: str
) -> None:
    handle = await session.executors.threads.start("bad", code)
    for _ in range(2):
        with pytest.raises(RemoteError) as caught:
            await handle.wait()
        error = caught.value
        assert (error.type_name, error.remote_message) == (type_name, message)
        assert (error.session_id, error.device) == (session.session_id, session.device.name)
        assert error.traceback.startswith("Traceback") or len(error.traceback) == 2000
        assert "__belay__" not in error.traceback
    assert status_of(handle) is ThreadHandleStatus.FAILED
    assert handle.state.error is not None
    assert (await handle.get_state()).type_name == type_name
    assert session.is_active
    assert session.resources.get_active_threads() == ()
    assert recorder.kinds() == ["ThreadRegistered", "ThreadFailed"]


async def test_d03_an_os_error_is_one_and_its_traceback_may_be_mapped(session: Session) -> None:
    handle = await session.executors.threads.start(
        "bad", "raise OSError(5)", map_traceback=lambda text: text.replace("<string>", "mine.py")
    )
    with pytest.raises(OSError, match="EIO") as caught:
        await handle.wait()
    assert isinstance(caught.value, RemoteOSError)
    assert caught.value.errno == 5
    assert 'File "mine.py", line 1' in caught.value.traceback


async def test_d03_a_thread_that_leaves_by_system_exit_returned(session: Session) -> None:
    handle = await session.executors.threads.start("leave", "import sys\nsys.exit(3)")
    await handle.wait()
    assert status_of(handle) is ThreadHandleStatus.RETURNED


async def test_d03_one_that_ends_before_its_start_has_replied_is_told_in_order(
    session: Session, recorder: Recorder
) -> None:
    for _ in range(20):
        handle = await session.executors.threads.start("short", "pass")
        await handle.wait()
    assert recorder.kinds() == ["ThreadRegistered", "ThreadEnded"] * 20
    assert session.resources.get_active_threads() == ()


async def test_d03_a_sign_of_life_is_told(
    device: Device, session: Session, eventually: Eventually
) -> None:
    del eventually
    await session.execute(
        "def quiet(): \n"
        "    should_stop()\n"
        "    counts['blinks'] = 1\n"
        "    while counts['go']: time.sleep_ms(1)\n"
    )
    handle = await session.executors.threads.start("quiet", "quiet()")
    await blinks_on(device)
    before = trio.current_time()
    first = (await handle.get_state()).last_beat
    await device.execute("import time\ntime.sleep_ms(150)")
    second = (await handle.get_state()).last_beat
    passed = trio.current_time() - before
    assert 0.14 < second - first < passed + 0.01
    await device.execute("counts['go'] = False")
    await handle.wait()
    lively = await session.executors.threads.start("lively", "while not should_stop(): pass")
    await device.execute("time.sleep_ms(150)")
    assert (await lively.get_state()).last_beat < 0.1


# One that will not stop.


@pytest.fixture
def brief() -> SessionManagementOptions:
    return SessionManagementOptions(resource_cleanup_timeout=0.4)


async def test_d03_one_that_will_not_stop_is_told_and_left_to_the_sessions_end(
    device: Device, brief: SessionManagementOptions
) -> None:
    await device.execute(COUNTS)
    with pytest.raises(ResourceCleanupError, match="thread 'cling-1'"):
        async with (
            open_session_manager(brief) as manager,
            manager.open_session(device) as session,
        ):
            await session.execute(BLINK)
            handle = await session.executors.threads.start("cling", "cling()")
            await blinks_on(device)
            for _ in range(2):
                with pytest.raises(UnstoppableThreadError, match="reset of the board") as caught:
                    await handle.stop()
                assert caught.value.thread_id == handle.thread_id
                assert caught.value.session_id == session.session_id
                assert 0.3 < caught.value.last_beat < 5
                assert status_of(handle) is ThreadHandleStatus.UNSTOPPABLE
            assert len(session.resources.get_active_threads()) == 1
    assert session.report is not None
    assert [left.what for left in session.report.left] == ["thread 'cling-1'"]
    assert status_of(handle) is ThreadHandleStatus.LOST
    with pytest.raises(SessionClosedError):
        await handle.wait()
    with pytest.raises(SessionClosedError):
        await handle.stop()
    await device.execute("counts['go'] = False")
    with trio.fail_after(5):
        while not await has_stopped(device):
            pass


async def test_d03_one_that_stops_late_has_stopped(
    device: Device, brief: SessionManagementOptions, recorder: Recorder
) -> None:
    await device.execute(COUNTS)
    async with (
        open_session_manager(brief, observers=[recorder]) as manager,
        manager.open_session(device) as session,
    ):
        await session.execute(BLINK)
        handle = await session.executors.threads.start("cling", "cling()")
        await blinks_on(device)
        with pytest.raises(UnstoppableThreadError):
            await handle.stop()
        await device.execute("counts['go'] = False")
        with trio.fail_after(5):
            await handle.wait()
        assert status_of(handle) is ThreadHandleStatus.STOPPED
        await handle.stop()
    (ended,) = (event for event in recorder.events if isinstance(event, ThreadEnded))
    assert (ended.status, ended.restarts) == ("stopped", 0)


async def test_d03_a_stop_that_is_cancelled_may_be_asked_again(
    device: Device, session: Session
) -> None:
    handle = await session.executors.threads.start("cling", "cling()")
    await blinks_on(device)
    with trio.move_on_after(0.1) as scope:
        await handle.stop()
    assert scope.cancelled_caught
    assert status_of(handle) is ThreadHandleStatus.STOPPING
    await device.execute("counts['go'] = False")
    await handle.stop()
    assert await has_stopped(device)


async def test_d03_many_may_wait_and_stop_at_once_and_be_cancelled(
    device: Device, session: Session
) -> None:
    handle = await session.executors.threads.start("blink", "blink(1)")
    await blinks_on(device)
    with trio.move_on_after(0.05) as scope:
        await handle.wait()
    assert scope.cancelled_caught
    assert status_of(handle) is ThreadHandleStatus.RUNNING
    async with trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(handle.wait)
            nursery.start_soon(handle.stop)
    assert await has_stopped(device)


# Its session.


async def test_d03_a_session_that_ends_stops_it_and_tells_those_who_wait(device: Device) -> None:
    await device.execute(COUNTS)
    async with (
        trio.open_nursery() as nursery,
        open_session_manager() as manager,
        manager.open_session(device) as session,
    ):
        await session.execute(BLINK)
        handle = await session.executors.threads.start("blink", "blink(1)")
        await blinks_on(device)

        async def wait() -> None:
            with pytest.raises(SessionClosedError):
                await handle.wait()

        nursery.start_soon(wait)
        await trio.testing.wait_all_tasks_blocked()
    assert session.report is not None
    assert session.report.is_clean
    assert status_of(handle) is ThreadHandleStatus.STOPPED
    assert await has_stopped(device)
    await handle.stop()
    with pytest.raises(SessionClosedError):
        await handle.wait()


async def test_d03_one_that_returned_before_its_session_ended_has_returned(
    device: Device,
) -> None:
    async with open_session_manager() as manager, manager.open_session(device) as session:
        handle = await session.executors.threads.start("short", "pass")
        failed = await session.executors.threads.start("bad", "raise KeyError")
        await handle.wait()
        with pytest.raises(RemoteError):
            await failed.wait()
    await handle.wait()
    with pytest.raises(RemoteError):
        await failed.wait()


async def test_d03_a_stop_of_an_ending_session_joins_its_end(device: Device) -> None:
    await device.execute(COUNTS)
    async with open_session_manager() as manager:
        session = await manager.create_session(device)
        await session.execute(
            "def slow():\n"
            "    counts['blinks'] = 1\n"
            "    while not should_stop(): pass\n"
            "    import time\n"
            "    time.sleep_ms(100)\n"
            "    counts['blinks'] = -1\n"
        )
        handle = await session.executors.threads.start("slow", "slow()")
        await blinks_on(device)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(session.aclose)
            await trio.testing.wait_all_tasks_blocked()
            assert not session.is_active
            await handle.stop()
            assert await blinks(device) == -1


async def test_d03_a_reset_of_the_board_loses_it(
    device: Device, link_of: Callable[[Device], LocalLink], recorder: Recorder
) -> None:
    with pytest.raises(DeviceResetError):
        async with (
            open_session_manager(observers=[recorder]) as manager,
            manager.open_session(device) as session,
        ):
            handle = await session.executors.threads.start("wait", "while not should_stop(): pass")
            link_of(device).send_nowait(SOFT_RESET)
            await handle.wait()
    assert status_of(handle) is ThreadHandleStatus.LOST
    with pytest.raises(DeviceResetError):
        await handle.wait()
    assert recorder.kinds() == ["ThreadRegistered", "ThreadEnded"]
    assert session.report is not None
    assert session.report.is_clean
    assert len(device._thread_book) == 0


async def test_d03_a_thread_is_stopped_by_its_id_too(device: Device, session: Session) -> None:
    one, two = [await session.executors.threads.start("blink", "blink(1)") for _ in range(2)]
    await blinks_on(device)
    await session.resources.unregister_background_thread(one.thread_id)
    assert status_of(one) is ThreadHandleStatus.STOPPED
    assert status_of(two) is ThreadHandleStatus.RUNNING
    await session.resources.cleanup_resources()
    assert status_of(two) is ThreadHandleStatus.STOPPED
    await one.wait()
    await two.wait()


async def test_d03_a_handle_needs_no_task(session: Session) -> None:
    before = trio.lowlevel.current_statistics().tasks_living
    handles = [
        await session.executors.threads.start("wait", "while not should_stop(): sleep_ms(50)")
        for _ in range(5)
    ]
    assert trio.lowlevel.current_statistics().tasks_living == before
    for handle in handles:
        await handle.stop()


async def test_d03_threads_that_have_ended_leave_nothing_on_the_board(
    device: Device, session: Session
) -> None:
    for _ in range(50):
        handle = await session.executors.threads.start("short", "raise ValueError('x' * 500)")
        with pytest.raises(RemoteError):
            await handle.wait()
    assert len(await device.thread_states(session._seat)) <= 1
    assert len(device._thread_book) == 0


# What cannot be started.


async def test_d03_a_start_that_the_board_refuses_leaves_nothing(
    device: Device, session: Session, recorder: Recorder
) -> None:
    await device.execute(
        "import _thread, sys\nclass full:\n get_ident = _thread.get_ident\n"
        "def refuse(*args): raise OSError(11)\nfull.start_new_thread = refuse\n"
        "sys.modules['_thread'] = full"
    )
    start = session.executors.threads.start
    for starting in (
        start("blink", "blink(1)"),
        start("blink", "blink(1)", auto_restart=True),
        start("blink", "blink(1)", max_runtime=5.0),
    ):
        with pytest.raises(RemoteError, match="OSError"):
            await starting
    assert session.resources.get_active_threads() == ()
    assert recorder.kinds() == []
    assert len(device._thread_book) == 0


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("", "pass"), ValueError),
        (("a", ""), ValueError),
        ((5, "pass"), TypeError),
        (("a", b"pass"), TypeError),
        (("a", "'\ud800'"), ValueError),
    ],
)
async def test_d03_wrong_arguments_start_nothing(
    device: Device, session: Session, arguments: tuple[str, str], error: type[Exception]
) -> None:
    served = device.snapshot().calls.served
    with pytest.raises(error):
        await session.executors.threads.start(*arguments)
    for seconds, wrong in ((0, ValueError), (-1.0, ValueError), (math.nan, ValueError)):
        with pytest.raises(wrong):
            await session.executors.threads.start("a", "pass", max_runtime=seconds)
    with pytest.raises(TypeError):
        await session.executors.threads.start("a", "pass", max_runtime="1")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    assert device.snapshot().calls.served == served
    assert session.resources.get_active_threads() == ()


async def test_d03_a_board_without_threads_is_sent_nothing() -> None:
    async with (
        open_fake_board() as board,
        open_device(board) as device,
        open_session_manager() as manager,
        manager.open_session(device) as session,
    ):
        served = device.snapshot().calls.served
        with pytest.raises(DeviceCapabilityError, match="no threads"):
            await session.executors.threads.start("blink", "pass")
        assert device.snapshot().calls.served == served
        assert session.resources.get_active_threads() == ()


async def test_d03_a_session_that_has_ended_starts_nothing(device: Device) -> None:
    async with open_session_manager() as manager, manager.open_session(device) as session:
        pass
    with pytest.raises(SessionClosedError):
        await session.executors.threads.start("blink", "pass")


async def test_d03_the_failure_of_one_is_told_to_observers(
    session: Session, recorder: Recorder
) -> None:
    handle = await session.executors.threads.start("bad", "raise KeyError")
    with pytest.raises(RemoteError):
        await handle.wait()
    (failed,) = (event for event in recorder.events if isinstance(event, ThreadFailed))
    assert failed == ThreadFailed(
        session_id=session.session_id,
        device=session.device.name,
        thread_id=handle.thread_id,
        method_name="bad",
        restarts=0,
        error="KeyError",
    )


async def test_d03_stopping_takes_a_moment(device: Device, session: Session) -> None:
    """In a sleep, and without one that asks often: far less than a poll's pause."""
    took: list[float] = []
    for _ in range(5):
        handle = await session.executors.threads.start("nap", "while True: sleep_ms(60_000)")
        started = time.perf_counter()
        await handle.stop()
        took.append(time.perf_counter() - started)
    assert min(took) < 0.03
    assert device.generation == 1
