"""Sessions where all goes well: each function is the whole life of one session on one board.

They differ in how they come by their session: ``open_session`` for a block of code, the usual way;
``execute_in_session`` for one function; ``get_or_create_session`` where tasks share one.
"""

import functools

import attrs
import trio

from belay_actors import Session
from belay_actors.cli.demo._scene import Scene

_TWIN = """
name = {name!r}
value = {value}
def step():
    global value
    value += {stride}
    return name, value
"""

_THERMOMETER = """
import random
def celsius():
    return 20 + random.getrandbits(8) / 100
"""

_SENSOR = """
import asyncio, time
history = bytearray(4096)
number = 0
def sample():
    global number
    number += 1
    return {"number": number, "at": time.ticks_ms(), "volts": 3 + number % 7 / 10}
"""

_WORKERS = (1, 10, 100)
_SHARES = 6


async def count_own_steps(scene: Scene, *, value: int, stride: int) -> None:
    """Uses names that its twin uses on the same board, too, and expects to find its own values.

    Args:
        scene: of the session.
        value: that the session's ``value`` starts from.
        stride: that each of its steps adds.

    Cancellation: the session is ended; its names leave the board.
    """
    name = scene.row.name
    right = number = 0
    async with scene.manager.open_session(scene.device) as session:
        await scene.begin(session, f"name = {name!r}, value = {value}")
        await session.execute(_TWIN.format(name=name, value=value, stride=stride))
        for number in scene.stage.rounds(encores=9):
            found = await session.evaluate("step()", returns=tuple[str, int])
            right += found == (name, value + stride * number)
            scene.row.tick(f"reads {found[0]!r}, {found[1]}")
            await scene.stage.pause(0.22)
    scene.check("reads its own values", right == number, f"{right} of {number} times")


async def poll_thermometer(scene: Scene) -> None:
    """Polls a sensor, as one operation that the manager opens a session for.

    Cancellation: the session is ended; its names leave the board.
    """
    await scene.manager.execute_in_session(scene.device, functools.partial(_poll, scene))


async def _poll(scene: Scene, session: Session) -> None:
    await scene.begin(session, "polls a thermometer")
    await session.execute(_THERMOMETER)
    readings: list[float] = []
    for _ in scene.stage.rounds(encores=7):
        readings.append(await session.evaluate("celsius()", returns=float))
        scene.row.tick(f"reads {readings[-1]:.2f} C")
        await scene.stage.pause(0.3)
    mean = sum(readings) / len(readings)
    scene.tell(f"mean of {len(readings)} readings: {mean:.2f} C")


@attrs.frozen
class Sample:
    """What the logger's board sends as a dict, and ``evaluate`` makes into this."""

    number: int
    at: int
    volts: float


async def log_samples(scene: Scene) -> None:
    """Streams typed samples, while a child task of the session watches the board's memory.

    Cancellation: the child is cancelled, the session is ended, its names leave the board.
    """
    samples: list[Sample] = []
    async with scene.manager.open_session(scene.device) as session:
        await scene.begin(session, "logs samples")
        await session.execute(_SENSOR)
        session.start_soon(_watch_memory, scene, session)
        for _ in scene.stage.rounds(encores=22):
            samples.append(await session.evaluate("sample()", returns=Sample))
            scene.row.tick(f"sample {samples[-1].number}: {samples[-1].volts:.1f} V")
            await scene.stage.pause(0.09)
    is_complete = [sample.number for sample in samples] == [*range(1, len(samples) + 1)]
    scene.check("gets every sample once, in order", is_complete, f"{len(samples)} samples")


async def _watch_memory(scene: Scene, session: Session) -> None:
    """Runs until the session ends, which cancels it: it needs no word for that."""
    await session.execute("import gc")
    while True:
        free = await session.evaluate("gc.mem_free()", returns=int)
        scene.row.tick(f"{free // 1024} KiB free on the board")
        await scene.stage.pause(0.7)


async def share_session(scene: Scene) -> None:
    """Three tasks that each ask for the board's shared session get the same one.

    Cancellation: the manager ends the session when it is left; its names leave the board.
    """
    session = await scene.manager.get_or_create_session(scene.device)
    await scene.begin(session, f"is shared by {len(_WORKERS)} tasks")
    await session.execute("total = 0")
    async with trio.open_nursery() as nursery:
        for amount in _WORKERS:
            nursery.start_soon(_add, scene, amount)
    total = await session.evaluate("total", returns=int)
    await scene.manager.end_session(session.session_id)
    expected = sum(_WORKERS) * _SHARES
    scene.check("adds up what three tasks do", total == expected, f"{total} of {expected}")


async def _add(scene: Scene, amount: int) -> None:
    session = await scene.manager.get_or_create_session(scene.device)
    for _ in range(_SHARES):
        await session.execute(f"total += {amount}")
        scene.row.tick(f"a task adds {amount}")
        await scene.stage.pause(0.5)
