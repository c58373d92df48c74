"""Requests that callers serve themselves: who runs when, and what comes of ends at every step."""

import contextvars
import signal
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager

import attrs
import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from belay_actors.kernel import Actor, UnsettledError
from belay_actors.testing import break_everywhere, cancel_everywhere

StartActor = Callable[..., Actor]
StartCaller = Callable[..., tuple[trio.CancelScope, list[object]]]


async def answer() -> int:
    await trio.lowlevel.checkpoint()
    return 42


def make_error() -> Exception:
    return KeyError("ended")


@attrs.define
class Bench:
    """An actor, and what was seen of its resource."""

    actor: Actor
    running: int = 0
    is_dirty: bool = False
    recoveries: int = 0
    finished: int = 0

    async def work(self) -> int:
        assert not self.is_dirty
        assert self.running == 0
        self.running += 1
        self.is_dirty = True
        try:
            for _ in range(3):
                await trio.sleep(1)
        finally:
            self.running -= 1
        self.is_dirty = False
        self.finished += 1
        return self.finished


@asynccontextmanager
async def bench_setting() -> AsyncGenerator[Bench, None]:
    async def recover() -> None:
        assert bench.running == 0
        await trio.sleep(1)
        bench.is_dirty = False
        bench.recoveries += 1

    async def idle() -> None:
        assert bench.running == 0
        await trio.sleep_forever()

    actor = Actor("actor", recover=recover, grace=9, make_unrecovered=make_error, idle=idle)
    bench = Bench(actor)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(actor.serve)
        await wait_all_tasks_blocked()
        yield bench
        with trio.CancelScope(shield=True):
            assert (bench.running, bench.is_dirty) == (0, False)
            assert not actor.statistics().is_busy
            assert await actor.ask(bench.work) == bench.finished
            statistics = actor.statistics()
            assert (statistics.failed, statistics.waiting) == (0, 0)
        actor.stop(make_error)


async def one_call(bench: Bench) -> None:
    await bench.actor.ask(bench.work)
    await trio.lowlevel.checkpoint()


async def three_callers(bench: Bench) -> None:
    async with trio.open_nursery() as nursery:
        for lane in range(3):
            nursery.start_soon(lambda lane=lane: bench.actor.ask(bench.work, lane=lane))  # type: ignore[misc]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("scenario", "least"), [(one_call, 4), (three_callers, 15)])
def test_cancelled_at_every_step(
    scenario: Callable[[Bench], object], least: int, seed: int
) -> None:
    sweep = cancel_everywhere(scenario, setting=bench_setting, seed=seed)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    assert sweep.points > least


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("scenario", "least"), [(one_call, 4), (three_callers, 15)])
def test_interrupted_at_every_step(
    scenario: Callable[[Bench], object], least: int, seed: int
) -> None:
    sweep = break_everywhere(
        scenario,  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        setting=bench_setting,
        cut=lambda bench: bench.actor.interrupt_running(make_error),
        errors=KeyError,
        seed=seed,
    )
    assert sweep.points > least
    assert sweep.failed > 0


async def test_the_end_of_serving_waits_for_who_serves_itself(
    start_actor: StartActor, start_caller: StartCaller
) -> None:
    gate = trio.Event()

    async def leave_slowly() -> None:
        try:
            await trio.sleep_forever()
        finally:
            with trio.CancelScope(shield=True):
                await gate.wait()

    actor = start_actor(serves=False)
    has_ended: list[bool] = []

    async def serve() -> None:
        await actor.serve()
        has_ended.append(True)

    async with trio.open_nursery() as serving:
        serving.start_soon(serve)
        await wait_all_tasks_blocked()
        _, news = start_caller(actor, leave_slowly)
        await wait_all_tasks_blocked()
        actor.kill(make_error)
        await wait_all_tasks_blocked()
        assert (news, has_ended) == ([], [])
        gate.set()
    assert has_ended == [True]
    await wait_all_tasks_blocked()
    assert [type(error) for error in news] == [KeyError]


async def test_who_came_meanwhile_goes_before_the_next_request_of_the_same_task(
    start_actor: StartActor, start_caller: StartCaller
) -> None:
    actor = start_actor()
    served: list[str] = []
    has_begun = trio.Event()

    async def serve(name: str) -> None:
        served.append(name)
        has_begun.set()
        await wait_all_tasks_blocked()

    async def ask_again_and_again() -> None:
        for number in range(4):
            await actor.ask(lambda number=number: serve(f"a{number}"), lane="a")  # type: ignore[misc]

    async with trio.open_nursery() as nursery:
        nursery.start_soon(ask_again_and_again)
        await has_begun.wait()
        for name in ("b0", "b1", "c0"):
            start_caller(actor, lambda name=name: serve(name), lane=name[0])
    await wait_all_tasks_blocked()
    assert served[0] == "a0"
    assert {*served[1:3]} == {"b0", "c0"} or {*served[1:3]} == {"b1", "c0"}
    assert len(served) == 7


