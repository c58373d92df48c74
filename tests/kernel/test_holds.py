"""Holds: one lane is served alone, urgent requests excepted, and no hold is ever left behind."""

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from belay_actors.errors import WouldDeadlock
from belay_actors.kernel import Actor
from belay_actors.testing import cancel_everywhere

StartActor = Callable[..., Actor]
StartCaller = Callable[..., tuple[trio.CancelScope, list[object]]]


async def nothing() -> None:
    pass


class Served:
    """Records which requests an actor has served."""

    def __init__(self, actor: Actor, start_caller: StartCaller) -> None:
        self.actor = actor
        self.names: list[str] = []
        self._start_caller = start_caller

    async def add(self, name: str, *, is_urgent: bool = False) -> tuple[trio.CancelScope, object]:
        """Has a request sent in the lane of its first letter, and waits until all wait."""

        async def serve() -> None:
            self.names.append(name)

        caller = self._start_caller(self.actor, serve, lane=name[0], is_urgent=is_urgent)
        await wait_all_tasks_blocked()
        return caller


@pytest.fixture
def served(start_actor: StartActor, start_caller: StartCaller) -> Served:
    return Served(start_actor(), start_caller)


class Holder:
    """A task that has a hold, or waits for one."""

    def __init__(self, nursery: trio.Nursery, actor: Actor, lane: str, **options: bool) -> None:
        self.scope = trio.CancelScope()
        self.has_it = False
        self.error: Exception | None = None
        self._gate = trio.Event()
        nursery.start_soon(self._run, actor, lane, options)

    async def _run(self, actor: Actor, lane: str, options: dict[str, bool]) -> None:
        with self.scope:
            try:
                async with actor.held(lane, **options):
                    self.has_it = True
                    await self._gate.wait()
            except Exception as error:
                self.error = error
            finally:
                self.has_it = False

    async def release(self) -> None:
        self._gate.set()
        await wait_all_tasks_blocked()


async def test_only_the_lane_that_holds_is_served(served: Served) -> None:
    async with served.actor.held("a"):
        await served.add("b1")
        await served.add("a1")
        await served.add("c1")
        await served.add("a2")
        assert served.names == ["a1", "a2"]
        assert served.actor.statistics().is_held
        assert served.actor.statistics().waiting == 2
    await wait_all_tasks_blocked()
    assert served.names == ["a1", "a2", "b1", "c1"]
    assert not served.actor.statistics().is_held


async def test_urgent_requests_are_served_as_ever(served: Served) -> None:
    async with served.actor.held("a"):
        await served.add("b1")
        await served.add("b2", is_urgent=True)
        assert served.names == ["b2"]


async def test_the_running_request_is_finished_before(
    served: Served, nursery: trio.Nursery, start_caller: StartCaller
) -> None:
    gate = trio.Event()
    start_caller(served.actor, gate.wait, lane="b")
    await wait_all_tasks_blocked()
    holder = Holder(nursery, served.actor, "a")
    await wait_all_tasks_blocked()
    assert not holder.has_it
    gate.set()
    await wait_all_tasks_blocked()
    assert holder.has_it


async def test_waiting_for_a_hold_takes_a_turn(
    served: Served, nursery: trio.Nursery, start_caller: StartCaller
) -> None:
    gate = trio.Event()
    start_caller(served.actor, gate.wait, lane="x")
    await served.add("b1")
    await wait_all_tasks_blocked()
    holder = Holder(nursery, served.actor, "a")
    await wait_all_tasks_blocked()
    await served.add("c1")
    gate.set()
    await wait_all_tasks_blocked()
    assert served.names == ["b1"]
    await holder.release()
    assert served.names == ["b1", "c1"]


async def test_holds_of_one_lane_end_with_the_last(served: Served, nursery: trio.Nursery) -> None:
    holders = [Holder(nursery, served.actor, "a") for _ in range(3)]
    await wait_all_tasks_blocked()
    assert all(holder.has_it for holder in holders)
    await served.add("b1")
    for holder in holders:
        assert served.names == []
        await holder.release()
    assert served.names == ["b1"]


async def test_holds_of_other_lanes_follow_each_other(
    served: Served, nursery: trio.Nursery
) -> None:
    one, other = Holder(nursery, served.actor, "a"), Holder(nursery, served.actor, "b")
    await wait_all_tasks_blocked()
    assert one.has_it != other.has_it
    first, second = (one, other) if one.has_it else (other, one)
    await first.release()
    assert second.has_it
    await second.release()
    assert not served.actor.statistics().is_held


async def test_who_is_cancelled_while_waiting_has_not_got_it(
    served: Served, nursery: trio.Nursery
) -> None:
    first = Holder(nursery, served.actor, "a")
    await wait_all_tasks_blocked()
    second = Holder(nursery, served.actor, "b")
    await wait_all_tasks_blocked()
    second.scope.cancel()
    await wait_all_tasks_blocked()
    await first.release()
    assert not served.actor.statistics().is_held


async def test_a_hold_that_comes_with_the_cancellation_is_given_back(
    start_actor: StartActor, nursery: trio.Nursery
) -> None:
    actor = start_actor()
    scopes: list[trio.CancelScope] = []

    async def taker() -> None:
        with trio.CancelScope() as scope:
            scopes.append(scope)
            async with actor.held("a"):
                raise AssertionError("it was cancelled before")

    put = actor._mailbox.hold

    def hold_and_cancel(hold: object) -> bool:
        scopes[0].cancel()
        return put(hold)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]

    actor._mailbox.hold = hold_and_cancel  # type: ignore[method-assign]
    nursery.start_soon(taker)
    await wait_all_tasks_blocked()
    assert scopes[0].cancelled_caught
    assert not actor.statistics().is_held
    await actor.ask(nothing, lane="b")


