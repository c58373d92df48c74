"""Settled cancellation: a cancelled caller comes back when, and only when, nothing of it runs."""

from collections.abc import Callable

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from belay_actors.kernel import Actor

StartActor = Callable[..., Actor]
StartCaller = Callable[..., tuple[trio.CancelScope, list[object]]]


class SlowRecovery:
    """A recovery that waits to be let through."""

    def __init__(self) -> None:
        self.gate = trio.Event()
        self.steps: list[str] = []

    async def __call__(self) -> None:
        self.steps.append("started")
        await self.gate.wait()
        self.steps.append("finished")


@pytest.fixture
async def recovery() -> SlowRecovery:
    return SlowRecovery()


async def answer() -> int:
    await trio.lowlevel.checkpoint()
    return 42


def is_cancelled(news: list[object]) -> bool:
    return len(news) == 1 and isinstance(news[0], trio.Cancelled)


async def test_a_caller_cancelled_while_it_waits_never_started(
    start_actor: StartActor, start_caller: StartCaller, recovery: SlowRecovery
) -> None:
    started: list[str] = []

    async def start() -> None:
        started.append("started")

    actor = start_actor(recover=recovery)
    gate = trio.Event()
    _, first = start_caller(actor, gate.wait)
    await wait_all_tasks_blocked()
    scope, second = start_caller(actor, start)
    await wait_all_tasks_blocked()
    scope.cancel()
    await wait_all_tasks_blocked()
    assert is_cancelled(second)
    assert first == []
    gate.set()
    await wait_all_tasks_blocked()
    assert first == [None]
    assert started == []
    assert recovery.steps == []


async def test_a_caller_whose_operation_runs_stays_parked_until_it_is_recovered_from(
    start_actor: StartActor, start_caller: StartCaller, recovery: SlowRecovery
) -> None:
    scope, news = start_caller(start_actor(recover=recovery), trio.sleep_forever)
    await wait_all_tasks_blocked()
    scope.cancel()
    await wait_all_tasks_blocked()
    assert recovery.steps == ["started"]
    assert news == []
    recovery.gate.set()
    await wait_all_tasks_blocked()
    assert recovery.steps == ["started", "finished"]
    assert is_cancelled(news)
    assert scope.cancelled_caught


async def test_recovery_starts_when_the_operation_has_cleaned_up(
    start_actor: StartActor, start_caller: StartCaller, recovery: SlowRecovery
) -> None:
    gate = trio.Event()

    async def clean_up_slowly() -> None:
        try:
            await trio.sleep_forever()
        finally:
            with trio.CancelScope(shield=True):
                await gate.wait()

    scope, news = start_caller(start_actor(recover=recovery), clean_up_slowly)
    await wait_all_tasks_blocked()
    scope.cancel()
    await wait_all_tasks_blocked()
    assert recovery.steps == []
    gate.set()
    await wait_all_tasks_blocked()
    assert recovery.steps == ["started"]
    assert news == []


async def test_the_next_operation_waits_for_the_recovery(
    start_actor: StartActor, start_caller: StartCaller, recovery: SlowRecovery
) -> None:
    actor = start_actor(recover=recovery)
    scope, _ = start_caller(actor, trio.sleep_forever)
    await wait_all_tasks_blocked()
    _, news = start_caller(actor, answer)
    scope.cancel()
    await wait_all_tasks_blocked()
    assert news == []
    recovery.gate.set()
    await wait_all_tasks_blocked()
    assert news == [42]


async def test_a_deadline_of_the_caller_is_a_cancellation_like_any_other(
    start_actor: StartActor, autojump_clock: MockClock
) -> None:
    async def recover() -> None:
        await trio.sleep(2)

    actor = start_actor(recover=recover)
    with trio.move_on_after(3) as scope:
        await actor.ask(trio.sleep_forever)
    assert scope.cancelled_caught
    assert trio.current_time() - scope.deadline == 2
    assert await actor.ask(answer) == 42


