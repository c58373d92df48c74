"""A board is interrupted when its host wants it, and never because it is silent.

| event | belay 0.30 | mpremote 1.29 | mpytool 2.6 |
|---|---|---|---|
| host Ctrl-C during a call | board runs on; next calls 10 s each | board runs on | board runs on |
| legal silent `sleep(11)` | - (no timeouts at all) | killed at 10 s | - |
"""

import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing

from belay_actors import Device, DeviceOptions, open_device, open_session_manager
from belay_actors.transport import Transport

if TYPE_CHECKING:
    from boards import Board

COUNT = "n = 0\nprint('it runs')\nwhile True: n += 1"


async def check_counts_no_more(device: Device) -> None:
    counted = await device.evaluate("n", int)
    assert counted > 0
    assert await device.evaluate("n") == counted
    assert device.generation == 1


@pytest.mark.usefixtures("ctrl_c")
async def test_host_ctrl_c_during_a_call(board: "Board") -> None:
    """It comes in the program's own task, while a child of a session waits for the board."""
    async with open_device(board) as device, open_session_manager() as manager:
        for _ in range(3):
            with pytest.raises(KeyboardInterrupt):
                async with manager.open_session(device) as session:
                    session.start_soon(device.execute, COUNT)
                    await board.has_said("it runs")
                    signal.raise_signal(signal.SIGINT)
            await check_counts_no_more(device)
            async with manager.open_session(device) as session:
                assert await session.evaluate("'own'") == "own"


@pytest.mark.usefixtures("ctrl_c")
async def test_host_ctrl_c_during_a_call_leaves_the_board_at_its_prompt(board: "Board") -> None:
    with pytest.raises(KeyboardInterrupt):
        async with (
            open_device(board) as device,
            open_session_manager() as manager,
            manager.open_session(device) as session,
        ):
            session.start_soon(device.execute, COUNT)
            await board.has_said("it runs")
            signal.raise_signal(signal.SIGINT)
    async with open_device(board) as device:
        assert not device.snapshot().was_swept
        await check_counts_no_more(device)


# Its own task waits for the board, when the signal comes from outside. The first time it goes on
# afterwards; the second time it ends.
PROGRAM = """
import signal, sys
import trio
from belay_actors import open_device, open_session_manager

signal.signal(signal.SIGINT, signal.default_int_handler)

@trio.lowlevel.enable_ki_protection
async def tell_when_busy(device):
    while not device.snapshot().calls.is_busy:
        await trio.sleep(0.001)
    print("busy", flush=True)

async def work(manager, device):
    async with manager.open_session(device) as session:
        session.start_soon(tell_when_busy, device)
        await device.execute("while True: n += 1")

async def main():
    async with open_device(sys.argv[1]) as device, open_session_manager() as manager:
        await device.execute("n = 0")
        try:
            await work(manager, device)
        except KeyboardInterrupt:
            counted = await device.evaluate("n")
            counts_on = await device.evaluate("n") != counted
            print("interrupted", counts_on, device.generation, flush=True)
        await work(manager, device)

try:
    trio.run(main)
except KeyboardInterrupt:
    print("ended")
"""


def interrupt_twice(url: str) -> list[str]:
    """Runs the program, interrupts it whenever it says that it is busy; returns what it said."""
    said: list[str] = []
    command = [sys.executable, "-W", "error", "-c", PROGRAM, url]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            said.append(line.strip())
            if said[-1] == "busy":
                process.send_signal(signal.SIGINT)
    assert process.returncode == 0
    return said


async def test_host_ctrl_c_during_a_call_of_a_program_that_waits_for_it(board: "Board") -> None:
    said = await trio.to_thread.run_sync(interrupt_twice, board.url)
    assert said == ["busy", "interrupted False 1", "busy", "ended"]
    if board.is_shared:
        async with open_device(board) as device:
            assert not device.snapshot().was_swept
            counted = await device.evaluate("n")
            assert await device.evaluate("n") == counted


async def test_legal_silent_sleep_11(all_boards: "list[Board]") -> None:
    """On several boards at once, one of each kind among them; others' calls wait for it as long."""
    options = DeviceOptions(recovery_grace=1)
    done: list[int] = []

    async def sleep(place: str | Transport, number: int) -> None:
        async with (
            open_device(place, options=options) as device,
            open_session_manager() as manager,
            manager.open_session(device) as session,
            trio.open_nursery() as nursery,
        ):
            await session.execute("import time; slept = 0; started = time.ticks_ms()")
            nursery.start_soon(session.execute, "time.sleep(11); slept = 1")
            await trio.testing.wait_all_tasks_blocked()
            assert await session.evaluate("slept") == 1
            elapsed = await session.evaluate("time.ticks_diff(time.ticks_ms(), started)", int)
            assert elapsed >= 10_900
            assert device.generation == 1
        done.append(number)

    began = trio.current_time()
    places: list[str | Transport] = [*all_boards, "micropython:", "micropython:"]
    async with trio.open_nursery() as nursery:
        for number, place in enumerate(places):
            nursery.start_soon(sleep, place, number)
    assert trio.current_time() - began > 10.9
    assert sorted(done) == [*range(len(places))]
