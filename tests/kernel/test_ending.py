"""How an actor ends: stopped, killed, cancelled, or unable to recover. Nobody is left waiting."""

from collections.abc import Callable

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from belay_actors.errors import ActorClosedError
from belay_actors.kernel import Actor

StartActor = Callable[..., Actor]
Caller = tuple[trio.CancelScope, list[object]]
StartCaller = Callable[..., Caller]


async def answer() -> int:
    await trio.lowlevel.checkpoint()
    return 42


async def unplugged() -> None:
    await trio.lowlevel.checkpoint()
    raise OSError("unplugged")


def make_error() -> Exception:
    return KeyError("ended")


async def start_running_and_waiting(
    start_caller: StartCaller, actor: Actor, gate: trio.Event, *, waiting: int = 3
) -> tuple[Caller, list[list[object]]]:
    """A caller whose operation runs until ``gate``, and callers that wait, each in a lane."""
    running = start_caller(actor, gate.wait)
    await wait_all_tasks_blocked()
    callers = [start_caller(actor, answer, lane=lane) for lane in range(waiting)]
    await wait_all_tasks_blocked()
    return running, [news for _, news in callers]


def assert_each_has_its_own(error_type: type[Exception], all_news: list[list[object]]) -> None:
    errors = [error for news in all_news for error in news]
    assert [type(error) for error in errors] == [error_type] * len(all_news)
    assert len({id(error) for error in errors}) == len(errors)


async def test_stopping_tells_every_waiter_at_once_with_an_error_of_its_own(
    start_actor: StartActor, start_caller: StartCaller
) -> None:
    actor = start_actor()
    (_, running), waiting = await start_running_and_waiting(start_caller, actor, trio.Event())
    actor.stop(make_error)
    await wait_all_tasks_blocked()
    assert_each_has_its_own(KeyError, waiting)
    assert running == []


async def test_stopping_lets_the_running_operation_finish(
    start_actor: StartActor, start_caller: StartCaller, nursery: trio.Nursery
) -> None:
    actor = start_actor(serves=False)
    gate = trio.Event()
    async with trio.open_nursery() as serving:
        serving.start_soon(actor.serve)
        (_, running), _ = await start_running_and_waiting(start_caller, actor, gate)
        actor.stop(make_error)
        await wait_all_tasks_blocked()
        gate.set()
    await wait_all_tasks_blocked()
    assert running == [None]


async def test_a_stopped_actor_refuses_with_a_new_error_each_time(start_actor: StartActor) -> None:
    actor = start_actor()
    actor.stop(make_error)
    assert actor.is_closed
    with pytest.raises(KeyError) as first:
        await actor.ask(answer)
    with pytest.raises(KeyError) as second:
        await actor.ask(answer)
    assert first.value is not second.value


@pytest.mark.parametrize("end", [Actor.stop, Actor.kill])
async def test_an_actor_that_rests_ends_at_once(
    start_actor: StartActor,
    end: Callable[[Actor, Callable[[], Exception]], None],
    autojump_clock: MockClock,
) -> None:
    actor = start_actor(serves=False)
    with trio.fail_after(100):
        for rest in (0.0, 50.0):  # asleep, and idling
            async with trio.open_nursery() as serving:
                serving.start_soon(actor.serve)
                await trio.sleep(rest)
                end(actor, make_error)
            actor = start_actor(serves=False)


@pytest.mark.parametrize("end", [Actor.stop, Actor.kill])
async def test_an_actor_may_be_ended_before_it_serves(
    start_actor: StartActor,
    start_caller: StartCaller,
    end: Callable[[Actor, Callable[[], Exception]], None],
) -> None:
    actor = start_actor(serves=False)
    _, news = start_caller(actor, answer)
    await wait_all_tasks_blocked()
    end(actor, make_error)
    await actor.serve()
    await wait_all_tasks_blocked()
    assert_each_has_its_own(KeyError, [news])


