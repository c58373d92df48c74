"""Each call gets its own reply, whatever became of the calls before it, and beside it.

| event | belay 0.30 | mpremote 1.29 | mpytool 2.6 |
|---|---|---|---|
| a call after an abandoned call | phantom exception | never recovers | **silently returns the
  previous call's value**, off by one for ever |
| two host threads on one board | corrupt at call 1 | same design | same design |
"""

import random
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing

from belay_actors import (
    Device,
    DeviceSessionManager,
    Session,
)
from belay_actors.device import CodeRunner

if TYPE_CHECKING:
    from boards import Board

ENDLESS = [
    "while True: pass",
    "import time\ntime.sleep(1000)",
    "while True: print('again')",
    "while True: print('\\x04\\x04>', end='')",
    "try:\n    while True: pass\nexcept KeyboardInterrupt: pass\nwhile True: pass",
]


async def abandon(board: "Board", session: Session, code: str = ENDLESS[0]) -> None:
    """Runs code that does not end, and cancels its call while it runs."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(session.execute, f"print('it runs')\n{code}")
        await board.has_said("it runs")
        nursery.cancel_scope.cancel()


async def check_own_values(session: Session, count: int = 20) -> None:
    for number in range(count):
        assert await session.evaluate(f"{number}, 'own'") == (number, "own")
        assert await session.execute(f"print('own', {number})") == f"own {number}\n"


@pytest.mark.parametrize("code", ENDLESS)
async def test_a_call_after_an_abandoned_call(
    board: "Board", device: Device, manager: DeviceSessionManager, code: str
) -> None:
    async with manager.open_session(device) as session:
        await session.execute("kept = 7")
        await abandon(board, session, code)
        await check_own_values(session)
        assert await session.evaluate("kept") == 7
    assert device.generation == 1


async def test_a_call_after_an_abandoned_call_of_another_session(
    board: "Board", device: Device, manager: DeviceSessionManager
) -> None:
    async with manager.open_session(device) as session, manager.open_session(device) as other:
        await abandon(board, session)
        await check_own_values(other)
        await check_own_values(session)
    assert device.generation == 1


async def test_a_call_after_an_abandoned_call_and_many_more(
    board: "Board", device: Device, manager: DeviceSessionManager
) -> None:
    async with manager.open_session(device) as session:
        for _ in range(15):
            await abandon(board, session)
        await check_own_values(session)
    assert device.generation == 1


async def test_a_call_after_an_abandoned_call_that_raised_when_it_was_abandoned(
    board: "Board", device: Device, manager: DeviceSessionManager
) -> None:
    code = "try:\n    while True: pass\nexcept KeyboardInterrupt: raise ValueError('abandoned')"
    async with manager.open_session(device) as session:
        for _ in range(3):
            await abandon(board, session, code)
            await check_own_values(session, 3)
    assert device.generation == 1


async def test_a_call_after_an_abandoned_call_that_had_not_started(
    board: "Board", device: Device, manager: DeviceSessionManager
) -> None:
    async with manager.open_session(device) as session:
        await session.execute("started = []")
        with trio.CancelScope() as scope:
            scope.cancel()
            await session.execute("started.append('in a cancelled scope')")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(session.execute, "print('it runs')\nwhile True: pass")
            await board.has_said("it runs")
            for number in range(5):
                nursery.start_soon(session.execute, f"started.append({number})")
            await trio.testing.wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()
        await check_own_values(session)
        assert await session.evaluate("started") == []


async def test_a_call_after_an_abandoned_call_of_a_board_that_hung(
    board: "Board", device: Device, manager: DeviceSessionManager
) -> None:
    async with manager.open_session(device) as session:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(session.execute, "print('it runs')\nwhile True: pass")
            await board.has_said("it runs")
            await board.pause()
            nursery.cancel_scope.cancel()
            with trio.CancelScope(shield=True):
                await trio.testing.wait_all_tasks_blocked(0.03)  # it is being interrupted
                await board.resume()
        await check_own_values(session)
    assert device.generation == 1


async def test_a_call_after_an_abandoned_call_that_was_just_about_to_end(
    device: Device, manager: DeviceSessionManager, seed: int
) -> None:
    """Abandoned at random moments around its end, when a reply may be on its way."""
    chance = random.Random(seed)
    outcomes: set[bool] = set()
    async with manager.open_session(device) as session:
        await session.execute("import time")
        for number in range(40):
            with trio.move_on_after(chance.uniform(0, 0.06)) as scope:
                code = f"(time.sleep_ms({chance.randrange(60)}), 'abandoned', {number})"
                assert await session.evaluate(code) == (None, "abandoned", number)
            outcomes.add(scope.cancelled_caught)
            assert await session.evaluate(f"'own', {number}") == ("own", number)
    assert outcomes == {True, False}


# From threads of the host.


async def ask_from_threads(runners: Sequence[CodeRunner], count: int) -> None:
    """Asks in a thread each, through trio; every answer must be the asker's own."""

    def ask_often(number: int, runner: CodeRunner) -> None:
        for turn in range(count):
            own = f"{number} of {turn}"
            assert trio.from_thread.run(runner.evaluate, f"'{own}'") == own

    async with trio.open_nursery() as nursery:
        for number, runner in enumerate(runners):
            nursery.start_soon(trio.to_thread.run_sync, ask_often, number, runner)


async def test_two_host_threads_on_one_board(device: Device) -> None:
    await ask_from_threads([device, device], 100)
    assert device.snapshot().calls.served >= 200
    assert device.snapshot().dropped_frames == 0


async def test_two_host_threads_on_one_board_in_one_session_and_in_two(
    device: Device, manager: DeviceSessionManager
) -> None:
    async with manager.open_session(device) as session, manager.open_session(device) as other:
        await ask_from_threads([session, session, other], 70)


async def test_two_host_threads_on_one_board_that_trio_did_not_start(device: Device) -> None:
    token = trio.lowlevel.current_trio_token()
    got: dict[int, list[object]] = {1: [], 2: []}

    def ask(number: int) -> None:
        for turn in range(50):
            own = f"{number} of {turn}"
            got[number].append(trio.from_thread.run(device.evaluate, f"'{own}'", trio_token=token))

    threads = [threading.Thread(target=ask, args=(number,)) for number in got]
    for thread in threads:
        thread.start()
    for thread in threads:
        await trio.to_thread.run_sync(thread.join)
    for number, values in got.items():
        assert values == [f"{number} of {turn}" for turn in range(50)]


async def test_two_host_threads_on_one_board_and_two_tasks_beside_them(
    device: Device, manager: DeviceSessionManager
) -> None:
    async with manager.open_session(device) as session, trio.open_nursery() as nursery:

        async def ask(number: int) -> None:
            for turn in range(50):
                assert await session.evaluate(f"{number}, {turn}") == (number, turn)

        nursery.start_soon(ask, 1)
        nursery.start_soon(ask, 2)
        nursery.start_soon(ask_from_threads, [session, device], 50)
