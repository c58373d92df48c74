"""What an actor does between requests: its idle function, and callbacks after settling."""

from collections.abc import Callable

import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from belay_actors.kernel import Actor

StartActor = Callable[..., Actor]
StartCaller = Callable[..., tuple[trio.CancelScope, list[object]]]


class Idle:
    """An idle function that notes when it runs."""

    def __init__(self) -> None:
        self.starts = 0
        self.is_running = False

    async def __call__(self) -> None:
        self.starts += 1
        self.is_running = True
        try:
            await trio.sleep_forever()
        finally:
            self.is_running = False


async def answer() -> int:
    await trio.lowlevel.checkpoint()
    return 42


async def test_the_idle_function_runs_while_nobody_asks(
    start_actor: StartActor, autojump_clock: MockClock
) -> None:
    idle = Idle()
    start_actor(idle=idle)
    await trio.sleep(1)
    assert idle.is_running
    assert idle.starts == 1


async def test_the_idle_function_is_cancelled_when_somebody_asks_and_runs_again_afterwards(
    start_actor: StartActor, start_caller: StartCaller, autojump_clock: MockClock
) -> None:
    idle = Idle()
    actor = start_actor(idle=idle)
    await trio.sleep(1)
    gate = trio.Event()
    _, news = start_caller(actor, gate.wait)
    await trio.sleep(1)
    assert (idle.is_running, idle.starts) == (False, 1)
    gate.set()
    await trio.sleep(1)
    assert news == [None]
    assert (idle.is_running, idle.starts) == (True, 2)


async def test_an_operation_never_runs_beside_the_idle_function(
    start_actor: StartActor, autojump_clock: MockClock
) -> None:
    idle = Idle()
    beside: list[bool] = []

    async def look() -> None:
        beside.append(idle.is_running)
        await trio.sleep(1)
        beside.append(idle.is_running)

    actor = start_actor(idle=idle)
    for pause in (1, 0.001, 1):
        await trio.sleep(pause)
        await actor.ask(look)
    assert beside == [False] * 6


async def test_an_idle_function_that_returns_is_run_again(
    start_actor: StartActor, autojump_clock: MockClock
) -> None:
    starts: list[float] = []

    async def idle() -> None:
        starts.append(trio.current_time())
        await trio.sleep(1)

    actor = start_actor(idle=idle)
    await trio.sleep(5)
    assert len(starts) >= 4
    assert await actor.ask(answer) == 42


async def test_an_idle_actor_that_was_asked_in_vain_idles_again(
    start_actor: StartActor, start_caller: StartCaller, autojump_clock: MockClock
) -> None:
    """The caller leaves before the actor has even woken up."""
    idle = Idle()
    actor = start_actor(idle=idle)
    await trio.sleep(1)
    scope, news = start_caller(actor, answer)
    scope.cancel()
    await trio.sleep(1)
    assert [type(error) for error in news] == [trio.Cancelled]
    assert idle.is_running
    assert await actor.ask(answer) == 42


async def test_an_idle_function_may_clean_up_before_the_operation_starts(
    start_actor: StartActor, autojump_clock: MockClock
) -> None:
    order: list[str] = []

    async def idle() -> None:
        try:
            await trio.sleep_forever()
        finally:
            with trio.CancelScope(shield=True):
                await trio.sleep(1)
                order.append("idle has ended")

    async def start() -> None:
        order.append("operation")

    actor = start_actor(idle=idle)
    await trio.sleep(1)
    await actor.ask(start)
    assert order == ["idle has ended", "operation"]


async def test_idling_ends_with_the_actor(
    start_actor: StartActor, autojump_clock: MockClock
) -> None:
    idle = Idle()
    actor = start_actor(idle=idle)
    await trio.sleep(1)
    actor.stop(lambda: KeyError("stopped"))
    await trio.sleep(1)
    assert (idle.is_running, idle.starts) == (False, 1)


async def test_after_settling_calls_back_at_once_when_nothing_runs(
    start_actor: StartActor,
) -> None:
    called: list[str] = []
    start_actor().after_settling(lambda: called.append("now"))
    assert called == ["now"]


async def test_after_settling_the_caller_has_heard_first(
    start_actor: StartActor, start_caller: StartCaller
) -> None:
    """Ending everybody in the callback cannot take the caller's own answer away any more."""
    actor = start_actor()
    order: list[str] = []

    def tell_others() -> None:
        order.append("callback")
        scope.cancel()
        actor.kill(lambda: KeyError("told"))

    async def learn_something() -> str:
        actor.after_settling(tell_others)
        await trio.lowlevel.checkpoint()
        order.append("operation")
        raise ValueError("for the caller")

    scope, news = start_caller(actor, learn_something)
    _, other = start_caller(actor, answer, lane="other")
    await wait_all_tasks_blocked()
    assert order == ["operation", "callback"]
    assert [type(error) for error in news] == [ValueError]
    assert len(other) == 1


async def test_after_settling_calls_back_in_order_and_once(start_actor: StartActor) -> None:
    actor = start_actor()
    called: list[int] = []

    async def learn_something() -> None:
        for number in range(3):
            actor.after_settling(lambda number=number: called.append(number))  # type: ignore[misc]

    await actor.ask(learn_something)
    await actor.ask(answer)
    assert called == [0, 1, 2]


async def test_after_settling_calls_back_after_the_recovery(
    start_actor: StartActor, start_caller: StartCaller
) -> None:
    recovered = trio.Event()
    actor = start_actor(recover=recovered.wait)
    called: list[str] = []
    scope, news = start_caller(actor, trio.sleep_forever)
    await wait_all_tasks_blocked()
    actor.after_settling(lambda: called.append("settled"))
    scope.cancel()
    await wait_all_tasks_blocked()
    assert called == []
    recovered.set()
    await wait_all_tasks_blocked()
    assert called == ["settled"]
    assert len(news) == 1


async def test_after_settling_calls_back_even_when_the_actor_is_killed(
    start_actor: StartActor, start_caller: StartCaller
) -> None:
    actor = start_actor()
    called: list[str] = []
    start_caller(actor, trio.sleep_forever)
    await wait_all_tasks_blocked()
    actor.after_settling(lambda: called.append("settled"))
    actor.kill(lambda: KeyError("killed"))
    await wait_all_tasks_blocked()
    assert called == ["settled"]
