"""Threads that are started again, or have a time limit, in a session that is made of paper.

Its board does what the test says, and its time is virtual, so delays are exact.
"""

# What a failing scope has bound is looked at after it:
# pyright: reportPossiblyUnboundVariable=none

import itertools
import logging
from collections.abc import AsyncIterator

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from belay_actors import (
    DeviceCapabilityError,
    ProtocolError,
    RemoteError,
    RestartPolicy,
    SessionClosedError,
    SessionError,
    ThreadHandle,
    ThreadHandleStatus,
    UnstoppableThreadError,
)
from belay_actors.executors import ThreadExecutor
from paper_session import FAILED, PaperSession

POLICY = RestartPolicy()


@pytest.fixture
async def session(nursery: trio.Nursery) -> AsyncIterator[PaperSession]:
    session = PaperSession(nursery)
    yield session
    session.nursery.cancel_scope.cancel()


def status_of(handle: ThreadHandle) -> ThreadHandleStatus:
    return handle.state.status


async def test_d03_restarts_come_after_a_delay_that_doubles_up_to_a_minute(
    autojump_clock: MockClock,
    session: PaperSession,
) -> None:
    handle = await ThreadExecutor(session).start("blink", "blink()", auto_restart=True)
    starts = [trio.current_time()]
    for number in range(1, 10):
        session.board.end(handle.thread_id, FAILED)
        await wait_all_tasks_blocked()
        assert status_of(handle) is ThreadHandleStatus.RESTARTING
        assert handle.state.restarts == number - 1
        assert isinstance(handle.state.error, RemoteError)
        await session.board.has_begun(number + 1)
        starts.append(trio.current_time())
        await wait_all_tasks_blocked()
        assert status_of(handle) is ThreadHandleStatus.RUNNING
        assert handle.state.restarts == number
        assert handle.state.error is None
    delays = [round(late - early, 6) for early, late in itertools.pairwise(starts)]
    assert delays == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert session.told == ["ThreadRestarting"] * 9
    assert session.started == [handle.thread_id]
    await handle.stop()
    assert session.board.runs == 10


async def test_d03_a_good_run_makes_earlier_failures_forgotten(
    autojump_clock: MockClock, session: PaperSession
) -> None:
    handle = await ThreadExecutor(session).start("blink", "blink()", auto_restart=True)
    delays: list[float] = []
    for number, seconds in enumerate((0, 0, 299, 300, 0)):
        await trio.sleep(seconds)
        session.board.end(handle.thread_id, FAILED)
        before = trio.current_time()
        await session.board.has_begun(number + 2)
        delays.append(round(trio.current_time() - before, 6))
        await wait_all_tasks_blocked()
    assert delays == [1, 2, 4, 1, 2]
    await handle.stop()


def test_a_policy_may_be_another() -> None:
    assert [POLICY.delay_after(number) for number in (1, 2, 7, 10**6)] == [1, 2, 60, 60]
    at_once = RestartPolicy(first_delay=0.0)
    assert at_once.delay_after(10**9) == 0
    slow = RestartPolicy(first_delay=5.0, factor=10.0, longest_delay=100.0)
    assert [slow.delay_after(number) for number in (1, 2, 3)] == [5, 50, 100]


async def test_d03_only_a_failure_is_a_reason(
    autojump_clock: MockClock, session: PaperSession
) -> None:
    handle = await ThreadExecutor(session).start("blink", "blink()", auto_restart=True)
    session.board.end(handle.thread_id)
    await handle.wait()
    await trio.sleep(100)
    assert session.board.runs == 1
    assert status_of(handle) is ThreadHandleStatus.RETURNED
    assert session.children == 0


async def test_d03_without_it_nothing_is_started_again(
    autojump_clock: MockClock, session: PaperSession
) -> None:
    handle = await ThreadExecutor(session).start("blink", "blink()")
    session.board.end(handle.thread_id, FAILED)
    with pytest.raises(RemoteError):
        await handle.wait()
    await trio.sleep(1000)
    assert session.board.runs == 1
    limited = await ThreadExecutor(session).start("blink", "blink()", max_runtime=500.0)
    session.board.end(limited.thread_id, FAILED)
    with pytest.raises(RemoteError):
        await limited.wait()
    await trio.sleep(1000)
    assert session.board.runs == 2
    assert session.children == 0


async def test_d03_who_waits_waits_through_all_restarts(
    autojump_clock: MockClock, session: PaperSession
) -> None:
    handle = await ThreadExecutor(session).start("blink", "blink()", auto_restart=True)

    async def fail_twice() -> None:
        for number in (2, 3):
            session.board.end(handle.thread_id, FAILED)
            await session.board.has_begun(number)
            await wait_all_tasks_blocked()
        session.board.end(handle.thread_id)

    session.nursery.start_soon(fail_twice)
    await handle.wait()
    assert handle.state.restarts == 2
    assert session.board.runs == 3


