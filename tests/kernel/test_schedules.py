"""Random schedules of requests, cancellations and interrupts, checked against a simple model.

Whatever the order: nobody stays parked, there is never more than one operation, and a caller comes
back only when its own operation has finished, or has been recovered from. While a lane has a hold
nothing else begins, but what is urgent; and no hold is left.
"""

from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager, suppress

import attrs
import trio
from hypothesis import example, given, settings, strategies as st
from trio.testing import MockClock

from belay_actors.kernel import Actor

TIMES = st.integers(min_value=0, max_value=12).map(float)


@attrs.frozen
class Plan:
    """One caller: when it asks, in which lane, for how long, and when it is cancelled."""

    lane: int
    start: float
    duration: float
    cancelled_after: float | None
    is_urgent: bool
    fails: bool
    is_shielded: bool


@attrs.frozen
class Interrupt:
    time: float
    lane: int | None  # None: whatever runs


@attrs.frozen
class HoldPlan:
    """One task that holds a lane: when it asks for that, for how long, and when it is cancelled."""

    lane: int
    start: float
    duration: float
    cancelled_after: float | None
    is_urgent: bool


PLANS = st.builds(
    Plan,
    lane=st.integers(min_value=0, max_value=2),
    start=TIMES,
    duration=st.integers(min_value=0, max_value=5).map(float),
    cancelled_after=st.none() | TIMES,
    is_urgent=st.booleans(),
    fails=st.booleans(),
    is_shielded=st.booleans(),
)
INTERRUPTS = st.builds(
    Interrupt, time=TIMES, lane=st.none() | st.integers(min_value=0, max_value=2)
)
HOLDS = st.builds(
    HoldPlan,
    lane=st.integers(min_value=0, max_value=2),
    start=TIMES,
    duration=st.integers(min_value=0, max_value=5).map(float),
    cancelled_after=st.none() | TIMES,
    is_urgent=st.booleans(),
)


class Model:
    """What has happened, as the operations and callers see it."""

    def __init__(self, recovery_time: float) -> None:
        self.recovery_time = recovery_time
        self.busy = 0
        self.started: set[int] = set()
        self.ended: set[int] = set()
        self.needs_recovery: int | None = None
        self.is_killed = False  # then nobody recovers any more
        self.recovered: set[int] = set()
        self.interrupts = Counter[int]()  # of each lane
        self.outcomes: dict[int, object] = {}
        self.parked: dict[int, trio.lowlevel.Task] = {}
        self.holds: list[HoldPlan] = []

    @contextmanager
    def alone(self) -> Generator[None]:
        assert self.busy == 0, "two operations at once"
        self.busy += 1
        try:
            yield
        finally:
            self.busy -= 1

    async def operate(self, number: int, plan: Plan) -> int:
        assert number not in self.started, "started twice"
        assert self.needs_recovery is None, "started on an unrecovered board"
        if self.holds and not plan.is_urgent:
            assert {hold.lane for hold in self.holds} == {plan.lane}, "started in another's hold"
        self.started.add(number)
        with self.alone():
            try:
                with trio.CancelScope(shield=plan.is_shielded):
                    await trio.sleep(plan.duration)
            except trio.Cancelled:
                self.needs_recovery = number
                raise
            finally:
                self.ended.add(number)
        if plan.fails:
            raise ValueError(number)
        return number

    async def recover(self) -> None:
        with self.alone():
            await trio.sleep(self.recovery_time)
            if self.needs_recovery is not None:
                self.recovered.add(self.needs_recovery)
            self.needs_recovery = None

    def check_settled(self, number: int) -> None:
        if number in self.started:
            assert number in self.ended, "came back while its operation runs"
            assert self.needs_recovery != number or self.is_killed, "came back before the recovery"

    def check_outcome(self, number: int, plan: Plan) -> None:
        outcome = self.outcomes[number]
        match outcome:
            case int():
                assert outcome == number
                assert not plan.fails
            case ValueError():
                assert outcome.args == (number,)
                assert plan.fails
            case KeyError():
                assert self.interrupts[plan.lane] or None in outcome.args
            case trio.Cancelled():
                assert plan.cancelled_after is not None
            case _:
                raise AssertionError(f"caller {number} got {outcome!r}")
        if isinstance(outcome, int | ValueError):
            assert number in self.ended
            assert number not in self.recovered


async def run_caller(model: Model, actor: Actor, number: int, plan: Plan) -> None:
    await trio.sleep(plan.start)
    cancelled_after = float("inf") if plan.cancelled_after is None else plan.cancelled_after
    with trio.move_on_after(cancelled_after):
        model.parked[number] = trio.lowlevel.current_task()
        try:
            model.outcomes[number] = await actor.ask(
                lambda: model.operate(number, plan), lane=plan.lane, is_urgent=plan.is_urgent
            )
        except (Exception, trio.Cancelled) as error:
            model.outcomes[number] = error
            if isinstance(error, trio.Cancelled):
                raise
        finally:
            del model.parked[number]
            model.check_settled(number)


