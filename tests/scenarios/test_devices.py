"""Devices come to their ends, and managers, with all the sessions that they have."""

import contextlib

import pytest
import trio
import trio.testing

from belay_actors import (
    SessionClosedError,
    SessionManagementOptions,
    open_session_manager,
)
from rig import LONG, Rig
from sweeps import (
    CANCEL,
    Act,
    Scenario,
    Setting,
    Sweeper,
    fake_setting,
    is_usable,
    kill_actor,
    kill_process,
    kind_of,
    reset,
    unplug,
)

TEN = SessionManagementOptions(max_concurrent_sessions=10)


async def three_waiting(rig: Rig) -> None:
    """One call runs, two wait, in two sessions."""
    async with (
        rig.open_session() as one,
        rig.open_session() as other,
        trio.open_nursery() as callers,
    ):
        callers.start_soon(rig.call, one)
        callers.start_soon(rig.call, one)
        callers.start_soon(rig.call, other)


async def cleanup_of_much(rig: Rig) -> None:
    """Most of the time goes into cleanup: three resources of two sessions, one in the other."""
    async with rig.open_session() as one:
        await rig.call(one, 1)
        async with rig.open_session() as other:
            await rig.call(other, 1)


async def idle_session(rig: Rig) -> None:
    """A session that does nothing at the moment is told of its device's end all the same."""
    async with rig.open_session() as session:
        await rig.call(session)
        await trio.sleep(1)
        is_there = rig.device.generation == 1 and is_usable(rig.device)
        rig.expect(is_there, "the body went on without its board")


async def manager_of_ten_sessions(rig: Rig) -> None:
    """A manager is left that has four sessions on one device, and three on two others."""
    async with trio.open_nursery() as outside, open_session_manager(TEN) as manager:
        is_open = [trio.Event() for _ in range(6)]

        async def work(number: int) -> None:
            device = rig.devices[number % 3]
            with contextlib.suppress(SessionClosedError):
                async with rig.open_session(device, manager) as session:
                    is_open[number].set()
                    await rig.call(session, LONG)

        for number in range(6):
            outside.start_soon(work, number)
        for number in range(4):
            session = await manager.create_session(rig.devices[number % 3])
            rig.adopt(session)
            outside.start_soon(rig.call_until_refused, session)
        for event in is_open:
            await event.wait()
        await trio.testing.wait_all_tasks_blocked()
    assert manager.get_session_stats().active_session_count == 0


async def created_session(rig: Rig) -> None:
    """A session without a scope; its manager ends it while it is in a call."""
    async with trio.open_nursery() as outside, open_session_manager() as manager:
        session = await manager.create_session(rig.device)
        rig.adopt(session)
        await rig.call(session, 5)
        outside.start_soon(rig.call_until_refused, session)
        await trio.testing.wait_all_tasks_blocked()


CUTS = [CANCEL, unplug(0), reset(0)]


@pytest.mark.parametrize("act", [*CUTS, kill_actor(0)], ids=kind_of)
def test_three_waiting(sweep: Sweeper, act: Act) -> None:
    assert sweep(three_waiting, act, fake_setting()).points > 25


@pytest.mark.parametrize("act", [*CUTS, kill_actor(0)], ids=kind_of)
def test_idle_session(sweep: Sweeper, act: Act) -> None:
    assert sweep(idle_session, act, fake_setting()).points > 10


@pytest.mark.parametrize("act", CUTS, ids=kind_of)
def test_lost_in_cleanup(sweep: Sweeper, act: Act) -> None:
    assert sweep(cleanup_of_much, act, fake_setting()).points > 25


@pytest.mark.parametrize("act", CUTS, ids=kind_of)
def test_created_session(sweep: Sweeper, act: Act) -> None:
    # With this seed the session's own task is the first to see that all is cancelled.
    assert sweep(created_session, act, fake_setting(), seed=2).points > 20


@pytest.mark.parametrize("act", [CANCEL, unplug(1), reset(2)], ids=kind_of)
def test_manager_of_ten_sessions(sweep: Sweeper, act: Act) -> None:
    assert sweep(manager_of_ten_sessions, act, fake_setting(3), every=9).points > 15


@pytest.mark.parametrize("act", [CANCEL, kill_process(0)], ids=kind_of)
@pytest.mark.parametrize("scenario", [cleanup_of_much, created_session])
def test_on_an_interpreter(sweep: Sweeper, real: Setting, scenario: Scenario, act: Act) -> None:
    assert sweep(scenario, act, real, every=6, is_real=True).points > 2
