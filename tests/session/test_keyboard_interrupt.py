"""Ctrl-C on the host: it reaches the program, never an actor, and every board is given back."""

import subprocess
import sys

import pytest

PROGRAM = """
import os, signal, sys, threading, time
import trio
from belay_actors import open_device, open_session_manager


async def work(manager, device):
    while True:
        async with manager.open_session(device) as session:
            session.start_soon(session.execute, "y = 1")
            for number in range(3):
                await session.evaluate("1 + 1")


async def main():
    async with open_device("micropython:") as device, open_session_manager() as manager:
        print(device.name, flush=True)
        async with trio.open_nursery() as nursery:
            for _ in range(3):
                nursery.start_soon(work, manager, device)
            threading.Thread(target=interrupt, daemon=True).start()


def interrupt():
    time.sleep(float(sys.argv[1]))
    os.kill(os.getpid(), signal.SIGINT)


def leaves(error):
    if isinstance(error, BaseExceptionGroup):
        return [leaf for part in error.exceptions for leaf in leaves(part)]
    return [type(error).__name__]


signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in a shell's background
try:
    trio.run(main)
except BaseException as error:
    print(*leaves(error))
"""


@pytest.mark.parametrize("delay", [0.0, 0.003, 0.0071, 0.0113, 0.02, 0.0307])
def test_an_interrupted_program_ends_with_keyboard_interrupt_and_no_other_trouble(
    delay: float,
) -> None:
    ended = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAM, str(delay)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    name, *rest = ended.stdout.splitlines()
    assert name.startswith("micropython-")
    assert rest == ["KeyboardInterrupt"]
    assert ended.stderr == ""
