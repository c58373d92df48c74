"""Fleets of the peers: they block, so each board has a thread; see ``peers``."""

import threading
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import ExitStack, asynccontextmanager

import trio

from peers import open_peer

Call = Callable[[], object]


class ThreadedFleet:
    """A fleet with a thread for each board that is called.

    Args:
        name: of the peer.
        stack: is left with all boards.
    """

    def __init__(self, name: str, stack: ExitStack) -> None:
        self._name = name
        self._stack = stack
        self._boards: list[Call] = []

    async def open(self, places: Sequence[str]) -> None:
        for place in places:
            await trio.to_thread.run_sync(self._open_one, place.removeprefix("serial:"))

    def _open_one(self, path: str) -> None:
        add = self._stack.enter_context(open_peer(self._name, path)).add
        assert add(1, 2) == 3
        self._boards.append(lambda: add(1, 2))

    async def call(self, count: int, seconds: float) -> int:
        return await trio.to_thread.run_sync(self._call, count, seconds)

    def _call(self, count: int, seconds: float) -> int:
        calls = [0] * count
        end = time.perf_counter() + seconds

        def run(number: int) -> None:
            call, done = self._boards[number], 0
            while time.perf_counter() < end:
                assert call() == 3
                done += 1
            calls[number] = done

        threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return sum(calls)


@asynccontextmanager
async def open_threaded_fleet(name: str) -> AsyncGenerator[ThreadedFleet, None]:
    """Opens a fleet of a peer, without boards."""
    with ExitStack() as stack:
        yield ThreadedFleet(name, stack)