async def test_the_result_of_a_completed_operation_is_dropped_for_cancelled(
    start_actor: StartActor, start_caller: StartCaller
) -> None:
    gate = trio.Event()

    async def complete_nevertheless() -> int:
        with trio.CancelScope(shield=True):
            await gate.wait()
        return 42

    scope, news = start_caller(start_actor(), complete_nevertheless)
    await wait_all_tasks_blocked()
    scope.cancel()
    await wait_all_tasks_blocked()
    assert news == []
    gate.set()
    await wait_all_tasks_blocked()
    assert is_cancelled(news)


async def test_the_error_of_a_cancelled_operation_is_dropped_for_cancelled(
    start_actor: StartActor, start_caller: StartCaller
) -> None:
    async def fail_on_the_way_out() -> None:
        try:
            await trio.sleep_forever()
        finally:
            raise ValueError

    actor = start_actor()
    scope, news = start_caller(actor, fail_on_the_way_out)
    await wait_all_tasks_blocked()
    scope.cancel()
    await wait_all_tasks_blocked()
    assert is_cancelled(news)
    assert await actor.ask(answer) == 42


async def test_an_operation_that_fails_when_cancelled_is_recovered_from(
    start_actor: StartActor, start_caller: StartCaller, recovery: SlowRecovery
) -> None:
    async def fail_on_the_way_out() -> None:
        try:
            await trio.sleep_forever()
        finally:
            raise ValueError

    scope, news = start_caller(start_actor(recover=recovery), fail_on_the_way_out)
    await wait_all_tasks_blocked()
    scope.cancel()
    await wait_all_tasks_blocked()
    assert recovery.steps == ["started"]
    assert news == []


async def test_an_operation_that_mixes_an_error_into_its_cancellation_is_recovered_from(
    start_actor: StartActor, start_caller: StartCaller, recovery: SlowRecovery
) -> None:
    """As an operation with a nursery may, of which one child fails in its cleanup."""

    async def fail_in_part() -> None:
        try:
            await trio.sleep_forever()
        except trio.Cancelled as cancelled:
            raise BaseExceptionGroup("mixed", [cancelled, ValueError()]) from None

    recovery.gate.set()
    actor = start_actor(recover=recovery)
    scope, news = start_caller(actor, fail_in_part)
    await wait_all_tasks_blocked()
    scope.cancel()
    await wait_all_tasks_blocked()
    assert recovery.steps == ["started", "finished"]
    assert is_cancelled(news)
    assert await actor.ask(answer) == 42


async def test_the_callers_cancelled_beats_errors_of_the_recovery(
    start_actor: StartActor, start_caller: StartCaller
) -> None:
    async def recover() -> None:
        raise OSError("unplugged")

    actor = start_actor(recover=recover)
    scope, news = start_caller(actor, trio.sleep_forever)
    await wait_all_tasks_blocked()
    scope.cancel()
    await wait_all_tasks_blocked()
    assert is_cancelled(news)
    assert actor.is_closed


async def test_the_callers_cancelled_beats_an_interrupt(
    start_actor: StartActor, start_caller: StartCaller, recovery: SlowRecovery
) -> None:
    actor = start_actor(recover=recovery)
    scope, news = start_caller(actor, trio.sleep_forever)
    await wait_all_tasks_blocked()
    actor.interrupt_running(lambda: KeyError("interrupt"))
    await wait_all_tasks_blocked()
    scope.cancel()
    await wait_all_tasks_blocked()
    recovery.gate.set()
    await wait_all_tasks_blocked()
    assert is_cancelled(news)


async def test_a_caller_cancelled_after_its_operation_was_settled_keeps_the_result(
    start_actor: StartActor, start_caller: StartCaller
) -> None:
    actor = start_actor()
    scopes: list[trio.CancelScope] = []

    async def finish_and_cancel() -> int:
        actor.after_settling(scopes[0].cancel)
        return 42

    scope, news = start_caller(actor, finish_and_cancel)
    scopes.append(scope)
    await wait_all_tasks_blocked()
    assert news == [42]


async def test_who_is_cancelled_already_is_told_that_and_nothing_else(
    start_actor: StartActor,
) -> None:
    actor = start_actor()
    actor.stop(lambda: KeyError("stopped"))
    with trio.CancelScope() as scope:
        scope.cancel()
        await actor.ask(answer)
    assert scope.cancelled_caught
