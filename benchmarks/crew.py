"""The crew: a worker for each contender, who take turns at the same work; see ``worker``."""

import json
import os
import subprocess
import sys
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import attrs
import trio

from board_ports import end, read_line

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
    """One worker. Made by ``open_hand``."""

    def __init__(self, process: trio.Process) -> None:
        self._process = process

    async def open(self, places: Sequence[str]) -> Opened:
        """Opens boards."""
        return Opened(**await self._ask({"do": "open", "places": " ".join(places)}))

    async def call(self, count: int, seconds: float) -> Stint:
        """Calls so many boards, all at once, for so long."""
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
async def open_hand(contender: str) -> AsyncGenerator[Hand, None]:
    """Starts a worker; it ends with its scope, and with it all its interpreters."""
    process = await trio.lowlevel.open_process(
        [sys.executable, str(_WORKER), contender],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    try:
        yield Hand(process)
    finally:
        await end(process)  # noqa: ASYNC102  # shields itself
