"""Streams and holds of the board, ended at every moment: nothing is left, nobody is locked out."""

import itertools
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest
import trio

from belay_actors import Session, Value
from belay_actors.executors import Stream, open_stream
from rig import Rig
from sweeps import (
    CANCEL,
    CANCEL_ONE,
    Act,
    Scenario,
    Setting,
    Sweeper,
    fake_setting,
    kill_actor,
    kill_process,
    kind_of,
    reset,
    unplug,
)

FLOW = """
def flow(count, number):
    import ledger, time
    with ledger.running(number):
        for item in range(count):
            time.sleep_ms(5)
            yield item
"""


@asynccontextmanager
async def flow(rig: Rig, session: Session, count: int) -> AsyncGenerator[Stream[Value], None]:
    """A stream whose generator tells the truth about whether it has ended."""
    number = next(rig.numbers)
    try:
        async with open_stream(
            session, name="flow", expression=f"flow({count}, {number})", convert=lambda item: item
        ) as items:
            yield items
    finally:
        board = rig.boards[0]
        if not rig.is_killed and board.starts == 1 and board.is_connected:
            rig.expect(not rig.truths[0].still_runs(number), "a generator is open after its scope")
            names = board.namespaces.get(session._seat.key, frozenset[str]())
            is_left = any(name.startswith("stream:") for name in names)
            rig.expect(not is_left, "a stream is left on the board")


async def two_streams(rig: Rig) -> None:
    """Two sessions stream side by side; one leaves its stream early."""

    async def work(scope: trio.CancelScope, taken: int) -> None:
        with scope:
            async with rig.open_session() as session:
                await session.execute(FLOW)
                async with flow(rig, session, 6) as items:
                    async for item in items:
                        if item == taken:
                            break

    async with trio.open_nursery() as nursery:
        nursery.start_soon(work, trio.CancelScope(), 6)
        nursery.start_soon(work, rig.one, 2)


async def a_stream_in_an_ended_session(rig: Rig) -> None:
    """The manager ends a session whose stream is in use."""
    opened = rig.manager.open_session(rig.device)
    async with opened as session, trio.open_nursery() as nursery:
        await session.execute(FLOW)
        try:
            async with flow(rig, session, 20) as items:
                async for item in items:
                    if item == 1:
                        nursery.start_soon(rig.end, session)
        except Exception:
            if session.is_active:
                raise


async def three_hold_the_board(rig: Rig) -> None:
    """Three sessions have the board for themselves in turn; one is in a scope of its own."""

    async def work(name: str, scope: trio.CancelScope) -> None:
        with scope:
            async with rig.open_session() as session:
                for turn in range(2):
                    async with session.exclusive():
                        await session.evaluate(f"('begin', '{name}', {turn})")
                        await rig.call(session)
                        await session.evaluate(f"('end', '{name}', {turn})")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(work, "a", trio.CancelScope())
        nursery.start_soon(work, "b", rig.one)
        nursery.start_soon(work, "c", trio.CancelScope())
    check_turns(rig)


def check_turns(rig: Rig) -> None:
    """Whoever has begun must end before another begins, unless it was cancelled."""
    turns = [eval(code) for code in rig.boards[0].history if code.startswith(("('beg", "('end"))]
    for first, second in itertools.pairwise(turns):
        if first[0] == "begin" and second[1:] != first[1:]:
            rig.expect(first[1] == "b" and rig.one.cancel_called, f"{second} came into {first}")


ACTS = [CANCEL, CANCEL_ONE, unplug(0), reset(0), kill_actor(0)]


@pytest.mark.parametrize("act", ACTS, ids=kind_of)
@pytest.mark.parametrize("scenario", [two_streams, three_hold_the_board])
def test_at_every_step(sweep: Sweeper, scenario: Scenario, act: Act) -> None:
    assert sweep(scenario, act, fake_setting(), every=2).points > 20


@pytest.mark.parametrize("act", [CANCEL, reset(0)], ids=kind_of)
def test_a_session_ends_at_every_step(sweep: Sweeper, act: Act) -> None:
    assert sweep(a_stream_in_an_ended_session, act, fake_setting()).points > 15


REAL_FLOW = """
def real_flow():
    try:
        for item in range(200):
            yield item
    finally:
        print("closed")
"""


async def a_real_stream(rig: Rig) -> None:
    """A stream of an interpreter, in a scope of its own."""
    with rig.one:
        async with rig.open_session() as session:
            await session.execute(REAL_FLOW)
            opened = open_stream(
                session, name="flow", expression="real_flow()", convert=lambda item: item
            )
            taken: list[Value] = []
            async with opened as items:
                async for item in items:
                    taken.append(item)  # noqa: PERF401
            rig.expect(taken == [*range(200)], f"{len(taken)} items came")


@pytest.mark.parametrize("act", [CANCEL, CANCEL_ONE, kill_process(0)], ids=kind_of)
def test_on_an_interpreter(sweep: Sweeper, real: Setting, act: Act) -> None:
    assert sweep(a_real_stream, act, real, every=3, is_real=True).points > 2
