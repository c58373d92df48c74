"""Programs with known bugs: a sweep finds each of them, at the same point every time."""

import re
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import pytest
import trio
from trio._core import _run

from belay_actors.testing import (
    HangError,
    Sweep,
    _hang,
    cancel_everywhere,
)


class Bench:
    """What the scenarios here work on: things that must be given back."""

    def __init__(self) -> None:
        self.lock = trio.Lock()
        self.in_use = 0
        self.order: list[str] = []


@asynccontextmanager
async def bench() -> AsyncGenerator[Bench, None]:
    bench = Bench()
    yield bench
    assert not bench.lock.locked(), "the lock is held"
    assert bench.in_use == 0, "something is in use"


def failure(
    scenario: Callable[[Bench], Awaitable[object]],
    kind: type[BaseException],
    only: int | None = None,
) -> tuple[BaseException, int]:
    """What a sweep finds, and at which point."""
    with pytest.raises(kind) as caught:
        cancel_everywhere(scenario, setting=bench, only=only)
    (note,) = caught.value.__notes__
    match = re.search(r"cancel_everywhere\(..., seed=0, only=(\d+)\)", note)
    assert match, note
    return caught.value, int(match[1])


async def correct(bench: Bench) -> None:
    for _ in range(10):
        async with bench.lock:
            bench.in_use += 1
            try:
                await trio.sleep(1)
            finally:
                bench.in_use -= 1


async def child_tasks(bench: Bench) -> None:
    async with trio.open_nursery() as nursery:
        for _ in range(10):
            nursery.start_soon(correct, bench)


def test_a_correct_program_is_cancelled_at_every_point() -> None:
    sweep = cancel_everywhere(correct, setting=bench)
    assert sweep == Sweep(seed=0, points=20, cancelled=20, failed=0, finished=0)


def test_the_steps_of_all_tasks_are_points() -> None:
    sweep = cancel_everywhere(child_tasks, setting=bench)
    assert sweep.points > 200
    assert sweep.cancelled >= sweep.points - 1


async def leave_the_lock_held(bench: Bench) -> None:
    await trio.sleep(1)
    await bench.lock.acquire()
    await trio.sleep(1)
    bench.lock.release()
    await trio.sleep(1)


def test_a_lock_that_is_left_held_is_found() -> None:
    error, point = failure(leave_the_lock_held, AssertionError)
    assert "the lock is held" in str(error)
    (note,) = error.__notes__
    line = leave_the_lock_held.__code__.co_firstlineno + 2
    assert f"{__file__}:{line} in leave_the_lock_held" in note
    assert failure(leave_the_lock_held, AssertionError, only=point)[1] == point
    for other in (point - 1, point + 2):
        assert cancel_everywhere(leave_the_lock_held, setting=bench, only=other).points == 1


async def forget_the_finally(bench: Bench) -> None:
    async def use() -> None:
        bench.in_use += 1
        await trio.sleep(1)
        bench.in_use -= 1

    async with trio.open_nursery() as nursery:
        nursery.start_soon(use)
        nursery.start_soon(trio.sleep, 3)


def test_a_missing_finally_is_found() -> None:
    error, _ = failure(forget_the_finally, AssertionError)
    assert "something is in use" in str(error)


async def swallow(bench: Bench) -> None:
    for bench.in_use in (2, 1, 0):
        with suppress(BaseException):  # what is wrong with it
            await trio.sleep(1)


def test_a_swallowed_cancellation_is_found() -> None:
    error, point = failure(swallow, AssertionError)
    assert "swallows trio.Cancelled" in str(error)
    assert point == 1


async def swallow_for_ever(_: Bench) -> None:
    done = trio.Event()
    async with trio.open_nursery() as nursery:

        @nursery.start_soon
        async def _() -> None:
            while not done.is_set():
                with suppress(BaseException):
                    await trio.sleep(1)

        await trio.sleep(3)
        done.set()


