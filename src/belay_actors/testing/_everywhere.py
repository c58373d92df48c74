"""Cancels or breaks a program at every point of its run, one point a run.

A program that survives an end at any one moment of its choosing is of no use: the cancellation, the
unplugged cable, the reset come at all the others. Here a short scenario runs again and again, and
each time it is hit one step of its tasks later, until there are no more steps. On a mock clock and
with seeded scheduling that is exact: the same point is the same moment every time.
"""

import itertools
from collections.abc import Callable, Iterable
from typing import TypeVar

import attrs
import trio
from trio.testing import MockClock

from belay_actors.errors import BelayError
from belay_actors.testing._point import (
    Conditions,
    MakeClock,
    Point,
    Scenario,
    Setting,
    Trigger,
)

T = TypeVar("T")
ErrorKinds = type[BaseException] | tuple[type[BaseException], ...]


@attrs.frozen
class Sweep:
    """What a sweep has covered. How the scenario ended is counted only where it was hit.

    Attributes:
        seed: of the scheduling.
        points: at how many points it was hit.
        cancelled: how many times it ended by its cancellation.
        failed: how many times by an error that it may raise.
        finished: how many times it came to its end in spite of it all.
    """

    seed: int
    points: int
    cancelled: int
    failed: int
    finished: int


def make_mock_clock() -> MockClock:
    """A clock that jumps as soon as everybody waits. Only for programs without outer world."""
    return MockClock(autojump_threshold=0)


def cancel_everywhere(
    scenario: Scenario[T],
    *,
    setting: Setting[T],
    seed: int = 0,
    only: int | None = None,
    every: int = 1,
    limit: float = 3600.0,
    clock: MakeClock | None = make_mock_clock,
) -> Sweep:
    """Runs a scenario once undisturbed, and then cancels it at every point, one a run.

    Not to be called from inside of a trio run: it makes many of its own.

    Args:
        scenario: what is cancelled; called with what the setting yields.
        setting: an async context manager that prepares what the scenario needs, and after its
            ``yield`` asserts what must hold whatever way the scenario ended.
        seed: of the scheduling; another seed is another order of the tasks.
        only: run this one point, as the note of a failure says.
        every: take every n-th point only; for long scenarios.
        limit: seconds that one run may take, on its clock; then it has hung.
        clock: makes the clock of each run. ``None`` for the real one: needed with real boards,
            where points are also not exactly the same twice.

    Returns:
        How many points there were. Worth an assertion: a scenario without a wait has none.

    Raises:
        AssertionError: from the setting; or the scenario swallowed its cancellation.
        HangError: a run did not end.
        BaseException: any other error of scenario or setting. All have a note that names the point.
    """

    def act(value: T, scope: trio.CancelScope) -> None:
        del value
        scope.cancel()

    def make_point(trigger: Trigger) -> Point[T]:
        return Point(scenario, setting, act, (), trigger)

    steps = _steps(only, every)
    return _sweep("cancel_everywhere", make_point, steps, Conditions(seed, limit, clock))


def break_everywhere(
    scenario: Scenario[T],
    *,
    setting: Setting[T],
    cut: Callable[[T], object],
    errors: ErrorKinds = BelayError,
    seed: int = 0,
    only: int | None = None,
    every: int = 1,
    limit: float = 3600.0,
    clock: MakeClock | None = make_mock_clock,
) -> Sweep:
    """As ``cancel_everywhere``, but does something else to the scenario: what ``cut`` does.

    Args:
        scenario: what is broken; it may fail then, or come to its end.
        setting: as for ``cancel_everywhere``.
        cut: a synchronous function, called with what the setting yields: it unplugs a fake board,
            cuts a ``FaultTransport``, resets, kills.
        errors: what the scenario may raise after the cut, alone or in exception groups.
        seed: as for ``cancel_everywhere``, and so all the others.
        only: see there.
        every: see there.
        limit: see there.
        clock: see there.

    Returns:
        How many points there were.

    Raises:
        AssertionError: from the setting.
        HangError: a run did not end.
        BaseException: another error of the scenario than it may raise, or of ``cut``.
    """
    kinds = errors if isinstance(errors, tuple) else (errors,)

    def act(value: T, scope: trio.CancelScope) -> None:
        del scope
        cut(value)

    def make_point(trigger: Trigger) -> Point[T]:
        return Point(scenario, setting, act, kinds, trigger)

    steps = _steps(only, every)
    return _sweep("break_everywhere", make_point, steps, Conditions(seed, limit, clock))


def _steps(only: int | None, every: int) -> Iterable[int | None]:
    """The points to run, in turn; ``None`` is the run that nothing disturbs."""
    if only is not None:
        return (only,)
    return itertools.chain((None,), itertools.count(1, every))


def _sweep(
    name: str,
    make_point: Callable[[Trigger], Point[T]],
    steps: Iterable[int | None],
    conditions: Conditions,
) -> Sweep:
    points = cancelled = failed = 0
    for step in steps:
        point = make_point(Trigger(step))
        try:
            point.run(conditions)
        except BaseException as error:
            error.add_note(_note(name, step, point.trigger, conditions.seed))
            raise
        if point.trigger.has_acted:
            points += 1
            cancelled += point.is_cancelled
            failed += point.has_failed
        elif step is not None:
            break
    finished = points - cancelled - failed
    return Sweep(conditions.seed, points, cancelled, failed, finished)


def _note(name: str, step: int | None, trigger: Trigger, seed: int) -> str:
    if step is None:
        return f"{name}: this came in the first run (seed {seed}), which nothing disturbs."
    again = f"Run it alone: {name}(..., seed={seed}, only={step})"
    if not trigger.has_acted:
        return f"{name}: this came before point {step} of seed {seed} was reached. {again}"
    return f"{name}: point {step} of seed {seed}, after a step of {trigger.place}. {again}"