async def test_an_interrupt_of_its_lane_ends_it(served: Served, nursery: trio.Nursery) -> None:
    holder, waiter = Holder(nursery, served.actor, "a"), Holder(nursery, served.actor, "b")
    await wait_all_tasks_blocked()
    first, second = (holder, waiter) if holder.has_it else (waiter, holder)
    served.actor.interrupt(lambda: KeyError("over"), lane="a" if first is holder else "b")
    await wait_all_tasks_blocked()
    assert second.has_it
    await first.release()  # its scope ends later, and must not end the other's hold
    assert served.actor.statistics().is_held
    await second.release()
    assert not served.actor.statistics().is_held


async def test_an_interrupt_ends_it_before_its_body_has_begun(
    served: Served, nursery: trio.Nursery
) -> None:
    async def interrupt() -> None:
        while not served.actor.statistics().is_held:  # noqa: ASYNC110  # at the first moment
            await trio.lowlevel.checkpoint()
        served.actor.interrupt(lambda: KeyError("over"), lane="a")

    holder = Holder(nursery, served.actor, "a")
    nursery.start_soon(interrupt)
    await wait_all_tasks_blocked()
    assert holder.has_it
    assert not served.actor.statistics().is_held
    await served.add("b1")
    assert served.names == ["b1"]


async def test_an_interrupt_of_its_lane_reaches_who_waits(
    served: Served, nursery: trio.Nursery
) -> None:
    first = Holder(nursery, served.actor, "a")
    await wait_all_tasks_blocked()
    second = Holder(nursery, served.actor, "b")
    await wait_all_tasks_blocked()
    served.actor.interrupt(lambda: KeyError("over"), lane="b")
    await wait_all_tasks_blocked()
    assert isinstance(second.error, KeyError)
    assert first.has_it


@pytest.mark.parametrize("is_killed", [False, True])
async def test_the_end_of_the_actor_is_told_to_all_that_wait(
    served: Served, nursery: trio.Nursery, is_killed: bool
) -> None:
    first = Holder(nursery, served.actor, "a")
    await wait_all_tasks_blocked()
    second = Holder(nursery, served.actor, "b")
    _, news = await served.add("c1")
    (served.actor.kill if is_killed else served.actor.stop)(lambda: KeyError("over"))
    await wait_all_tasks_blocked()
    assert isinstance(second.error, KeyError)
    assert [type(one) for one in news] == [KeyError]  # type: ignore[attr-defined]
    with pytest.raises(KeyError):
        await served.actor.ask(nothing, lane="a")
    await first.release()
    assert first.error is None


async def test_an_urgent_hold_does_not_wait_for_others(
    served: Served, nursery: trio.Nursery
) -> None:
    first = Holder(nursery, served.actor, "a")
    await wait_all_tasks_blocked()
    async with served.actor.held("b", is_urgent=True):
        await served.add("a1")
        await served.add("c1")
        assert served.names == ["a1"]
        assert first.has_it
        await first.release()
        assert served.names == ["a1", "c1"]
    async with served.actor.held("b", is_urgent=True):
        await served.add("a2")
        assert served.names == ["a1", "c1"]


async def test_a_task_that_holds_cannot_wait_for_another_lane(served: Served) -> None:
    async with served.actor.held("a"):
        with pytest.raises(WouldDeadlock, match="held by the calling task"):
            await served.actor.ask(nothing, lane="b")
        with pytest.raises(WouldDeadlock):
            async with served.actor.held("b"):
                pass
        await served.actor.ask(nothing, lane="b", is_urgent=True)
        await served.actor.ask(nothing, lane="a")
        assert served.actor.statistics().is_held
    await served.actor.ask(nothing, lane="b")


async def test_errors_leave_the_scope_as_they_are_and_end_the_hold(served: Served) -> None:
    with pytest.raises(ZeroDivisionError):
        async with served.actor.held("a"):
            raise ZeroDivisionError
    assert not served.actor.statistics().is_held


async def test_while_it_is_held_the_actor_may_idle(
    start_actor: StartActor, nursery: trio.Nursery, autojump_clock: object
) -> None:
    idle = trio.Event()

    async def note() -> None:
        idle.set()
        await trio.sleep_forever()

    actor = start_actor(idle=note)
    holder = Holder(nursery, actor, "a")
    await wait_all_tasks_blocked()
    assert holder.has_it
    waiter = Holder(nursery, actor, "b")
    with trio.fail_after(1):
        await idle.wait()
    await holder.release()
    assert waiter.has_it


# Cancelled everywhere.


@asynccontextmanager
async def setting() -> AsyncGenerator[Actor, None]:
    actor = Actor("actor", recover=nothing, grace=1, make_unrecovered=lambda: TimeoutError("grace"))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(actor.serve)
        yield actor
        assert not actor.statistics().is_held
        with trio.fail_after(1):
            for lane in "abc":
                await actor.ask(nothing, lane=lane)
        actor.stop(lambda: KeyError("over"))


async def crowd(actor: Actor) -> None:
    async def work(lane: str) -> None:
        for _ in range(2):
            async with actor.held(lane):
                await actor.ask(trio.lowlevel.checkpoint, lane=lane)
            await actor.ask(trio.lowlevel.checkpoint, lane=lane)

    async with trio.open_nursery() as nursery:
        for lane in "aabbc":
            nursery.start_soon(work, lane)


@pytest.mark.parametrize("seed", range(3))
def test_cancelled_at_any_step_no_hold_is_left(seed: int) -> None:
    sweep = cancel_everywhere(crowd, setting=setting, seed=seed)
    assert sweep.points > 50
    assert sweep.cancelled > 50
