"""Functions in threads of the board: sent, started, stopped, and their failures told with lines."""

import logging

import attrs
import pytest
import trio

from belay_actors import (
    Device,
    DeviceCapabilityError,
    DeviceProgram,
    DeviceSessionManager,
    RemoteError,
    Session,
    ThreadHandleStatus,
    open_device,
    open_session_manager,
    task,
    thread,
)
from belay_actors.board import should_stop, sleep_ms
from belay_actors.functions import RunningThread
from belay_actors.testing import open_fake_board

STEP = 2
beats: int


@thread
def beat(period_ms: int = 1) -> None:
    global beats
    beats = 0
    while not should_stop():
        beats += STEP
        sleep_ms(period_ms)


@thread
def sleeps() -> None:
    while True:
        sleep_ms(10_000)


@thread
def fails(value: int) -> None:
    print("value", value)
    raise ValueError(value)


@thread(auto_restart=True)
def fails_once() -> None:
    global beats
    try:
        beats += 1
    except NameError:
        beats = 1
        raise
    while not should_stop():
        sleep_ms(1)


@thread(max_runtime=0.05)
def short() -> None:
    while not should_stop():
        sleep_ms(1)


@task
def read() -> int:
    sleep_ms(1)
    return 0 if should_stop() else beats


class Rig(DeviceProgram):
    @thread
    @staticmethod
    def blink(period_ms: int) -> None:
        while not should_stop():
            sleep_ms(period_ms)


def status_of(handle: RunningThread) -> ThreadHandleStatus:
    return handle.state.status


async def wait_for_beats(session: Session) -> None:
    with trio.fail_after(5):
        while not await session.evaluate("globals().get('beats', 0)"):
            pass


async def test_f03_e04_a_function_runs_in_a_thread_until_it_is_stopped(session: Session) -> None:
    handle = await session.start_thread(beat, 2)
    assert [info.method_name for info in session.resources.get_active_threads()] == ["beat"]
    await wait_for_beats(session)
    assert await session.call(read) % STEP == 0
    await handle.stop()
    assert handle.state.status is ThreadHandleStatus.STOPPED
    last = await session.call(read)
    assert await session.call(read) == last
    assert session.resources.get_active_threads() == ()


async def test_f03_a_sleeping_thread_is_stopped_at_once(session: Session) -> None:
    handle = await session.start_thread(sleeps)
    with trio.fail_after(5):
        await handle.stop()
    assert handle.state.error is None


async def test_f03_a_failure_shows_the_hosts_file_and_line(session: Session) -> None:
    handle = await session.start_thread(fails, 7)
    with pytest.raises(RemoteError) as caught:
        await handle.wait()
    assert caught.value.type_name == "ValueError"
    assert caught.value.remote_message == "7"
    line = fails.function.__code__.co_firstlineno + 3
    assert f'File "{__file__}", line {line}, in fails' in caught.value.traceback
    assert handle.state.status is ThreadHandleStatus.FAILED


async def test_f03_what_it_prints_is_known_as_its_own(session: Session) -> None:
    async with session.output() as lines:
        handle = await session.start_thread(fails, 7)
        line = await anext(lines)
    assert (line.text, line.thread_id) == ("value 7", handle.thread_id)
    assert line.session_id == session.session_id


async def test_f03_it_is_started_again_where_that_was_asked_for(
    session: Session, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    executor = session.executors.threads
    policy = attrs.evolve(executor._restart_policy, first_delay=0.01)
    monkeypatch.setattr(executor, "_restart_policy", policy)
    with caplog.at_level(logging.WARNING, "belay_actors"):
        handle = await session.start_thread(fails_once)
        with trio.fail_after(5):
            while not await session.evaluate("globals().get('beats', 0) == 2"):
                pass
    await handle.stop()
    assert handle.state.restarts == 1


async def test_f03_it_is_stopped_when_its_time_is_over(session: Session) -> None:
    handle = await session.start_thread(short)
    with trio.fail_after(5):
        await handle.wait()
    assert handle.state.is_timed_out


async def test_f03_a_program_starts_its_threads(
    device: Device, manager: DeviceSessionManager
) -> None:
    async with manager.open_session(device, Rig) as rig:
        handle = await rig.blink(5)
        assert status_of(handle) is ThreadHandleStatus.RUNNING
    assert status_of(handle) is ThreadHandleStatus.STOPPED
    assert rig.session.report is not None
    assert rig.session.report.is_clean


async def test_f03_a_board_without_threads_is_sent_nothing() -> None:
    async with (
        open_fake_board() as board,
        open_device(board) as device,
        open_session_manager() as manager,
        manager.open_session(device) as session,
    ):
        with pytest.raises(DeviceCapabilityError, match="no threads"):
            await session.start_thread(beat, 2)
        assert session.calls == 0


async def test_f03_the_function_of_a_running_thread_stays(session: Session) -> None:
    handle = await session.start_thread(beat, 2)
    deployments = session.executors._deployments
    assert not await deployments._make_room(())
    await handle.stop()
