"""One run of a scenario in which something happens at one point: after the k-th step of its tasks.

A step is what a task does between two waits. Counting those of all tasks while the scenario runs
finds every moment at which another task, a cancellation or a board's end can come in between.
"""

import random
from collections.abc import Awaitable, Callable, Generator
from contextlib import AbstractAsyncContextManager, contextmanager
from typing import Generic, TypeVar, cast

import attrs
import trio
from trio._core import _run

from belay_actors.testing._hang import Watchdog, where

T = TypeVar("T")
Setting = Callable[[], AbstractAsyncContextManager[T]]
Scenario = Callable[[T], Awaitable[object]]
Act = Callable[[T, trio.CancelScope], object]
MakeClock = Callable[[], trio.abc.Clock]

_SEEDED = "_ALLOW_DETERMINISTIC_SCHEDULING"


class Trigger(trio.abc.Instrument):
    """An instrument that does something after one step, while it is armed.

    Args:
        step: which one, from 1 on; ``None`` for never.

    Attributes:
        has_acted: whether it was done.
        has_woken: whether that has ended a wait of the task that armed it.
        place: whose step it was, and where that task then waited.
    """

    def __init__(self, step: int | None) -> None:
        self.has_acted = self.has_woken = False
        self.place = ""
        self._step = step
        self._steps = 0
        self._act: Callable[[], object] | None = None
        self._task: trio.lowlevel.Task | None = None
        self._is_acting = False
        self._error: BaseException | None = None

    @contextmanager
    def armed(self, act: Callable[[], object]) -> Generator[None, None, None]:
        """Acts in the body, if it has as many steps; an error of ``act`` comes out afterwards."""
        self._act, self._task = act, trio.lowlevel.current_task()
        try:
            yield
        finally:
            self._act = None
            if self._error is not None:
                raise self._error

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        """Counts. For trio."""
        if self._act is None:
            return
        self._steps += 1
        if self._steps != self._step:
            return
        self.has_acted = self._is_acting = True
        try:
            self.place = f"task {task.name} at {where(task) or 'its end'}"
            self._act()
        except BaseException as error:  # noqa: ASYNC103  # raised on, by armed()
            self._error = error
        self._is_acting = False

    def task_scheduled(self, task: trio.lowlevel.Task) -> None:
        """Sees who is woken. For trio."""
        if self._is_acting and task is self._task:
            self.has_woken = True


@attrs.frozen
class Conditions:
    """What all runs of a sweep have in common, whatever they run.

    Attributes:
        seed: of the scheduling.
        limit: seconds that a run may take, on its own clock.
        clock: makes each run's clock; ``None`` for trio's own.
    """

    seed: int
    limit: float
    clock: MakeClock | None


@attrs.define
class Point(Generic[T]):
    """One run.

    Attributes:
        scenario: what runs.
        setting: what it runs in.
        act: what to do; called with the setting's value and the scenario's cancel scope.
        errors: what the scenario may raise after that.
        trigger: when to do it.
        is_cancelled, has_failed: how the scenario ended; neither if it came to its end.
    """

    scenario: Scenario[T]
    setting: Setting[T]
    act: Act[T]
    errors: tuple[type[BaseException], ...]
    trigger: Trigger
    is_cancelled: bool = attrs.field(init=False, default=False)
    has_failed: bool = attrs.field(init=False, default=False)

    def run(self, conditions: Conditions) -> None:
        """Runs it, in a trio run of its own.

        Raises:
            HangError: it did not end.
            BaseException: from the setting, or from the scenario if it may not raise that.
        """
        watchdog = Watchdog(conditions.limit)
        clock = conditions.clock() if conditions.clock is not None else None
        with seeded_scheduling(conditions.seed), watchdog.explaining():
            trio.run(self._main, watchdog, clock=clock, instruments=[self.trigger, watchdog])

    async def _main(self, watchdog: Watchdog) -> None:
        trio.lowlevel.current_task().name = "of the scenario"
        with watchdog.start():
            await watchdog.has_begun.wait()  # that step is none of the program's
            async with self.setting() as value:
                await self._play(value)

    async def _play(self, value: T) -> None:
        scope = trio.CancelScope()
        try:
            with self.trigger.armed(lambda: self.act(value, scope)), scope:
                await self.scenario(value)
        except Exception as error:
            if not (self.trigger.has_acted and is_made_of(error, self.errors)):
                raise
            self.has_failed = True
            return
        self.is_cancelled = scope.cancelled_caught
        if scope.cancel_called and self.trigger.has_woken and not self.is_cancelled:
            raise AssertionError(
                "the scenario was cancelled while it waited, and returned as if it had not been: "
                "something in it swallows trio.Cancelled"
            )


def is_made_of(error: BaseException, kinds: tuple[type[BaseException], ...]) -> bool:
    """Whether an error is of these kinds, or a group of nothing else."""
    if isinstance(error, kinds):
        return True
    if not isinstance(error, BaseExceptionGroup):
        return False
    group = cast("BaseExceptionGroup[BaseException]", error)
    return all(is_made_of(part, kinds) for part in group.exceptions)


@contextmanager
def seeded_scheduling(seed: int) -> Generator[None, None, None]:
    """Makes trio choose the order of its tasks by a seed, in the body.

    The private names are unavoidable: trio has no public way to do that. pytest-trio and Hypothesis
    use the same ones.
    """
    names = _run.__dict__
    chance: random.Random = names["_r"]
    state, was_seeded = chance.getstate(), names[_SEEDED]
    chance.seed(seed)
    names[_SEEDED] = True
    try:
        yield
    finally:
        chance.setstate(state)
        names[_SEEDED] = was_seeded