async def run_holder(model: Model, actor: Actor, plan: HoldPlan) -> None:
    await trio.sleep(plan.start)
    cancelled_after = float("inf") if plan.cancelled_after is None else plan.cancelled_after
    interrupts = model.interrupts[plan.lane]
    with trio.move_on_after(cancelled_after), suppress(KeyError):
        async with actor.held(plan.lane, is_urgent=plan.is_urgent):
            # An urgent one may be without a hold, and an interrupt may have ended it by now.
            if not plan.is_urgent and model.interrupts[plan.lane] == interrupts:
                model.holds.append(plan)
            try:
                await trio.sleep(plan.duration)
            finally:
                if plan in model.holds:
                    model.holds.remove(plan)


async def run_interrupt(model: Model, actor: Actor, interrupt: Interrupt) -> None:
    await trio.sleep(interrupt.time)
    if interrupt.lane is None:
        actor.interrupt_running(lambda: KeyError(None))
    else:
        model.holds = [hold for hold in model.holds if hold.lane != interrupt.lane]
        model.interrupts[interrupt.lane] += 1
        actor.interrupt(lambda: KeyError(interrupt.lane), lane=interrupt.lane)


async def run_schedule(
    plans: list[Plan], interrupts: list[Interrupt], holds: list[HoldPlan], recovery: float
) -> None:
    model = Model(recovery)
    actor = Actor(
        "actor",
        recover=model.recover,
        grace=recovery + 1,
        make_unrecovered=lambda: TimeoutError("out of grace"),
    )
    async with trio.open_nursery() as nursery:
        nursery.start_soon(actor.serve)
        for number, plan in enumerate(plans):
            nursery.start_soon(run_caller, model, actor, number, plan)
        for interrupt in interrupts:
            nursery.start_soon(run_interrupt, model, actor, interrupt)
        for hold in holds:
            nursery.start_soon(run_holder, model, actor, hold)
        await trio.sleep(1000)
        left_parked = dict(model.parked)
        for task in left_parked.values():  # so that this test fails instead of hanging
            trio.lowlevel.reschedule(task)
        assert not left_parked
        actor.stop(lambda: KeyError("over"))
    statistics = actor.statistics()
    assert (statistics.waiting, statistics.is_busy, statistics.is_held) == (0, False, False)
    if not holds:  # waiting for one is a request, too
        assert statistics.served + statistics.failed + statistics.interrupted == len(model.started)
    for number, plan in enumerate(plans):
        model.check_outcome(number, plan)


@settings(max_examples=200, deadline=None)
@given(
    plans=st.lists(PLANS, min_size=1, max_size=12),
    interrupts=st.lists(INTERRUPTS, max_size=4),
    holds=st.lists(HOLDS, max_size=5),
    recovery=st.integers(min_value=0, max_value=3).map(float),
)
@example(  # the interrupt may come when the hold is there, and its body has not begun
    plans=[Plan(1, 1.0, 0.0, None, is_urgent=False, fails=False, is_shielded=False)],
    interrupts=[Interrupt(0.0, 0)],
    holds=[HoldPlan(0, 0.0, 2.0, None, is_urgent=False)] * 2,
    recovery=0.0,
)
def test_every_caller_comes_back_settled(
    plans: list[Plan], interrupts: list[Interrupt], holds: list[HoldPlan], recovery: float
) -> None:
    trio.run(
        run_schedule, plans, interrupts, holds, recovery, clock=MockClock(autojump_threshold=0)
    )


@settings(max_examples=50, deadline=None)
@given(plans=st.lists(PLANS, min_size=1, max_size=8), end=TIMES, is_killed=st.booleans())
def test_every_caller_comes_back_when_the_actor_ends(
    plans: list[Plan], end: float, is_killed: bool
) -> None:
    async def main() -> None:
        model = Model(1.0)
        actor = Actor(
            "actor", recover=model.recover, grace=2, make_unrecovered=lambda: TimeoutError("grace")
        )
        async with trio.open_nursery() as nursery:
            nursery.start_soon(actor.serve)
            for number, plan in enumerate(plans):
                nursery.start_soon(run_caller, model, actor, number, plan)
            await trio.sleep(end)
            model.is_killed = is_killed
            (actor.kill if is_killed else actor.stop)(lambda: KeyError(None))
        for number, plan in enumerate(plans):
            model.check_outcome(number, plan)

    trio.run(main, clock=MockClock(autojump_threshold=0))
