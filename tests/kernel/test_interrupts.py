"""Interrupts: cancellations from outside, of a lane or of what runs. They do not queue."""

from collections.abc import Callable

import trio
from trio.testing import wait_all_tasks_blocked

from belay_actors.kernel import Actor

StartActor = Callable[..., Actor]
StartCaller = Callable[..., tuple[trio.CancelScope, list[object]]]


async def answer() -> int:
    await trio.lowlevel.checkpoint()
    return 42


def make_error() -> Exception:
    return KeyError("interrupted")


def types_of(news: list[object]) -> list[type[object]]:
    return [type(item) for item in news]


async def test_interrupting_a_lane_tells_those_that_wait_at_once(
    start_actor: StartActor, start_caller: StartCaller
) -> None:
    actor = start_actor()
    gate = trio.Event()
    _, running = start_caller(actor, gate.wait, lane="other")
    await wait_all_tasks_blocked()
    _, first = start_caller(actor, answer, lane="lane")
    _, urgent = start_caller(actor, answer, lane="lane", is_urgent=True)
    _, other = start_caller(actor, answer, lane="other")
    await wait_all_tasks_blocked()
    actor.interrupt(make_error, lane="lane")
    await wait_all_tasks_blocked()
    assert types_of(first) == types_of(urgent) == [KeyError]
    assert first[0] is not urgent[0]
    assert running == other == []
    gate.set()
    await wait_all_tasks_blocked()
    assert running == [None]
    assert other == [42]


async def test_interrupting_a_lane_ends_its_running_request_when_recovered(
    start_actor: StartActor, start_caller: StartCaller
) -> None:
    recovered = trio.Event()
    actor = start_actor(recover=recovered.wait)
    _, news = start_caller(actor, trio.sleep_forever, lane="lane")
    await wait_all_tasks_blocked()
    actor.interrupt(make_error, lane="lane")
    await wait_all_tasks_blocked()
    assert news == []
    recovered.set()
    await wait_all_tasks_blocked()
    assert types_of(news) == [KeyError]
    assert await actor.ask(answer, lane="lane") == 42


async def test_interrupting_another_lane_leaves_the_running_request_alone(
    start_actor: StartActor, start_caller: StartCaller
) -> None:
    actor = start_actor()
    gate = trio.Event()
    _, news = start_caller(actor, gate.wait, lane="lane")
    await wait_all_tasks_blocked()
    actor.interrupt(make_error, lane="other")
    actor.interrupt(make_error, lane=None)
    await wait_all_tasks_blocked()
    gate.set()
    await wait_all_tasks_blocked()
    assert news == [None]


async def test_no_lane_is_a_lane_like_any_other(
    start_actor: StartActor, start_caller: StartCaller
) -> None:
    actor = start_actor()
    _, running = start_caller(actor, trio.sleep_forever)
    await wait_all_tasks_blocked()
    _, waiting = start_caller(actor, answer)
    _, other = start_caller(actor, answer, lane="other")
    await wait_all_tasks_blocked()
    actor.interrupt(make_error, lane=None)
    await wait_all_tasks_blocked()
    assert types_of(running) == types_of(waiting) == [KeyError]
    assert other == [42]


async def test_interrupting_the_running_request_leaves_those_that_wait(
    start_actor: StartActor, start_caller: StartCaller
) -> None:
    actor = start_actor()
    _, running = start_caller(actor, trio.sleep_forever, lane="lane")
    await wait_all_tasks_blocked()
    _, waiting = start_caller(actor, answer, lane="lane")
    await wait_all_tasks_blocked()
    actor.interrupt_running(make_error)
    await wait_all_tasks_blocked()
    assert types_of(running) == [KeyError]
    assert waiting == [42]


async def test_interrupts_do_nothing_when_nobody_asks(start_actor: StartActor) -> None:
    actor = start_actor()
    await wait_all_tasks_blocked()
    actor.interrupt(make_error, lane=None)
    actor.interrupt_running(make_error)
    assert await actor.ask(answer) == 42


async def test_an_interrupt_during_a_recovery_does_not_cut_it_short(
    start_actor: StartActor, start_caller: StartCaller
) -> None:
    recovered = trio.Event()
    actor = start_actor(recover=recovered.wait)
    scope, news = start_caller(actor, trio.sleep_forever)
    await wait_all_tasks_blocked()
    scope.cancel()
    await wait_all_tasks_blocked()
    actor.interrupt_running(make_error)
    actor.interrupt(make_error, lane=None)
    await wait_all_tasks_blocked()
    assert news == []
    recovered.set()
    await wait_all_tasks_blocked()
    assert types_of(news) == [trio.Cancelled]
    assert not actor.is_closed


async def test_an_interrupted_operation_that_fails_on_its_way_out_is_still_interrupted(
    start_actor: StartActor, start_caller: StartCaller
) -> None:
    async def fail_on_the_way_out() -> None:
        try:
            await trio.sleep_forever()
        finally:
            raise ValueError

    actor = start_actor()
    _, news = start_caller(actor, fail_on_the_way_out)
    await wait_all_tasks_blocked()
    actor.interrupt_running(make_error)
    await wait_all_tasks_blocked()
    assert types_of(news) == [KeyError]


async def test_an_operation_that_completes_in_spite_of_an_interrupt_keeps_its_result(
    start_actor: StartActor, start_caller: StartCaller
) -> None:
    gate = trio.Event()

    async def complete_nevertheless() -> int:
        with trio.CancelScope(shield=True):
            await gate.wait()
        return 42

    actor = start_actor()
    _, news = start_caller(actor, complete_nevertheless)
    await wait_all_tasks_blocked()
    actor.interrupt_running(make_error)
    gate.set()
    await wait_all_tasks_blocked()
    assert news == [42]