@pytest.mark.parametrize("seconds", [0.0, 0.5, 1.0])
async def test_d03_a_stop_ends_the_restarts(
    autojump_clock: MockClock, session: PaperSession, seconds: float
) -> None:
    handle = await ThreadExecutor(session).start("blink", "blink()", auto_restart=True)
    session.board.end(handle.thread_id, FAILED)
    await trio.sleep(seconds)
    await handle.stop()
    await handle.wait()
    runs = session.board.runs
    assert status_of(handle) is ThreadHandleStatus.STOPPED
    await trio.sleep(1000)
    assert session.board.runs == runs
    assert not session.board.running
    assert session.children == 0
    assert session.held == {}


async def test_d03_a_stop_while_a_restart_is_under_way_stops_it(
    autojump_clock: MockClock, session: PaperSession
) -> None:
    handle = await ThreadExecutor(session).start("blink", "blink()", auto_restart=True)
    session.board.reply_time = 3.0
    session.board.end(handle.thread_id, FAILED)
    await trio.sleep(2.5)
    assert session.board.runs == 2  # it runs, but nobody knows that yet
    assert status_of(handle) is ThreadHandleStatus.RESTARTING
    await handle.stop()
    assert not session.board.running
    await trio.sleep(1000)
    assert session.board.runs == 2


async def test_d03_a_restart_that_the_board_refuses_is_a_failure(
    autojump_clock: MockClock, session: PaperSession
) -> None:
    handle = await ThreadExecutor(session).start("blink", "blink()", auto_restart=True)
    refusals = [
        RemoteError("OSError", "11", "", device="paper", session_id="s"),
        DeviceCapabilityError("one thread", device="paper", session_id="s"),
    ]
    session.board.refusals += [(refusal, False) for refusal in refusals]
    session.board.end(handle.thread_id, FAILED)
    await trio.sleep(1.5)
    assert isinstance(handle.state.error, RemoteError)
    assert handle.state.error.type_name == "OSError"
    await trio.sleep(2)
    assert isinstance(handle.state.error, DeviceCapabilityError)
    await trio.sleep(4)
    assert status_of(handle) is ThreadHandleStatus.RUNNING
    assert (handle.state.restarts, session.board.runs) == (3, 2)
    await handle.stop()


@pytest.mark.parametrize("has_begun", [True, False])
async def test_d03_a_restart_of_which_nobody_knows_what_came_is_asked_for(
    autojump_clock: MockClock, session: PaperSession, has_begun: bool
) -> None:
    handle = await ThreadExecutor(session).start("blink", "blink()", auto_restart=True)
    session.board.refusals.append((ProtocolError("no reply", device="paper"), has_begun))
    session.board.end(handle.thread_id, FAILED)
    await trio.sleep(1.5)
    assert session.board.runs == (2 if has_begun else 1)
    await trio.sleep(30)
    assert session.board.runs == 2
    assert status_of(handle) is ThreadHandleStatus.RUNNING
    assert handle.state.restarts == (1 if has_begun else 2)
    await handle.stop()


async def test_d03_a_one_shot_of_which_nobody_knows_what_came_is_stopped(
    autojump_clock: MockClock,
    session: PaperSession,
) -> None:
    for has_begun in (True, False):
        session.board.refusals.append((ProtocolError("no reply", device="paper"), has_begun))
        runs = session.board.runs
        with pytest.raises(ProtocolError):
            await ThreadExecutor(session).start("blink", "blink()")
        assert session.board.runs == runs + has_begun
        assert not session.board.running
        assert session.held == {}
    assert session.told == session.started == []


async def test_d03_a_thread_that_the_board_does_not_know_any_more_is_lost(
    autojump_clock: MockClock,
    session: PaperSession,
) -> None:
    handle = await ThreadExecutor(session).start("blink", "blink()")
    session.board.states.clear()
    with pytest.raises(SessionError, match="does not know"):
        await handle.wait()
    assert status_of(handle) is ThreadHandleStatus.LOST


# Time limits.


async def test_d03_a_thread_is_stopped_when_its_time_is_up(
    autojump_clock: MockClock, session: PaperSession
) -> None:
    started = trio.current_time()
    handle = await ThreadExecutor(session).start("blink", "blink()", max_runtime=90.0)
    await handle.wait()
    assert trio.current_time() - started == pytest.approx(90.0, abs=2)
    assert status_of(handle) is ThreadHandleStatus.STOPPED
    assert handle.state.is_timed_out
    assert not session.board.running
    assert session.told == ["ThreadEnded"]