async def test_later_closings_change_nothing(start_actor: StartActor) -> None:
    actor = start_actor()
    actor.stop(make_error)
    actor.kill(lambda: RuntimeError("too late"))
    await wait_all_tasks_blocked()
    with pytest.raises(KeyError):
        await actor.ask(answer)


async def test_killing_tells_the_running_and_the_waiting_callers(
    start_actor: StartActor, start_caller: StartCaller
) -> None:
    actor = start_actor(serves=False, recover=unplugged)
    async with trio.open_nursery() as serving:
        serving.start_soon(actor.serve)
        (_, running), waiting = await start_running_and_waiting(start_caller, actor, trio.Event())
        actor.kill(make_error)
    await wait_all_tasks_blocked()
    assert_each_has_its_own(KeyError, [running, *waiting])


async def test_killing_does_not_recover(start_actor: StartActor, start_caller: StartCaller) -> None:
    recoveries: list[str] = []

    async def recover() -> None:
        recoveries.append("started")

    actor = start_actor(recover=recover)
    start_caller(actor, trio.sleep_forever)
    await wait_all_tasks_blocked()
    actor.kill(make_error)
    await wait_all_tasks_blocked()
    assert recoveries == []


async def test_killing_ends_a_recovery_that_hangs(
    start_actor: StartActor, start_caller: StartCaller
) -> None:
    actor = start_actor(serves=False, recover=trio.sleep_forever)
    async with trio.open_nursery() as serving:
        serving.start_soon(actor.serve)
        (scope, running), waiting = await start_running_and_waiting(
            start_caller, actor, trio.Event()
        )
        scope.cancel()
        await wait_all_tasks_blocked()
        actor.kill(make_error)
    await wait_all_tasks_blocked()
    assert [type(news) for news in running] == [trio.Cancelled]
    assert_each_has_its_own(KeyError, waiting)


async def test_a_caller_that_was_cancelled_and_then_killed_gets_its_cancelled(
    start_actor: StartActor, start_caller: StartCaller
) -> None:
    actor = start_actor()
    scope, news = start_caller(actor, trio.sleep_forever)
    await wait_all_tasks_blocked()
    scope.cancel()
    actor.kill(make_error)
    await wait_all_tasks_blocked()
    assert [type(error) for error in news] == [trio.Cancelled]


async def test_cancelling_the_serving_task_tells_everyone(
    start_actor: StartActor, start_caller: StartCaller
) -> None:
    actor = start_actor(serves=False)
    async with trio.open_nursery() as serving:
        serving.start_soon(actor.serve)
        (_, running), waiting = await start_running_and_waiting(start_caller, actor, trio.Event())
        serving.cancel_scope.cancel()
    await wait_all_tasks_blocked()
    assert_each_has_its_own(ActorClosedError, [running, *waiting])
    with pytest.raises(ActorClosedError, match="actor has ended"):
        await actor.ask(answer)


def is_about_the_plug(error: object) -> bool:
    return isinstance(error, Exception) and "unplugged" in f"{error} {error.__cause__}"


async def test_a_recovery_that_raises_ends_the_actor_and_everyone_is_told(
    start_actor: StartActor, start_caller: StartCaller
) -> None:
    actor = start_actor(serves=False, recover=unplugged)
    async with trio.open_nursery() as serving:
        serving.start_soon(actor.serve)
        (_, running), waiting = await start_running_and_waiting(start_caller, actor, trio.Event())
        actor.interrupt_running(make_error)
    await wait_all_tasks_blocked()
    for news in (running, *waiting):
        (error,) = news
        assert is_about_the_plug(error)
    _, refused = start_caller(actor, answer)
    await wait_all_tasks_blocked()
    assert is_about_the_plug(refused[0])


async def test_a_recovery_that_raises_tells_each_with_an_error_of_its_own(
    start_actor: StartActor, start_caller: StartCaller
) -> None:
    """One exception raised in many tasks would collect the tracebacks and notes of all."""
    actor = start_actor(recover=unplugged)
    (_, running), waiting = await start_running_and_waiting(start_caller, actor, trio.Event())
    actor.interrupt_running(make_error)
    await wait_all_tasks_blocked()
    assert len({id(news[0]) for news in (running, *waiting)}) == 4


