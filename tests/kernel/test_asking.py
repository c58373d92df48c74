"""What a caller gets from an actor that is well: results, errors, context, deadline, counts."""

import contextvars
from collections.abc import Callable

import attrs
import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from belay_actors.kernel import Actor, ActorStatistics
from belay_actors.kernel._request import Request

StartActor = Callable[..., Actor]
StartCaller = Callable[..., tuple[trio.CancelScope, list[object]]]


async def answer() -> int:
    await trio.lowlevel.checkpoint()
    return 42


async def fail() -> None:
    await trio.lowlevel.checkpoint()
    raise ValueError("of the operation")


async def test_no_keyboard_interrupt_is_raised_between_asking_and_the_answer(
    start_actor: StartActor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would leave a request in the mailbox of which the caller does not wait."""
    actor = start_actor()
    put = actor._mailbox.put
    protected: list[bool] = []

    def put_and_note(request: Request[object]) -> None:
        protected.append(trio.lowlevel.currently_ki_protected())
        put(request)

    async def note() -> None:
        await trio.lowlevel.checkpoint()
        protected.append(trio.lowlevel.currently_ki_protected())

    monkeypatch.setattr(actor._mailbox, "put", put_and_note)
    await actor.ask(note)
    assert protected
    assert all(protected)


async def test_the_caller_gets_the_result(start_actor: StartActor) -> None:
    assert await start_actor().ask(answer) == 42


async def test_who_serves_is_the_caller_or_the_actors_own_task(
    start_actor: StartActor, actor_class: type[Actor]
) -> None:
    tasks: list[trio.lowlevel.Task] = []

    async def note_task() -> None:
        tasks.append(trio.lowlevel.current_task())

    actor = start_actor()
    await actor.ask(note_task)
    await actor.ask(note_task)
    assert tasks[0] is tasks[1]
    assert (tasks[0] is trio.lowlevel.current_task()) == (actor_class.__name__ == "RestedActor")


async def test_an_operation_may_finish_without_a_checkpoint(start_actor: StartActor) -> None:
    async def at_once() -> str:
        return "done"

    assert await start_actor().ask(at_once) == "done"


async def test_an_error_goes_to_its_caller_and_the_actor_lives(start_actor: StartActor) -> None:
    actor = start_actor()
    with pytest.raises(ValueError, match="of the operation"):
        await actor.ask(fail)
    assert await actor.ask(answer) == 42
    assert not actor.is_closed


async def test_an_error_group_goes_to_its_caller_and_the_actor_lives(
    start_actor: StartActor,
) -> None:
    async def fail_in_a_child() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(fail)

    actor = start_actor()
    with pytest.raises(ExceptionGroup) as caught:
        await actor.ask(fail_in_a_child)
    assert caught.group_contains(ValueError)
    assert await actor.ask(answer) == 42


async def test_an_error_needs_no_recovery(start_actor: StartActor) -> None:
    recoveries: list[str] = []

    async def recover() -> None:
        recoveries.append("recovered")

    actor = start_actor(recover=recover)
    with pytest.raises(ValueError, match="of the operation"):
        await actor.ask(fail)
    await actor.ask(answer)
    assert recoveries == []


async def test_a_request_made_before_the_actor_serves_waits_for_it(
    start_actor: StartActor, start_caller: StartCaller, nursery: trio.Nursery
) -> None:
    actor = start_actor(serves=False)
    _, news = start_caller(actor, answer)
    await wait_all_tasks_blocked()
    assert news == []
    nursery.start_soon(actor.serve)
    await wait_all_tasks_blocked()
    assert news == [42]


async def test_asking_is_a_checkpoint(start_actor: StartActor) -> None:
    async def at_once() -> None:
        pass

    actor = start_actor()
    with trio.testing.assert_checkpoints():
        await actor.ask(at_once)


async def test_who_is_cancelled_already_does_not_get_to_ask(start_actor: StartActor) -> None:
    started: list[str] = []

    async def start() -> None:
        started.append("started")

    actor = start_actor()
    with trio.CancelScope() as scope:
        scope.cancel()
        await actor.ask(start)
    await wait_all_tasks_blocked()
    assert scope.cancelled_caught
    assert started == []


async def test_a_request_carries_its_callers_context(start_actor: StartActor) -> None:
    trace = contextvars.ContextVar("trace", default="none")
    carried: list[str] = []
    actor = start_actor()

    async def look() -> None:
        assert actor._server.running is not None
        carried.append(actor._server.running.context[trace])

    trace.set("of the caller")
    await actor.ask(look)
    assert carried == ["of the caller"]


async def test_statistics_count_what_became_of_requests(
    start_actor: StartActor, start_caller: StartCaller
) -> None:
    actor = start_actor()
    await actor.ask(answer)
    await actor.ask(answer)
    with pytest.raises(ValueError, match="of the operation"):
        await actor.ask(fail)
    scope, _ = start_caller(actor, trio.sleep_forever)
    await wait_all_tasks_blocked()
    scope.cancel()
    await wait_all_tasks_blocked()
    assert actor.statistics() == ActorStatistics(
        served=2, failed=1, interrupted=1, waiting=0, is_busy=False
    )


async def test_statistics_tell_who_waits_now(
    start_actor: StartActor, start_caller: StartCaller
) -> None:
    actor = start_actor()
    gate = trio.Event()
    for is_urgent in (False, False, False, True):
        start_caller(actor, gate.wait, is_urgent=is_urgent)
        await wait_all_tasks_blocked()
    assert actor.statistics().waiting == 3
    assert actor.statistics().is_busy
    gate.set()
    await wait_all_tasks_blocked()
    assert actor.statistics().waiting == 0
    assert not actor.statistics().is_busy


async def test_a_caller_that_leaves_the_queue_is_not_counted_as_waiting(
    start_actor: StartActor, start_caller: StartCaller
) -> None:
    actor = start_actor()
    start_caller(actor, trio.sleep_forever)
    await wait_all_tasks_blocked()
    scope, _ = start_caller(actor, answer)
    await wait_all_tasks_blocked()
    scope.cancel()
    await wait_all_tasks_blocked()
    statistics = actor.statistics()
    assert statistics.busy_seconds > 0
    assert attrs.evolve(statistics, busy_seconds=0) == ActorStatistics(
        served=0, failed=0, interrupted=0, waiting=0, is_busy=True
    )
