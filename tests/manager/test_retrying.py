"""Trying again on real boards: in a new session each time, and never what may have been done."""

# a scope is under test, so it is what stands in pytest.raises()

import contextlib
import logging
from collections.abc import Awaitable, Callable

import pytest
import trio
import trio.testing

from belay_actors import (
    Device,
    DeviceResetError,
    DeviceSessionManager,
    OutcomeUnknownError,
    RemoteError,
    RetryPolicy,
    Session,
    SessionError,
    SessionFailedError,
    SessionLimitError,
    SessionManagementOptions,
    SessionResource,
    SessionTimeoutError,
    open_device,
    open_session_manager,
)
from belay_actors.observe import Event, SessionRetried
from belay_actors.testing import open_fake_board
from boards import EXITS_IN_NEXT_CALL

Reset = Callable[[Device], Awaitable[None]]
QUICK = RetryPolicy(backoff=0)


async def reset_during(session: Session, code: str = "x = 1") -> None:
    """The board starts anew while a call of the session runs."""
    await session.device.execute(EXITS_IN_NEXT_CALL)
    await session.execute(code)


class Recorder:
    """Keeps what was told of retries."""

    def __init__(self) -> None:
        self.retries: list[SessionRetried] = []

    def observe(self, event: Event, /) -> None:
        if isinstance(event, SessionRetried):
            self.retries.append(event)


async def test_b10_a_full_manager_is_tried_again_until_a_session_has_ended(device: Device) -> None:
    recorder = Recorder()

    async def multiply(session: Session) -> object:
        return await session.evaluate("6 * 7")

    options = SessionManagementOptions(max_concurrent_sessions=1)
    async with open_session_manager(options, observers=[recorder]) as manager:
        held = await manager.create_session(device)

        class Ender:
            def observe(self, event: Event, /) -> None:
                if isinstance(event, SessionRetried):
                    nursery.start_soon(manager.end_session, held.session_id)

        manager._observers._guests += (Ender(),)
        async with trio.open_nursery() as nursery:
            policy = RetryPolicy(backoff=0.05, max_attempts=100)
            with trio.fail_after(10):
                assert await manager.execute_in_session(device, multiply, retry=policy) == 42
        stats = manager.get_session_stats()
        assert (stats.active_session_count, stats.total_session_count) == (0, 2)
    assert recorder.retries[0].error == "SessionLimitError"


async def test_b10_a_full_manager_is_an_error_in_the_end(device: Device) -> None:
    async def operation(session: Session) -> None:
        raise AssertionError("it has run")

    async with open_session_manager(SessionManagementOptions(max_concurrent_sessions=1)) as manager:
        await manager.create_session(device)
        with pytest.raises(SessionLimitError) as caught:
            await manager.execute_in_session(device, operation, retry=QUICK)
        assert caught.value.__notes__[0] == "attempt 3 of 3"
        assert [note[:18] for note in caught.value.__notes__[1:]] == [
            "earlier, attempt 1", "earlier, attempt 2"
        ]  # fmt: skip


async def test_b10_after_a_reset_between_calls_the_work_is_done_in_a_new_session(
    device: Device, manager: DeviceSessionManager, reset: Reset
) -> None:
    seen: list[Session] = []

    async def work(session: Session) -> object:
        seen.append(session)
        await session.execute("x = 20")
        if len(seen) == 1:
            await reset(device)
        return await session.evaluate("x + 1")

    assert await manager.execute_in_session(device, work, retry=QUICK) == 21
    first, second = seen
    assert first.session_id != second.session_id
    assert first.device is second.device is device
    assert not first.is_active
    assert device.generation == 2
    assert manager.get_session_stats().active_session_count == 0
    assert (await device.census()).namespaces == ()


async def test_g04_after_a_reset_during_a_call_the_outcome_is_unknown(
    device: Device, manager: DeviceSessionManager
) -> None:
    seen: list[Session] = []

    async def work(session: Session) -> None:
        seen.append(session)
        await reset_during(session)

    with pytest.raises(OutcomeUnknownError, match="idempotent=True") as caught:
        await manager.execute_in_session(device, work, retry=QUICK)
    assert isinstance(caught.value.__cause__, DeviceResetError)
    assert caught.value.session_id == seen[0].session_id
    assert len(seen) == 1


async def test_g04_idempotent_work_is_done_again_after_a_reset_during_a_call(
    device: Device, manager: DeviceSessionManager
) -> None:
    seen: list[str] = []

    async def work(session: Session) -> object:
        seen.append(session.session_id)
        if len(seen) < 3:
            await reset_during(session)
        return await session.evaluate("6 * 7")

    assert await manager.execute_in_session(device, work, retry=QUICK, idempotent=True) == 42
    assert len(set(seen)) == 3
    assert device.generation == 3


async def test_g04_an_age_limit_reached_in_a_call_leaves_the_outcome_unknown(
    device: Device,
) -> None:
    attempts: list[str] = []

    async def work(session: Session) -> None:
        attempts.append(session.session_id)
        await session.execute("while True: pass")

    options = SessionManagementOptions(default_session_timeout=0.3)
    async with open_session_manager(options) as manager:
        with pytest.raises(OutcomeUnknownError) as caught:
            await manager.execute_in_session(device, work, retry=QUICK)
        assert isinstance(caught.value.__cause__, SessionTimeoutError)
        assert len(attempts) == 1


async def test_b10_an_age_limit_reached_between_calls_is_tried_again(device: Device) -> None:
    attempts: list[str] = []

    async def work(session: Session) -> object:
        attempts.append(session.session_id)
        await session.execute("x = 20")
        if len(attempts) == 1:
            await trio.sleep_forever()
        return await session.evaluate("x + 1")

    options = SessionManagementOptions(default_session_timeout=1)
    async with open_session_manager(options) as manager:
        assert await manager.execute_in_session(device, work, retry=QUICK) == 21
    assert len(attempts) == 2


