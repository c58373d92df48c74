"""What befalls one call must not befall another, and its code must have ended when it has."""

import pytest
import trio

from rig import Rig
from sweeps import (
    CANCEL,
    CANCEL_ONE,
    Act,
    Scenario,
    Setting,
    Sweeper,
    fake_setting,
    kill_process,
    kind_of,
    reset,
    unplug,
)


async def one_of_three_in_a_session(rig: Rig) -> None:
    """Three callers of one session, one of which has a scope of its own."""

    async with rig.open_session() as session, trio.open_nursery() as nursery:

        async def alone() -> None:
            with rig.one:
                await rig.call(session)

        nursery.start_soon(rig.call, session)
        nursery.start_soon(alone)
        nursery.start_soon(rig.call, session)


async def one_of_three_sessions(rig: Rig) -> None:
    """Three sessions side by side; all of one is in a scope of its own."""

    async def work(scope: trio.CancelScope) -> None:
        with scope:
            async with rig.open_session() as session:
                await rig.call(session)

    async with trio.open_nursery() as nursery:
        for scope in (trio.CancelScope(), rig.one, trio.CancelScope()):
            nursery.start_soon(work, scope)


async def all_at_once(rig: Rig) -> None:
    """Two devices, a session on each, three callers in each."""

    async def work(number: int) -> None:
        async with rig.open_session(rig.devices[number]) as session, trio.open_nursery() as callers:
            for _ in range(3):
                callers.start_soon(rig.call, session)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(work, 0)
        nursery.start_soon(work, 1)


@pytest.mark.parametrize("act", [CANCEL, CANCEL_ONE, unplug(0), reset(0)], ids=kind_of)
@pytest.mark.parametrize("scenario", [one_of_three_in_a_session, one_of_three_sessions])
def test_one_of_three(sweep: Sweeper, scenario: Scenario, act: Act) -> None:
    assert sweep(scenario, act, fake_setting()).points > 20


@pytest.mark.parametrize("act", [CANCEL_ONE, kill_process(0)], ids=kind_of)
def test_one_of_three_on_an_interpreter(sweep: Sweeper, real: Setting, act: Act) -> None:
    assert sweep(one_of_three_in_a_session, act, real, every=3, is_real=True).points > 2


@pytest.mark.parametrize("act", [CANCEL, unplug(0), unplug(1), reset(0)], ids=kind_of)
def test_all_at_once(sweep: Sweeper, act: Act) -> None:
    assert sweep(all_at_once, act, fake_setting(2), every=2).points > 20