async def test_a_recovery_out_of_grace_ends_the_actor_and_everyone_is_told(
    start_actor: StartActor, start_caller: StartCaller, autojump_clock: MockClock
) -> None:
    actor = start_actor(serves=False, recover=trio.sleep_forever, grace=5.0)
    async with trio.open_nursery() as serving:
        serving.start_soon(actor.serve)
        (_, running), waiting = await start_running_and_waiting(start_caller, actor, trio.Event())
        actor.interrupt_running(make_error)
        started = trio.current_time()
    await wait_all_tasks_blocked()
    assert trio.current_time() - started == 5.0
    assert_each_has_its_own(TimeoutError, [running, *waiting])
    with pytest.raises(TimeoutError):
        await actor.ask(answer)


async def test_a_cancelled_caller_is_kept_no_longer_than_the_grace(
    start_actor: StartActor, autojump_clock: MockClock
) -> None:
    actor = start_actor(recover=trio.sleep_forever, grace=5.0)
    with trio.move_on_after(1) as scope:
        await actor.ask(trio.sleep_forever)
    assert scope.cancelled_caught
    assert trio.current_time() - scope.deadline == 5.0
    assert actor.is_closed


async def test_a_recovery_within_the_grace_keeps_the_actor(
    start_actor: StartActor, autojump_clock: MockClock
) -> None:
    async def recover() -> None:
        await trio.sleep(4.9)

    actor = start_actor(recover=recover, grace=5.0)
    for _ in range(2):
        with trio.move_on_after(1):
            await actor.ask(trio.sleep_forever)
    assert await actor.ask(answer) == 42


async def test_an_idle_function_that_raises_ends_the_actor_and_everyone_is_told(
    start_actor: StartActor, start_caller: StartCaller, autojump_clock: MockClock
) -> None:
    actor = start_actor(serves=False, idle=unplugged)
    with pytest.raises((OSError, ExceptionGroup)):
        await actor.serve()
    with pytest.raises(ActorClosedError):
        await actor.ask(answer)


async def test_a_recovery_that_fails_while_it_runs_out_of_grace_ends_the_actor(
    start_actor: StartActor, start_caller: StartCaller, autojump_clock: MockClock
) -> None:
    """As one with a nursery may, of which a child fails in its cleanup."""

    async def fail_in_part() -> None:
        try:
            await trio.sleep_forever()
        except trio.Cancelled as cancelled:
            raise BaseExceptionGroup("mixed", [cancelled, OSError("unplugged")]) from None

    actor = start_actor(serves=False, recover=fail_in_part)
    async with trio.open_nursery() as serving:
        serving.start_soon(actor.serve)
        (_, running), waiting = await start_running_and_waiting(start_caller, actor, trio.Event())
        actor.interrupt_running(make_error)
    await wait_all_tasks_blocked()
    assert actor.is_closed
    assert all(len(news) == 1 for news in (running, *waiting))


async def test_an_error_of_a_recovery_that_cannot_be_copied_is_told_nevertheless(
    start_actor: StartActor, start_caller: StartCaller
) -> None:
    class TwoArgumentsError(Exception):
        def __init__(self, one: str, two: str) -> None:
            super().__init__(one + two)

    async def recover() -> None:
        raise TwoArgumentsError("unplugged", "!")

    actor = start_actor(serves=False, recover=recover)
    async with trio.open_nursery() as serving:
        serving.start_soon(actor.serve)
        _, running = start_caller(actor, trio.sleep_forever)
        await wait_all_tasks_blocked()
        actor.interrupt_running(make_error)
    _, refused = start_caller(actor, answer)
    await wait_all_tasks_blocked()
    assert is_about_the_plug(running[0])
    assert is_about_the_plug(refused[0])