@pytest.mark.parametrize(("other", "expected"), [(None, 2), (ValueError("no"), 1)])
async def test_b10_a_group_is_tried_again_if_all_in_it_is_recoverable(
    device: Device, manager: DeviceSessionManager, other: Exception | None, expected: int
) -> None:
    attempts: list[str] = []

    async def work(session: Session) -> None:
        attempts.append(session.session_id)
        if len(attempts) == 1:
            errors = [SessionError("not now", is_recoverable=True), other]
            raise ExceptionGroup("both", [error for error in errors if error is not None])
        await session.execute("x = 1")

    with contextlib.suppress(ExceptionGroup):
        await manager.execute_in_session(device, work, retry=QUICK)
    assert len(attempts) == expected


@pytest.mark.parametrize(
    ("error", "expected"),
    [(SessionError("not now", is_recoverable=True), 2), (ValueError("no"), 1)],
)
async def test_b10_g02_a_failed_child_is_tried_again_if_its_error_is_recoverable(
    device: Device, manager: DeviceSessionManager, error: Exception, expected: int
) -> None:
    attempts: list[str] = []

    async def fail() -> None:
        await trio.lowlevel.checkpoint()
        raise error

    async def work(session: Session) -> str:
        attempts.append(session.session_id)
        if len(attempts) == 1:
            session.start_soon(fail)
            await trio.sleep_forever()
        return "done"

    if expected == 1:
        with pytest.raises(SessionFailedError) as caught:
            await manager.execute_in_session(device, work, retry=QUICK)
        assert not caught.value.is_recoverable
    else:
        assert await manager.execute_in_session(device, work, retry=QUICK) == "done"
    assert len(attempts) == expected


async def test_b10_an_error_of_the_code_is_not_tried_again(
    device: Device, manager: DeviceSessionManager
) -> None:
    attempts: list[str] = []

    async def work(session: Session) -> None:
        attempts.append(session.session_id)
        await session.execute("1 / 0")

    with pytest.raises(RemoteError, match="ZeroDivisionError") as caught:
        await manager.execute_in_session(device, work, retry=QUICK, idempotent=True)
    assert len(attempts) == 1
    assert "attempt 1 of 3; not tried again: the error is not recoverable" in caught.value.__notes__


async def test_g04_nothing_is_tried_again_behind_what_is_left(
    device: Device, manager: DeviceSessionManager, stuck: SessionResource
) -> None:
    attempts: list[str] = []

    async def work(session: Session) -> None:
        attempts.append(session.session_id)
        session.resources.register_resource(stuck)
        raise SessionError("not now", is_recoverable=True)

    with pytest.raises(SessionError, match="not now") as caught:
        await manager.execute_in_session(device, work, retry=QUICK, idempotent=True)
    assert len(attempts) == 1
    assert any("could not give everything back" in note for note in caught.value.__notes__)
    assert any("'door'" in note for note in caught.value.__notes__)


async def test_b10_a_nested_operation_is_not_tried_again_by_itself(
    device: Device, manager: DeviceSessionManager
) -> None:
    inner: list[str] = []
    outer: list[str] = []

    async def fail(session: Session) -> None:
        inner.append(session.session_id)
        if len(inner) == 1:
            raise SessionError("not now", is_recoverable=True)

    async def work(session: Session) -> None:
        outer.append(session.session_id)
        await manager.execute_in_session(device, fail, retry=QUICK)

    await manager.execute_in_session(device, work, retry=QUICK)
    assert inner == outer
    assert len(inner) == 2


async def test_b10_delays_events_and_the_log_tell_of_the_attempts(
    autojump_clock: trio.testing.MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    recorder = Recorder()
    times: list[float] = []

    async def work(session: Session) -> str:
        times.append(trio.current_time())
        if len(times) < 3:
            raise SessionError("not now", is_recoverable=True)
        return "done"

    policy = RetryPolicy(max_attempts=4, backoff=5, jitter=0)
    async with (
        open_fake_board(name="desk") as board,
        open_device(board) as device,
        open_session_manager(observers=[recorder]) as manager,
    ):
        with caplog.at_level(logging.WARNING, "belay_actors"):
            assert await manager.execute_in_session(device, work, retry=policy) == "done"
    first, second, third = times
    assert 5 <= second - first < 6
    assert 10 <= third - second < 11
    assert recorder.retries == [
        SessionRetried(
            device="desk", attempt=number, max_attempts=4, delay=delay, error="SessionError"
        )
        for number, delay in ((1, 5), (2, 10))
    ]
    assert [record.levelname for record in caplog.records] == ["WARNING", "WARNING"]
    assert [record.__dict__["device"] for record in caplog.records] == ["desk", "desk"]


async def test_b10_a_cancellation_during_the_delay_comes_out_at_once(
    device: Device, manager: DeviceSessionManager
) -> None:
    attempts: list[str] = []

    async def work(session: Session) -> None:
        attempts.append(session.session_id)
        raise SessionError("not now", is_recoverable=True)

    with trio.CancelScope() as scope:
        async with trio.open_nursery() as nursery:

            @nursery.start_soon
            async def _() -> None:
                await manager.execute_in_session(device, work, retry=RetryPolicy(backoff=3600))

            await manager.create_session(device)
            await trio.testing.wait_all_tasks_blocked()
            assert manager.get_session_stats().active_session_count == 1
            scope.cancel()
    assert scope.cancelled_caught
    assert len(attempts) == 1
