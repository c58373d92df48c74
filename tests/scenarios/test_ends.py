"""A session ends while calls run: its own, or another session's on the same board."""

import contextlib

import pytest
import trio
import trio.testing

from belay_actors import SessionClosedError
from rig import LONG, Rig
from sweeps import (
    CANCEL,
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

ACTS = [CANCEL, unplug(0), reset(0)]


async def left_during_a_call(rig: Rig) -> None:
    """The scope is left while a child task and an outside task are in calls of the session."""
    async with trio.open_nursery() as outside, rig.open_session() as session:

        async def call() -> None:
            await rig.call_until_refused(session)

        session.start_soon(rig.call, session, LONG)
        outside.start_soon(call)
        await rig.call(session, 5)
    rig.expect(not session.is_active, "it is active")


async def given_back_during_a_call(rig: Rig) -> None:
    """What a session holds is given back while it is in calls, and goes on."""
    async with rig.open_session() as session, trio.open_nursery() as callers:
        callers.start_soon(rig.call, session, 50)
        callers.start_soon(rig.call, session, 50)
        await session.resources.cleanup_resources()
        await rig.call(session)


async def given_back_while_it_ends(rig: Rig) -> None:
    """The end takes over from another task that gives back what the session holds."""

    async with trio.open_nursery() as outside, rig.open_session() as session:

        async def give_back() -> None:
            with contextlib.suppress(SessionClosedError):
                await session.resources.cleanup_resources()

        outside.start_soon(give_back)
        await rig.call(session, 8)


async def ended_by_its_manager_during_a_call(rig: Rig) -> None:
    """Somebody else ends the session, while its body is in a call."""

    async with trio.open_nursery() as outside:
        with contextlib.suppress(SessionClosedError):
            async with rig.open_session() as session:

                async def end() -> None:
                    await trio.testing.wait_all_tasks_blocked()
                    await rig.end(session)

                outside.start_soon(end)
                await rig.call(session, LONG)


async def ended_during_anothers_long_call(rig: Rig) -> None:
    """The end has to wait until the other session's call is over, and goes before its next ones."""
    async with (
        rig.open_session() as busy,
        trio.open_nursery() as callers,
        rig.open_session() as session,
    ):
        await rig.call(session, 5)
        callers.start_soon(rig.call, busy, 60)
        callers.start_soon(rig.call, busy, 60)
        await trio.testing.wait_all_tasks_blocked()


SCENARIOS = [
    left_during_a_call,
    given_back_during_a_call,
    given_back_while_it_ends,
    ended_by_its_manager_during_a_call,
    ended_during_anothers_long_call,
]


@pytest.mark.parametrize("act", ACTS, ids=kind_of)
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_ends(sweep: Sweeper, scenario: Scenario, act: Act) -> None:
    assert sweep(scenario, act, fake_setting()).points > 15


@pytest.mark.parametrize("act", [CANCEL, kill_process(0)], ids=kind_of)
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_ends_on_an_interpreter(
    sweep: Sweeper, real: Setting, scenario: Scenario, act: Act
) -> None:
    assert sweep(scenario, act, real, every=4, is_real=True).points > 2
