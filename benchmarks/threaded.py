"""Fleets of the peers: they block, so each board has a thread.

Both are driven at library level, over a serial port, in their fastest honest set-up. Both would
reset the board when they attach, which ends a local interpreter; that is left out, and so are
belay's imports of pins, which it has not. mpremote has no functions; its fastest call is a line
that prints the value, by raw-paste (without it, it sleeps for 10 ms).
"""

import contextlib
import importlib
import threading
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Protocol

import trio

Call = Callable[[], int]


class _Peer(Protocol):
    def close(self) -> None: ...


class BelayDevice(_Peer, Protocol):
    """What of ``belay.Device`` is used."""

    def task(self, function: Callable[[int, int], int]) -> Callable[[int, int], int]: ...

    def __call__(self, code: str, *, stream_out: object) -> object: ...


class MpremoteTransport(_Peer, Protocol):
    """What of mpremote's ``SerialTransport`` is used."""

    def enter_raw_repl(self, *, soft_reset: bool) -> None: ...

    def exec(
        self, command: str, data_consumer: Callable[[bytes], object] | None = None
    ) -> bytes: ...


def add(a: int, b: int) -> int:  # at the module's level, because belay sends its text
    return a + b


def reach_by_belay(path: str) -> tuple[_Peer, Call]:
    """A board with belay."""
    device = connect_belay(path)
    call = device.task(add)
    return device, lambda: call(1, 2)


def connect_belay(path: str) -> BelayDevice:
    """Attaches belay to the board at a path."""
    _keep_belay_from_resetting()
    device: BelayDevice = importlib.import_module("belay").Device(path, startup="")
    return device


def _keep_belay_from_resetting() -> None:
    board = importlib.import_module("belay.pyboard").Pyboard
    enter = board.enter_raw_repl
    if enter.__name__ != "enter_raw_repl":
        return

    def enter_without_reset(self: object, *, soft_reset: bool = True) -> None:
        del soft_reset
        enter(self, soft_reset=False)

    board.enter_raw_repl = enter_without_reset


def reach_by_mpremote(path: str) -> tuple[_Peer, Call]:
    """A board with mpremote."""
    transport = connect_mpremote(path)
    transport.exec("def add(a, b): return a + b")
    return transport, lambda: int(transport.exec("print(add(1, 2))"))


def connect_mpremote(path: str) -> MpremoteTransport:
    """Attaches mpremote to the board at a path."""
    module = importlib.import_module("mpremote.transport_serial")
    transport: MpremoteTransport = module.SerialTransport(path)
    transport.enter_raw_repl(soft_reset=False)
    return transport


class ThreadedFleet:
    """A fleet with a thread for each board that is called.

    Args:
        reach: attaches to the board at a path; returns what is to be closed, and what calls it.
    """

    def __init__(self, reach: Callable[[str], tuple[_Peer, Call]]) -> None:
        self._reach = reach
        self._peers: list[_Peer] = []
        self._boards: list[Call] = []

    async def open(self, places: Sequence[str]) -> None:
        for place in places:
            await trio.to_thread.run_sync(self._open_one, place.removeprefix("serial:"))

    def _open_one(self, path: str) -> None:
        peer, call = self._reach(path)
        assert call() == 3
        self._peers.append(peer)
        self._boards.append(call)

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

    def close(self) -> None:
        """Leaves all boards."""
        for peer in self._peers:
            with contextlib.suppress(Exception):  # whatever a peer makes of a pty
                peer.close()


@asynccontextmanager
async def open_threaded_fleet(
    reach: Callable[[str], tuple[_Peer, Call]],
) -> AsyncGenerator[ThreadedFleet, None]:
    """Opens a fleet without boards."""
    fleet = ThreadedFleet(reach)
    try:
        yield fleet
    finally:
        fleet.close()
