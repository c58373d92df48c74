"""The trio run behind the state machine goes on only while somebody waits for a result."""

from collections.abc import Iterator

import pytest
import trio
from trio.testing import MockClock

from belay_actors.testing import HangError
from belay_actors.testing._isolation._guest import GuestRun


@pytest.fixture
def guest() -> Iterator[GuestRun]:
    guest = GuestRun(MockClock(autojump_threshold=0), limit=100)
    yield guest
    guest.cancel()


async def now() -> float:
    await trio.lowlevel.checkpoint()
    return trio.current_time()


def test_results_and_errors_come_out(guest: GuestRun) -> None:
    assert guest.run(now) == guest.run(now)

    async def fail() -> None:
        raise KeyError("a")

    with pytest.raises(KeyError, match="a"):
        guest.run(fail)
    assert guest.run(now) is not None


def test_tasks_live_from_one_operation_to_the_next_but_take_no_steps_between(
    guest: GuestRun,
) -> None:
    ticks: list[float] = []

    async def live(*, task_status: trio.TaskStatus[None]) -> None:
        task_status.started()
        while True:
            await trio.sleep(1)
            ticks.append(trio.current_time())

    started = guest.run(now)
    guest.start(live)
    assert not ticks
    guest.run(trio.sleep, 3.5)
    assert ticks == [started + 1, started + 2, started + 3]


async def add_in_thread() -> int:
    return await trio.to_thread.run_sync(lambda: 1 + 2)


def test_on_the_real_clock_it_waits_for_the_outer_world() -> None:
    guest = GuestRun(None, limit=100)
    started = guest.run(now)
    guest.run(trio.sleep, 0.02)
    assert guest.run(add_in_thread) == 3
    assert 0.02 <= guest.run(now) - started < 50
    guest.close()


def test_the_error_of_a_task_comes_out_of_whoever_waits() -> None:
    guest = GuestRun(MockClock(autojump_threshold=0), limit=100)

    async def live(*, task_status: trio.TaskStatus[None]) -> None:
        task_status.started()
        await trio.sleep(1)
        raise KeyError("a")

    guest.start(live)
    with pytest.raises(KeyError, match="a"):
        guest.run(trio.sleep, 2)
    with pytest.raises(KeyError, match="a"):
        guest.close()


def test_what_never_ends_is_told_of() -> None:
    guest = GuestRun(MockClock(autojump_threshold=0), limit=100)
    with pytest.raises(HangError, match="tasks were at"):
        guest.run(trio.sleep_forever)
    with pytest.raises(HangError):
        guest.cancel()