async def test_the_actor_does_not_idle_meanwhile_and_does_afterwards(
    start_actor: StartActor, autojump_clock: MockClock
) -> None:
    idling: list[bool] = []

    async def idle() -> None:
        idling.append(True)
        try:
            await trio.sleep_forever()
        finally:
            idling.pop()

    async def look() -> None:
        for _ in range(10):
            await trio.sleep(1)
            assert not idling

    actor = start_actor(idle=idle)
    await actor.ask(look)
    assert not idling
    await trio.sleep(1)
    assert idling
    await actor.ask(look)
    await actor.ask(look)
    await trio.sleep(1)
    assert idling


async def test_requests_of_the_lane_that_holds_are_not_kept_back_by_those_that_wait(
    start_actor: StartActor, start_caller: StartCaller
) -> None:
    actor = start_actor()
    async with actor.held("a"):
        _, news = start_caller(actor, answer, lane="b")
        await wait_all_tasks_blocked()
        for _ in range(3):
            assert await actor.ask(answer, lane="a") == 42
        assert news == []
    await wait_all_tasks_blocked()
    assert news == [42]


async def test_an_error_of_the_operation_comes_out_as_it_is(start_actor: StartActor) -> None:
    error = ValueError("of the operation")

    async def fail() -> None:
        await trio.lowlevel.checkpoint()
        raise error

    with pytest.raises(ValueError, match="of the operation") as caught:
        await start_actor().ask(fail)
    assert caught.value is error
    assert error.__context__ is error.__cause__ is None


async def test_an_operation_may_begin_before_it_is_awaited(start_actor: StartActor) -> None:
    begun: list[bool] = []
    actor = start_actor()

    def begin() -> Awaitable[int]:
        begun.append(actor.statistics().is_busy)
        return answer()

    assert await actor.ask(begin) == 42
    assert begun == [True]


async def test_callbacks_run_in_the_actors_context(start_actor: StartActor) -> None:
    """What they start must not take itself for a part of the caller."""
    mark = contextvars.ContextVar("mark", default="none")
    seen: list[str] = []
    actor = start_actor()

    async def learn_something() -> None:
        actor.after_settling(lambda: seen.append(mark.get()))

    mark.set("of the caller")
    await actor.ask(learn_something)
    assert seen == ["none"]


# Operations that need a recovery.


async def test_an_unsettled_operation_is_recovered_from_before_its_caller_hears(
    start_actor: StartActor, start_caller: StartCaller
) -> None:
    recovered = trio.Event()
    actor = start_actor(recover=recovered.wait)

    async def fail() -> None:
        await trio.lowlevel.checkpoint()
        raise UnsettledError(lambda: ValueError(f"explained: {recovered.is_set()}"))

    _, news = start_caller(actor, fail)
    await wait_all_tasks_blocked()
    assert news == []
    recovered.set()
    await wait_all_tasks_blocked()
    (error,) = news
    assert isinstance(error, ValueError)
    assert error.args == ("explained: True",)
    assert error.__context__ is error.__cause__ is None
    assert await actor.ask(answer) == 42


async def test_an_interrupt_beats_what_an_unsettled_operation_says(
    start_actor: StartActor, start_caller: StartCaller
) -> None:
    recovered = trio.Event()
    actor = start_actor(recover=recovered.wait)

    async def fail() -> None:
        await trio.lowlevel.checkpoint()
        raise UnsettledError(lambda: ValueError("explained"))

    _, news = start_caller(actor, fail)
    await wait_all_tasks_blocked()
    actor.interrupt_running(make_error)
    recovered.set()
    await wait_all_tasks_blocked()
    assert [type(error) for error in news] == [KeyError]


# KeyboardInterrupt.


@pytest.mark.usefixtures("ctrl_c")
def test_a_keyboard_interrupt_of_the_main_task_is_recovered_from() -> None:
    """trio raises it where the main task waits; there is no way to keep it away from there."""
    steps: list[str] = []

    async def recover() -> None:
        signal.raise_signal(signal.SIGINT)  # an impatient user
        await trio.sleep(0.01)
        steps.append("recovered")

    async def wait() -> None:
        signal.raise_signal(signal.SIGINT)
        steps.append("waits")
        await trio.sleep(5)

    async def main() -> None:
        actor = Actor("actor", recover=recover, grace=9, make_unrecovered=make_error)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(actor.serve)
            await wait_all_tasks_blocked()
            try:
                await actor.ask(wait)
            except KeyboardInterrupt:
                steps.append("interrupted")
            assert await actor.ask(answer) == 42
            actor.stop(make_error)

    trio.run(main)
    assert steps == ["waits", "recovered", "interrupted"]