async def test_d03_the_limit_is_for_all_restarts_together(
    autojump_clock: MockClock, session: PaperSession
) -> None:
    started = trio.current_time()
    handle = await ThreadExecutor(session).start(
        "blink", "blink()", auto_restart=True, max_runtime=20.0
    )
    session.board.fails_after = 3.0
    session.board.end(handle.thread_id, FAILED)
    await handle.wait()
    assert trio.current_time() - started == pytest.approx(20.0, abs=2)
    assert handle.state.is_timed_out
    runs = session.board.runs
    assert runs > 2
    await trio.sleep(1000)
    assert session.board.runs == runs
    assert session.children == 0


async def test_d03_one_that_ends_in_time_was_not_timed_out(
    autojump_clock: MockClock, session: PaperSession
) -> None:
    handle = await ThreadExecutor(session).start("blink", "blink()", max_runtime=90.0)
    await trio.sleep(80)
    session.board.end(handle.thread_id)
    await handle.wait()
    await trio.sleep(100)
    assert not handle.state.is_timed_out
    assert status_of(handle) is ThreadHandleStatus.RETURNED


async def test_d03_one_that_does_not_stop_when_its_time_is_up_is_logged(
    autojump_clock: MockClock, session: PaperSession, caplog: pytest.LogCaptureFixture
) -> None:
    session.board.is_stubborn = True
    handle = await ThreadExecutor(session).start("blink", "blink()", max_runtime=90.0)
    with caplog.at_level(logging.WARNING, "belay_actors.session"):
        await trio.sleep(90 + session.stop_timeout + 5)
    (record,) = caplog.records
    assert "max_runtime has passed" in record.getMessage()
    assert handle.thread_id in record.getMessage()
    assert status_of(handle) is ThreadHandleStatus.UNSTOPPABLE
    assert handle.state.is_timed_out
    assert session.held != {}  # it is left to the session's end
    assert session.children == 0


async def test_d03_an_unstoppable_one_says_when_it_was_last_heard_of(
    autojump_clock: MockClock,
    session: PaperSession,
) -> None:
    session.board.is_stubborn = True
    handle = await ThreadExecutor(session).start("blink", "blink()")
    await trio.sleep(100)
    started = trio.current_time()
    with pytest.raises(UnstoppableThreadError, match=r"130\.0 s ago") as caught:
        await handle.stop()
    assert trio.current_time() - started == pytest.approx(session.stop_timeout)
    assert caught.value.last_beat == pytest.approx(130.0, abs=0.1)


# The session's end.


@pytest.mark.parametrize("is_failing", [True, False])
async def test_d03_nothing_is_started_again_once_the_session_ends(
    autojump_clock: MockClock, session: PaperSession, is_failing: bool
) -> None:
    handle = await ThreadExecutor(session).start("blink", "blink()", auto_restart=True)
    if is_failing:
        session.board.end(handle.thread_id, FAILED)
        await trio.sleep(0.5)
    session.is_active = False
    session.board.end(handle.thread_id, FAILED)
    await trio.sleep(1000)
    assert session.board.runs == 1
    session.end()
    await trio.sleep(1000)
    assert session.board.runs == 1
    with pytest.raises((RemoteError, SessionClosedError)):
        await handle.wait()


async def test_d03_one_that_runs_when_its_session_is_gone_is_lost(
    autojump_clock: MockClock, session: PaperSession
) -> None:
    handle = await ThreadExecutor(session).start("blink", "blink()", auto_restart=True)
    session.is_active = False
    session.end()
    assert status_of(handle) is ThreadHandleStatus.LOST
    for use in (handle.wait, handle.stop):
        with pytest.raises(SessionClosedError):
            await use()


async def test_d03_when_its_task_is_cancelled_a_failure_is_final(
    autojump_clock: MockClock, session: PaperSession
) -> None:
    """By ``cleanup_resources``, which may itself be cancelled before it comes to the thread."""
    one = await ThreadExecutor(session).start("blink", "blink()", auto_restart=True)
    two = await ThreadExecutor(session).start("blink", "blink()", auto_restart=True)
    session.board.end(two.thread_id, FAILED)
    await wait_all_tasks_blocked()
    session.cancel_children()
    await wait_all_tasks_blocked()
    assert status_of(two) is ThreadHandleStatus.FAILED
    assert status_of(one) is ThreadHandleStatus.RUNNING
    session.board.end(one.thread_id, FAILED)
    for handle in (one, two):
        with pytest.raises(RemoteError):
            await handle.wait()
    assert session.board.runs == 2
