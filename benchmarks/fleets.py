"""Fleets: many boards in one process, each with ``add(a, b)`` on it, called by all that drive them.

A fleet opens boards, and then some of them are called at once for a while. Here are ours and the
floor: a trio client that knows nothing but how to write a line and to read up to the prompt. Those
of the peers are in ``threaded``. Each runs in a process of its own; see ``worker``.
"""

import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Protocol

import attrs
import trio

from belay_actors import (
    DeviceOptions,
    SessionManagementOptions,
    open_device,
    open_session_manager,
    task,
)
from belay_actors.transport import Link, parse_url

_STARTING = 8  # boards that are attached at the same time
_OPTIONS = SessionManagementOptions(max_concurrent_sessions=10_000)
_ATTACH_TIMEOUT = 20.0  # seconds: where interpreters start beside it, the machine is busy

Call = Callable[[], Awaitable[int]]
Hold = Callable[[Call], Awaitable[None]]
Keep = Callable[[str, Hold], Awaitable[None]]
"""Attaches to a board, and hands what calls it to the other, which returns when all is over."""


@task
def add(a: int, b: int) -> int:
    return a + b


class Fleet(Protocol):
    """Boards that are driven in one way."""

    async def open(self, places: Sequence[str]) -> None:
        """Adds boards, and calls each once.

        Args:
            places: device URLs; those who know none get those of serial ports, and take the path.
        """
        ...

    async def call(self, count: int, seconds: float) -> int:
        """Calls the first ``count`` boards, all at once, again and again; returns how often."""
        ...


class TrioFleet:
    """A fleet with a task for each board.

    Args:
        keep: attaches to a board.
        nursery: where boards live.
    """

    def __init__(self, keep: Keep, nursery: trio.Nursery) -> None:
        self.over = trio.Event()
        self._keep = keep
        self._nursery = nursery
        self._limit = trio.CapacityLimiter(_STARTING)
        self._boards: list[Call] = []

    async def open(self, places: Sequence[str]) -> None:
        async with trio.open_nursery() as nursery:
            for place in places:
                nursery.start_soon(self._open_one, place)

    async def _open_one(self, place: str) -> None:
        async with self._limit:
            self._boards.append(await self._nursery.start(self._live, place))

    async def _live(  # noqa: ASYNC114  # for nursery.start
        self, place: str, *, task_status: trio.TaskStatus[Call]
    ) -> None:
        async def hold(call: Call) -> None:
            assert await call() == 3
            task_status.started(call)
            await self.over.wait()

        await self._keep(place, hold)

    async def call(self, count: int, seconds: float) -> int:
        calls = 0
        end = time.perf_counter() + seconds

        async def run(call: Call) -> None:
            nonlocal calls
            done = 0
            while time.perf_counter() < end:
                assert await call() == 3
                done += 1
            calls += done

        async with trio.open_nursery() as nursery:
            for board in self._boards[:count]:
                nursery.start_soon(run, board)
        return calls


@asynccontextmanager
async def open_trio_fleet(keep: Keep) -> AsyncGenerator[Fleet, None]:
    """Opens a fleet without boards; with its scope all of them are left."""
    async with trio.open_nursery() as nursery:
        fleet = TrioFleet(keep, nursery)
        try:
            yield fleet
        finally:
            fleet.over.set()


@asynccontextmanager
async def open_our_fleet(options: DeviceOptions) -> AsyncGenerator[Fleet, None]:
    """A fleet of our devices, each with a session."""
    options = attrs.evolve(options, attach_timeout=_ATTACH_TIMEOUT)
    async with open_session_manager(_OPTIONS) as manager:

        async def keep(place: str, hold: Hold) -> None:
            async with (
                open_device(place, options=options) as device,
                manager.open_session(device) as session,
            ):

                async def call() -> int:
                    return await session.call(add, 1, 2)

                await hold(call)

        async with open_trio_fleet(keep) as fleet:
            yield fleet


async def keep_by_prompt(place: str, hold: Hold) -> None:
    """The floor: one write and one read for a call, and no thought of what may go wrong."""
    link = await parse_url(place).connect()
    try:
        await _converse(link, b"\x03\x03\x01", b"raw REPL; CTRL-B to exit\r\n>")
        await _converse(link, b"def add(a, b): return a + b\x04", b"\x04\x04>")

        async def call() -> int:
            return int((await _converse(link, b"print(add(1, 2))\x04", b"\x04\x04>"))[2:])

        await hold(call)
    finally:
        await link.aclose()


async def _converse(link: Link, line: bytes, end: bytes) -> bytes:
    await link.send_all(line)
    data = await link.receive_some()
    while not data.endswith(end):
        data += await link.receive_some()
    return bytes(data[: -len(end)])
