"""Whatever comes together: each child is given back in its order and in time, or it is told."""

import itertools
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import attrs
import pytest
import trio
from hypothesis import example, given, settings, strategies as st
from trio.testing import MockClock, wait_all_tasks_blocked

from belay_actors.errors import SessionClosedError, WouldDeadlock
from belay_actors.session._children import BoardThread, ChildTask
from belay_actors.session._cleanup import Failure
from belay_actors.session._holdings import Holdings, Key, leave_runs
from belay_actors.session._resource import BackgroundThreadInfo

BUDGET = 8.0
BEHAVIOURS = (
    "well",
    "slow",
    "fails",
    "hangs",
    "holds on",
    "is cut short",
    "refuses",
    "registers",
    "asks for more",
    "ends it all",
    "ends it all from a task",
    "ends it all elsewhere",
)
KINDS = st.sampled_from(["resource", "resource", "thread", "task"])
STEPS = st.one_of(
    st.tuples(st.just("add"), KINDS, st.sampled_from(BEHAVIOURS)),
    st.tuples(st.just("release"), st.integers(0, 9), st.booleans()),
    st.tuples(st.just("clean up"), st.sampled_from([0.0, 3.0, 60.0]), st.booleans()),
    st.tuples(st.just("task ends"), st.integers(0, 9), st.none()),
)


def make_refusal() -> SessionClosedError:
    return SessionClosedError("ended")


class Stop(BaseException):
    """No ``Exception``."""


@attrs.define(eq=False)
class Thing:
    """A resource, or what a board thread's stop does."""

    resource_id: str
    world: "World"
    behaviour: str
    resource_type: str = "Thing"
    estimated_cost: int = 0
    created_at: datetime = attrs.field(factory=lambda: datetime.now(UTC))

    async def cleanup(self) -> None:
        self.world.begin(self.resource_id)
        await trio.lowlevel.checkpoint()
        if not self.world.is_ending:
            await self.end_session()
        match self.behaviour:
            case "slow":
                await trio.sleep(0.01)
            case "fails":
                raise ValueError(self.resource_id)
            case "hangs":
                await trio.sleep_forever()
            case "holds on" if not self.world.is_ending:
                with trio.CancelScope(shield=True):
                    await trio.sleep(20)
            case "is cut short" if not self.world.is_ending:
                try:
                    await trio.sleep_forever()
                except trio.Cancelled:
                    raise ValueError("as a call that was refused") from None
            case "refuses":
                raise Stop(self.resource_id)
            case "registers" if not self.world.is_ending:
                self.world.add("resource", "well")
            case "asks for more":
                with pytest.RaisesGroup(WouldDeadlock):
                    async with trio.open_nursery() as nursery:
                        keys = self.world.holdings.keys()
                        nursery.start_soon(self.world.holdings.give_back, keys, make_refusal)
            case _:
                pass
        self.world.well.append(self.resource_id)

    async def end_session(self) -> None:
        match self.behaviour:
            case "ends it all":
                await self.world.end()
            case "ends it all from a task":
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self.world.end)
            case "ends it all elsewhere":
                self.world.nursery.start_soon(self.world.end)
                await wait_all_tasks_blocked()
            case _:
                pass