def test_a_task_that_spins_for_want_of_its_cancellation_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(_hang, "_MOST_STEPS", 500)
    error, point = failure(swallow_for_ever, HangError)
    assert "had not ended after 500 steps" in str(error)
    assert "was given up" in str(error)
    assert f"{__file__}:" in str(error)
    assert point == 1


async def wait_for_each_other(bench: Bench) -> None:
    is_done = trio.Event()
    try:
        await trio.sleep(1)
        is_done.set()
    finally:
        with trio.CancelScope(shield=True):
            await is_done.wait()


def test_a_deadlock_in_a_cleanup_is_found_and_its_place_told() -> None:
    error, point = failure(wait_for_each_other, HangError)
    line = wait_for_each_other.__code__.co_firstlineno + 7
    assert f"  of the scenario: {__file__}:{line} in wait_for_each_other\n" in str(error)
    assert "was given up" in str(error)
    assert point == 1


def test_a_deadlock_without_any_cancellation_is_found() -> None:
    async def wait(_: Bench) -> None:
        await trio.sleep(5)
        await trio.Event().wait()

    with pytest.raises(HangError, match="had not ended after 60 s") as caught:
        cancel_everywhere(wait, setting=bench, limit=60)
    assert "was given up" not in str(caught.value)
    assert "in the first run" in caught.value.__notes__[0]


def test_a_deadlock_in_the_setting_is_found() -> None:
    @asynccontextmanager
    async def setting() -> AsyncGenerator[trio.Event, None]:
        yield (event := trio.Event())
        await event.wait()

    async def scenario(event: trio.Event) -> None:
        await trio.sleep(1)
        event.set()

    with pytest.raises(HangError, match="in setting"):
        cancel_everywhere(scenario, setting=setting)


async def fail_when_cancelled(_: Bench) -> None:
    try:
        await trio.sleep(1)
    finally:
        raise ValueError("in a finally")


def test_an_error_instead_of_the_cancellation_is_found() -> None:
    with pytest.raises(ValueError, match="in a finally"):
        cancel_everywhere(fail_when_cancelled, setting=bench)


async def name_tasks(bench: Bench) -> None:
    async def work(name: str) -> None:
        for _ in range(3):
            await trio.lowlevel.checkpoint()
            bench.order.append(name)

    async with trio.open_nursery() as nursery:
        for name in "abcdefgh":
            nursery.start_soon(work, name)


def orders(seed: int) -> list[str]:
    """The order of the tasks' turns, in each run of a sweep."""
    seen: list[str] = []

    @asynccontextmanager
    async def setting() -> AsyncGenerator[Bench, None]:
        bench = Bench()
        yield bench
        seen.append("".join(bench.order))

    cancel_everywhere(name_tasks, setting=setting, seed=seed)
    return seen


def test_the_same_seed_is_the_same_schedule_and_another_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(_run, "_ALLOW_DETERMINISTIC_SCHEDULING", False)  # as without Hypothesis
    assert orders(1) == orders(1)
    assert len({orders(seed)[0][:8] for seed in range(6)}) > 3  # not just there and back
    first, *swept = orders(3)
    assert len(swept) > 20
    assert swept[-1] == first  # hit after the last turn
    assert {len(order) for order in swept} == set(range(25))


@pytest.mark.parametrize("is_seeded", [False, True])
def test_trios_own_scheduling_is_restored(is_seeded: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_run, "_ALLOW_DETERMINISTIC_SCHEDULING", is_seeded)
    before = _run._r.getstate(), _run._ALLOW_DETERMINISTIC_SCHEDULING
    cancel_everywhere(correct, setting=bench)
    failure(leave_the_lock_held, AssertionError)
    assert (_run._r.getstate(), _run._ALLOW_DETERMINISTIC_SCHEDULING) == before


def test_every_third_point_only() -> None:
    sweep = cancel_everywhere(correct, setting=bench, every=3)
    assert sweep.points == 7


def test_a_point_behind_the_end_is_none() -> None:
    assert cancel_everywhere(correct, setting=bench, only=1000).points == 0
