"""A thread on a board that blinks until it is told to stop, and one that clings to its life."""

from pathlib import Path

import trio

from belay_actors import Device

# What is counted is kept where all namespaces see it, so that it outlives the session.
COUNTS = 'import builtins\nbuiltins.counts = {"blinks": 0, "go": True}'
BLINK = """
import time
def blink(pause):
    while not should_stop():
        counts["blinks"] += 1
        time.sleep_ms(pause)
def cling(sleep_ms=time.sleep_ms):
    while counts["go"]:
        counts["blinks"] += 1
        sleep_ms(1)
"""


async def blinks(device: Device) -> int:
    return await device.evaluate("counts['blinks']", int)


def count_threads(device: Device) -> int:
    """How many there are in a local interpreter, the main one included."""
    return len([*Path(f"/proc/{device.process_id}/task").iterdir()])


async def blinks_on(device: Device) -> None:
    """Waits until somebody has blinked: a thread that is told to stop before never runs."""
    with trio.fail_after(5):
        while not await blinks(device):
            pass


async def has_stopped(device: Device) -> bool:
    before = await blinks(device)
    await device.execute("import time\ntime.sleep_ms(30)")
    return await blinks(device) == before
