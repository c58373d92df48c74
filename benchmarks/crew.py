"""The crew: a worker for each contender, who take turns at the same work; see ``worker``."""

import json
import os
import subprocess
import sys
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import attrs
import trio

from board_ports import HEAP_SIZE, end, open_ports, read_line
from figures import OURS
from peers import installed
from placement import find_below, together

_LOCAL = f"micropython:?heapsize={HEAP_SIZE}"
_LOSSLESS = "?lossless=on"  # what ours is told of a port that is no UART
_WORKER = Path(__file__).with_name("worker.py")


@attrs.frozen
class Opened:
    """What came of opening boards.

    Attributes:
        boards: that are open now.
        seconds: it took.
        memory: bytes that the process has now.
        error: why there are not more; or nothing.
    """

    boards: int
    seconds: float
    memory: int
    error: str


@attrs.frozen
class Stint:
    """What a process has done, and used for it.

    Attributes:
        calls: that it has made.
        seconds: it took.
        cpu: seconds of processor time of the process, without its children.
        wakes: how often the process has been woken.
        memory: bytes that the process has now.
    """

    calls: int
    seconds: float
    cpu: float
    wakes: int
    memory: int

    @property
    def rate(self) -> float:
        """Calls in a second."""
        return self.calls / self.seconds


class Hand:
    """One worker, and the places of its boards.

    Args:
        process: the worker's.
        places: device URLs.
        ports: id of the process that keeps the boards, if they are not below the worker.
    """

    def __init__(self, process: trio.Process, places: Sequence[str], ports: int | None) -> None:
        self._process = process
        self._places = [*places]
        self._ports = ports
        self._boards: list[int] = []  # ids of all processes that are not the host's

    async def open(self, count: int) -> Opened:
        """Opens so many boards more."""
        places, self._places = self._places[:count], self._places[count:]
        opened = Opened(**await self._ask({"do": "open", "places": " ".join(places)}))
        self._boards = find_below(self._process.pid)
        if self._ports is not None:
            self._boards += [self._ports, *find_below(self._ports)]
        return opened

    async def call(self, count: int, seconds: float) -> Stint:
        """Calls so many boards, all at once, for so long; they share a core meanwhile."""
        with together(self._boards):
            return Stint(**await self._ask({"do": "call", "count": count, "seconds": seconds}))

    async def rest(self, seconds: float) -> Stint:
        """Does nothing for so long."""
        return Stint(**await self._ask({"do": "rest", "seconds": seconds}))

    async def _ask(self, command: dict[str, object]) -> Any:  # noqa: ANN401  # JSON can be anything
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        await self._process.stdin.send_all(json.dumps(command).encode() + b"\n")
        line = await read_line(self._process.stdout)
        if not line:
            raise RuntimeError("a worker has failed; what it wrote is above")
        return json.loads(line)


@asynccontextmanager
async def open_crew(
    names: Sequence[str], count: int, *, delay: float = 0, baudrate: int = 0
) -> AsyncGenerator[Mapping[str, Hand], None]:
    """Starts a worker for each contender, all at once; with the scope they end.

    Args:
        names: of the contenders.
        count: of the boards that each can open.
        delay: seconds, and
        baudrate: as for ``open_ports``. Without both, those who can have interpreters of their own,
            and no ports.
    """
    crew: dict[str, Hand] = {}
    async with AsyncExitStack() as stack:
        for name in names:
            places, keeper = [_LOCAL] * count, None
            if name in installed() or delay or baudrate:
                opening = open_ports(count, delay=delay, baudrate=baudrate)
                ports = await stack.enter_async_context(opening)
                known = _LOSSLESS if name == OURS and not baudrate else ""
                places = [f"serial:{path}{known}" for path in ports.paths]
                keeper = ports.process
            crew[name] = await stack.enter_async_context(_open_hand(name, places, keeper))
        yield crew


@asynccontextmanager
async def _open_hand(
    contender: str, places: Sequence[str], ports: int | None
) -> AsyncGenerator[Hand, None]:
    """Starts a worker; it ends with its scope, and with it all its interpreters."""
    process = await trio.lowlevel.open_process(
        [sys.executable, str(_WORKER), contender],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    try:
        yield Hand(process, places, ports)
    finally:
        await end(process)  # noqa: ASYNC102  # shields itself