class World:
    """A session's holdings, and a record of all that becomes of them."""

    def __init__(self, nursery: trio.Nursery) -> None:
        self.holdings = Holdings()
        self.nursery = nursery
        self.numbers = itertools.count(1)
        self.keys: dict[Key, str] = {}
        self.untried: set[str] = set()  # by the end, where another run still has them
        self.tasks: list[ChildTask] = []
        self.leave: dict[ChildTask, trio.Event] = {}
        self.well: list[str] = []
        self.told: list[Failure] = []
        self.stopped: list[BaseException] = []
        self.left: list[Failure] = []
        self.tried_at_end: list[str] = []
        self.held_at_end: list[str] = []
        self.is_ending = False
        self.has_ended = trio.Event()
        self.took = 0.0

    def begin(self, name: str) -> None:
        if self.is_ending:
            self.tried_at_end.append(name)

    def add(self, kind: str, behaviour: str) -> None:
        name = f"{kind} {next(self.numbers)}"
        if behaviour.startswith(("ends", "holds on")):
            self.untried.add(name)
        thing = Thing(name, self, behaviour)
        if kind == "resource":
            self.keys[name] = name
            self.holdings.add(name, thing)
        elif kind == "thread":
            info = BackgroundThreadInfo(thread_id=name, method_name="m", session_id="s")
            thread = BoardThread(info, lambda _: thing.cleanup(), start_is_over=None)
            self.keys[thread] = name
            self.holdings.add(thread, thread)
        else:
            child = ChildTask(name)
            self.keys[child] = name
            self.leave[child] = trio.Event()
            self.tasks.append(child)
            self.holdings.add(child, child)
            self.nursery.start_soon(self.live, child)

    async def live(self, child: ChildTask) -> None:
        leave_runs()
        try:
            with child.entered():
                await self.leave[child].wait()
        finally:
            if not self.leave[child].is_set():  # else it has ended by itself, in no turn
                self.begin(child.name)
            self.well.append(child.name)
            self.holdings.discard(child)
            child.has_ended.set()

    async def give_back(self, keys: list[Key]) -> None:
        try:
            self.told += await self.holdings.give_back(keys, make_refusal)
        except SessionClosedError:
            assert self.is_ending
        except Stop as stop:
            self.stopped.append(stop)

    async def end(self) -> None:
        if self.is_ending:
            await self.has_ended.wait()
            return
        self.is_ending = True
        started = trio.current_time()
        held = self.holdings.keys()
        with trio.CancelScope(shield=True):
            self.held_at_end = [self.keys[key] for key in held]
            self.left = await self.holdings.give_back_all(started + BUDGET, reserved=1)
        self.took = trio.current_time() - started
        self.has_ended.set()

    async def step(self, step: tuple[object, ...]) -> None:
        match step:
            case ("add", str(kind), str(behaviour)):
                if not self.is_ending:  # a session refuses it then
                    self.add(kind, behaviour)
            case ("release", int(number), bool(is_waiting)):
                keys = self.holdings.keys()
                if keys:
                    await self.do(lambda: self.give_back([keys[number % len(keys)]]), is_waiting)
            case ("clean up", float(seconds), bool(is_waiting)):

                async def clean_up() -> None:
                    with trio.move_on_after(seconds):
                        await self.give_back(self.holdings.keys())

                await self.do(clean_up, is_waiting)
            case ("task ends", int(number), None):
                if self.tasks:
                    self.leave[self.tasks[number % len(self.tasks)]].set()
                await wait_all_tasks_blocked()
            case other:
                raise AssertionError(other)

    async def do(self, act: Callable[[], Awaitable[None]], is_waiting: bool) -> None:
        if is_waiting:
            with trio.move_on_after(5):
                await act()
        else:
            self.nursery.start_soon(act)
            await wait_all_tasks_blocked()

    def check(self) -> None:
        assert not self.holdings.keys()
        assert self.took <= BUDGET, "it took too long"
        names = [failure.what for failure in (*self.told, *self.left)]
        failed = [self.name_of(what) for what in names]
        assert len(failed) == len(set(failed)), "something was told twice"
        lost = set(self.keys.values()) - set(self.well) - set(failed)
        assert not lost, "something was neither given back nor told"
        tried = [name for name in self.tried_at_end if name in self.held_at_end]
        assert len(tried) == len(set(tried)), "something was tried twice by the end"
        untried = set(self.held_at_end) - set(tried) - set(self.well) - self.untried
        assert not untried, "something was not tried by the end"
        in_order = [name for name in self.held_at_end if name in tried]
        assert tried == in_order, "the order was not the reverse"
        released = {name for name in self.well if name.startswith("resource")}
        assert released - set(failed) <= set(self.holdings.released) <= released

    @staticmethod
    def name_of(what: str) -> str:
        return what.partition("'")[2].rstrip("'")


def run(steps: list[tuple[object, ...]]) -> World:
    async def main() -> World:
        async with trio.open_nursery() as nursery:
            world = World(nursery)
            for step in steps:
                await world.step(step)
            await world.end()
            await wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()
        return world

    return trio.run(main, clock=MockClock(autojump_threshold=0))


slow = ("add", "resource", "slow")
clean_up = ("clean up", 60.0, True)
soon_clean_up = ("clean up", 60.0, False)


@settings(max_examples=400, deadline=None)
@given(st.lists(STEPS, max_size=12))
@example(
    steps=[
        ("add", "task", "well"),
        ("add", "resource", "well"),
        ("add", "resource", "slow"),
        ("add", "resource", "ends it all"),
        ("release", 0, False),
        ("task ends", 0, None),
    ]
)
@example([slow, ("add", "resource", "ends it all elsewhere"), clean_up])
@example([slow, ("add", "resource", "ends it all from a task"), clean_up])
@example([slow, ("add", "resource", "is cut short"), soon_clean_up])
@example([slow, ("add", "resource", "holds on"), ("add", "thread", "fails"), soon_clean_up])
@example([slow, ("add", "resource", "refuses"), slow])
def test_a04_d05_each_child_is_given_back_once_in_order_and_in_time_or_told(
    steps: list[tuple[object, ...]],
) -> None:
    run(steps).check()
