"""Trying again: only what may be, as often as said, after the delays that were said."""

import contextlib
from collections.abc import Awaitable, Callable
from typing import cast

import attrs
import pytest
import trio
import trio.testing

from belay_actors.errors import (
    BelayError,
    DeviceResetError,
    OutcomeUnknownError,
    SessionClosedError,
    SessionError,
)
from belay_actors.manager._retry import Attempt, RetryPolicy, run_with_retry
from belay_actors.observe import SessionRetried

Told = list[SessionRetried]


@attrs.frozen
class Session:
    """What is left of a session after an attempt."""

    session_id: str = "session-7"
    has_unknown_outcome: bool = False
    has_leftovers: bool = False


class Work:
    """Fails with one error after the other, and then succeeds; every attempt in a session."""

    def __init__(self, *errors: Exception, session: Session | None = None) -> None:
        self._errors = [*errors]
        self._session = session
        self.times: list[float] = []
        self.told: Told = []

    async def attempt(self, record: Attempt) -> str:
        self.times.append(trio.current_time())
        assert record.number == len(self.times)
        record.session = self._session
        await trio.lowlevel.checkpoint()
        if self._errors:
            raise self._errors.pop(0)
        return "done"

    def tell(self, event: SessionRetried) -> None:
        self.told.append(event)

    async def run(self, policy: RetryPolicy | None = None, *, idempotent: bool = False) -> str:
        return await run_with_retry(
            policy or RetryPolicy(jitter=0),
            self.attempt,
            device="dev",
            idempotent=idempotent,
            tell=self.tell,
        )


def ignore(event: SessionRetried) -> None:
    pass


def reset(text: str = "the board was reset") -> DeviceResetError:
    return DeviceResetError(text, device="dev")


def notes(error: BaseException) -> list[str]:
    return cast("list[str]", getattr(error, "__notes__", []))


async def test_b10_work_that_succeeds_is_done_once(autojump_clock: trio.testing.MockClock) -> None:
    work = Work()
    assert await work.run() == "done"
    assert len(work.times) == 1
    assert work.told == []


async def test_b10_recoverable_failures_are_tried_again_after_growing_delays(
    autojump_clock: trio.testing.MockClock,
) -> None:
    first, second, third = reset(), reset(), reset()
    work = Work(first, second, third)
    start = trio.current_time()
    assert await work.run(RetryPolicy(max_attempts=4, backoff=3, max_delay=5, jitter=0)) == "done"
    assert [time - start for time in work.times] == [0, 3, 8, 13]
    assert [(event.attempt, event.delay) for event in work.told] == [(1, 3), (2, 5), (3, 5)]
    assert [event.error for event in work.told] == [
        type(error).__name__ for error in (first, second, third)
    ]
    assert {(event.device, event.max_attempts) for event in work.told} == {("dev", 4)}


async def test_b10_the_jitter_is_taken_off_the_delay_that_is_told_and_waited(
    autojump_clock: trio.testing.MockClock,
) -> None:
    work = Work(reset(), reset())
    start = trio.current_time()
    await work.run(RetryPolicy(backoff=8, jitter=0.5))
    first, second = (event.delay for event in work.told)
    assert [time - start for time in work.times] == pytest.approx([0, first, first + second])
    assert 4 <= first <= 8
    assert 8 <= second <= 16


async def test_b10_after_the_last_attempt_its_error_comes_out_with_the_story(
    autojump_clock: trio.testing.MockClock,
) -> None:
    last = reset("third")
    work = Work(reset("first"), SessionError("second", is_recoverable=True), last)
    with pytest.raises(DeviceResetError) as caught:
        await work.run()
    assert caught.value is last
    assert notes(last) == [
        "attempt 3 of 3",
        "earlier, attempt 1: DeviceResetError: first [device dev]",
        "earlier, attempt 2: SessionError: second",
    ]
    assert len(work.told) == 2


@pytest.mark.parametrize("error", [ValueError("no"), SessionClosedError("no"), OSError("no")])
async def test_b10_what_is_not_recoverable_is_not_tried_again(error: Exception) -> None:
    work = Work(error)
    with pytest.raises(type(error)) as caught:
        await work.run()
    assert caught.value is error
    assert len(work.times) == 1
    assert notes(error) == ["attempt 1 of 3; not tried again: the error is not recoverable"]


async def test_b10_a_group_of_recoverable_failures_is_tried_again(
    autojump_clock: trio.testing.MockClock,
) -> None:
    work = Work(ExceptionGroup("two", [reset(), ExceptionGroup("one", [reset()])]))
    assert await work.run() == "done"
    assert len(work.times) == 2


