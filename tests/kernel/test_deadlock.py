"""Call chains: who asks an actor that waits for the asking code is told so, and nobody else is."""

from collections.abc import Callable

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from belay_actors.errors import WouldDeadlock
from belay_actors.kernel import Actor

StartActor = Callable[..., Actor]
StartCaller = Callable[..., tuple[trio.CancelScope, list[object]]]


async def answer() -> int:
    await trio.lowlevel.checkpoint()
    return 42


async def test_an_actor_that_asks_itself_would_deadlock(
    start_actor: StartActor, autojump_clock: MockClock
) -> None:
    actor = start_actor("pump")

    async def ask_again() -> int:
        return await actor.ask(answer)

    message = "pump was asked by code that it is itself waiting for"
    with trio.fail_after(1), pytest.raises(WouldDeadlock, match=message):
        await actor.ask(ask_again)
    assert await actor.ask(answer) == 42


async def test_two_actors_that_ask_each_other_would_deadlock(
    start_actor: StartActor, autojump_clock: MockClock
) -> None:
    one, other = start_actor("one"), start_actor("other")

    async def ask_back() -> int:
        return await one.ask(answer)

    async def ask_the_other() -> int:
        return await other.ask(ask_back)

    with trio.fail_after(1), pytest.raises(WouldDeadlock, match="one was asked"):
        await one.ask(ask_the_other)
    assert await one.ask(answer) == await other.ask(answer) == 42


async def test_a_child_task_of_an_operation_is_in_its_chain(
    start_actor: StartActor, autojump_clock: MockClock
) -> None:
    actor = start_actor()

    async def ask_again() -> None:
        await actor.ask(answer)

    async def ask_from_a_child() -> None:
        async with trio.open_nursery() as children:
            children.start_soon(ask_again)

    with trio.fail_after(1), pytest.raises(ExceptionGroup) as caught:
        await actor.ask(ask_from_a_child)
    assert caught.group_contains(WouldDeadlock)


async def test_an_actor_may_ask_another(start_actor: StartActor) -> None:
    one, other = start_actor(), start_actor()

    async def ask_the_other() -> int:
        return await other.ask(answer)

    assert await one.ask(ask_the_other) == 42


async def test_an_actor_may_be_asked_twice_by_another(start_actor: StartActor) -> None:
    one, other = start_actor(), start_actor()

    async def ask_the_other_twice() -> int:
        return await other.ask(answer) + await other.ask(answer)

    assert await one.ask(ask_the_other_twice) == 84


async def test_a_background_task_that_outlives_the_operation_may_ask(
    start_actor: StartActor, nursery: trio.Nursery
) -> None:
    actor = start_actor()
    outer_is_over = trio.Event()
    answers: list[int] = []

    async def ask_later() -> None:
        await outer_is_over.wait()
        answers.append(await actor.ask(answer))

    async def leave_a_task_behind() -> None:
        nursery.start_soon(ask_later)
        await trio.lowlevel.checkpoint()

    await actor.ask(leave_a_task_behind)
    outer_is_over.set()
    await wait_all_tasks_blocked()
    assert answers == [42]


async def test_a_later_request_is_not_in_the_chain_of_an_earlier_one(
    start_actor: StartActor, start_caller: StartCaller, nursery: trio.Nursery
) -> None:
    """A task left behind asks while its actor is busy with somebody else: it only waits."""
    actor = start_actor()
    outer_is_over, gate = trio.Event(), trio.Event()
    answers: list[int] = []

    async def ask_later() -> None:
        await outer_is_over.wait()
        answers.append(await actor.ask(answer))

    async def leave_a_task_behind() -> None:
        nursery.start_soon(ask_later)
        await trio.lowlevel.checkpoint()

    await actor.ask(leave_a_task_behind)
    start_caller(actor, gate.wait)
    await wait_all_tasks_blocked()
    outer_is_over.set()
    await wait_all_tasks_blocked()
    assert answers == []
    gate.set()
    await wait_all_tasks_blocked()
    assert answers == [42]


async def test_others_may_ask_an_actor_that_waits_for_another(
    start_actor: StartActor, start_caller: StartCaller
) -> None:
    one, other = start_actor(), start_actor()
    gate = trio.Event()

    async def ask_the_other() -> None:
        await other.ask(gate.wait)

    _, first = start_caller(one, ask_the_other)
    await wait_all_tasks_blocked()
    _, second = start_caller(one, answer)
    _, third = start_caller(other, answer)
    await wait_all_tasks_blocked()
    gate.set()
    await wait_all_tasks_blocked()
    assert (first, second, third) == ([None], [42], [42])


async def test_cancelling_a_caller_settles_the_whole_chain(
    start_actor: StartActor, start_caller: StartCaller
) -> None:
    """The inner actor recovers first, because the outer operation stays parked in its ask."""
    steps: list[str] = []
    inner_gate = trio.Event()

    async def recover_inner() -> None:
        await inner_gate.wait()
        steps.append("inner")

    async def recover_outer() -> None:
        steps.append("outer")

    outer = start_actor(recover=recover_outer)
    inner = start_actor(recover=recover_inner)

    async def ask_inner() -> None:
        await inner.ask(trio.sleep_forever)

    scope, news = start_caller(outer, ask_inner)
    await wait_all_tasks_blocked()
    scope.cancel()
    await wait_all_tasks_blocked()
    assert (news, steps) == ([], [])
    inner_gate.set()
    await wait_all_tasks_blocked()
    assert steps == ["inner", "outer"]
    assert [type(error) for error in news] == [trio.Cancelled]


async def test_another_trio_run_is_told_how_to_ask(start_actor: Callable[..., Actor]) -> None:
    actor = start_actor()

    async def operation() -> int:
        await trio.lowlevel.checkpoint()
        return 1

    with pytest.raises(RuntimeError, match=r"trio\.from_thread\.run"):
        await trio.to_thread.run_sync(lambda: trio.run(actor.ask, operation))
    assert await actor.ask(operation) == 1


async def test_tasks_that_share_a_context_do_not_take_each_other_for_the_asking_code(
    start_actor: StartActor, nursery: trio.Nursery
) -> None:
    """Those of pytest-trio's fixtures do."""
    actor = start_actor()
    context = trio.lowlevel.current_task().context
    answers: list[int] = []

    async def ask_in_the_same_context() -> None:
        trio.lowlevel.current_task().context = context
        await trio.lowlevel.checkpoint()
        answers.append(await actor.ask(answer))

    for _ in range(4):
        nursery.start_soon(ask_in_the_same_context)
    await wait_all_tasks_blocked()
    assert answers == [42] * 4