async def test_g04_work_of_unknown_outcome_is_not_done_twice() -> None:
    failure = reset()
    work = Work(failure, session=Session(has_unknown_outcome=True))
    with pytest.raises(OutcomeUnknownError, match=r"check the board.*idempotent=True") as caught:
        await work.run()
    assert caught.value.__cause__ is failure
    assert (caught.value.device, caught.value.session_id) == ("dev", "session-7")
    assert not caught.value.is_recoverable
    assert notes(caught.value) == ["attempt 1 of 3"]
    assert len(work.times) == 1


async def test_g04_idempotent_work_of_unknown_outcome_is_tried_again(
    autojump_clock: trio.testing.MockClock,
) -> None:
    work = Work(reset(), session=Session(has_unknown_outcome=True))
    assert await work.run(idempotent=True) == "done"
    assert len(work.times) == 2


async def test_g04_an_unknown_outcome_is_told_after_the_last_attempt_too() -> None:
    work = Work(reset(), session=Session(has_unknown_outcome=True))
    with pytest.raises(OutcomeUnknownError):
        await work.run(RetryPolicy(max_attempts=1))


async def test_g04_an_error_that_is_not_recoverable_stays_itself_whatever_the_outcome() -> None:
    error = ValueError("no")
    work = Work(error, session=Session(has_unknown_outcome=True))
    with pytest.raises(ValueError, match="no") as caught:
        await work.run()
    assert caught.value is error


async def test_g04_nothing_is_tried_again_behind_a_session_that_left_something() -> None:
    failure = reset()
    failure.add_note("And when the session ended: a pin was left")
    work = Work(failure, session=Session(has_leftovers=True))
    with pytest.raises(DeviceResetError) as caught:
        await work.run(idempotent=True)
    assert caught.value is failure
    assert notes(failure) == [
        "And when the session ended: a pin was left",
        "attempt 1 of 3; not tried again: its session could not give everything back",
    ]
    assert len(work.times) == 1


async def test_b10_a_cancellation_during_the_delay_comes_out_at_once(
    autojump_clock: trio.testing.MockClock,
) -> None:
    work = Work(reset())
    start = trio.current_time()
    with trio.move_on_after(1.5) as scope:
        await work.run()
    assert scope.cancelled_caught
    assert trio.current_time() == start + 1.5
    assert len(work.times) == 1


async def test_b10_a_cancellation_during_an_attempt_is_never_tried_again() -> None:
    times: list[int] = []

    async def attempt(record: Attempt) -> None:
        times.append(record.number)
        await trio.sleep_forever()

    with trio.CancelScope() as scope:
        async with trio.open_nursery() as nursery:

            @nursery.start_soon
            async def _() -> None:
                await run_with_retry(
                    RetryPolicy(), attempt, device="dev", idempotent=True, tell=ignore
                )

            await trio.testing.wait_all_tasks_blocked()
            scope.cancel()
    assert scope.cancelled_caught
    assert times == [1]


async def test_b10_a_cancellation_in_a_group_with_a_recoverable_failure_is_no_failure() -> None:
    times: list[int] = []

    async def attempt(record: Attempt) -> None:
        times.append(record.number)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.sleep_forever)
            nursery.start_soon(fail_when_cancelled)
            await trio.testing.wait_all_tasks_blocked()
            scope.cancel()

    async def fail_when_cancelled() -> None:
        try:
            await trio.sleep_forever()
        finally:
            raise reset()

    with pytest.raises(ExceptionGroup) as caught, trio.CancelScope() as scope:
        await run_with_retry(RetryPolicy(), attempt, device="dev", idempotent=True, tell=ignore)
    assert caught.group_contains(BelayError)
    assert times == [1]


async def test_b10_what_is_no_failure_comes_out_untouched() -> None:
    interrupt = KeyboardInterrupt()

    async def attempt(record: Attempt) -> None:
        await trio.lowlevel.checkpoint()
        raise interrupt

    with pytest.raises(KeyboardInterrupt) as caught:
        await run_with_retry(RetryPolicy(), attempt, device="d", idempotent=True, tell=ignore)
    assert caught.value is interrupt
    assert notes(interrupt) == []


@pytest.mark.parametrize("idempotent", [False, True])
async def test_b10_every_way_through_is_a_checkpoint(idempotent: bool) -> None:
    def work(*errors: Exception) -> Callable[[Attempt], Awaitable[None]]:
        left = [*errors]

        async def attempt(record: Attempt) -> None:
            if left:
                raise left.pop()

        return attempt

    policy = RetryPolicy(max_attempts=2, backoff=0)
    for errors in ([], [reset()], [reset(), reset()], [ValueError("no")]):
        with trio.testing.assert_checkpoints(), contextlib.suppress(DeviceResetError, ValueError):
            await run_with_retry(
                policy, work(*errors), device="d", idempotent=idempotent, tell=ignore
            )
