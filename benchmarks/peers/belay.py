"""belay: ``Device`` with functions decorated by its ``task``, as its documentation shows.

It would reset the board when it attaches, which ends a local interpreter, and send imports of pins,
which that has not; both are left out, to its advantage. All else is its default: time stamps of the
board are off unless asked for, results are parsed by ``ast.literal_eval``, code goes by raw-paste.
"""

import importlib
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from typing import Protocol, TypeVar
from unittest import mock

from peers._peer import Peer

C = TypeVar("C", bound=Callable[..., object])


class _Device(Protocol):
    def __call__(self, code: str) -> object: ...
    def task(self, function: C) -> C: ...
    def close(self) -> None: ...


@contextmanager
def open_device(port: str) -> Generator[_Device, None, None]:
    """Attaches to the board."""
    make_device: Callable[..., _Device] = importlib.import_module("belay").Device
    board_class = importlib.import_module("belay.pyboard").Pyboard
    enter = board_class.enter_raw_repl

    def enter_without_reset(board: object, *, soft_reset: bool = True) -> None:
        del soft_reset
        enter(board, soft_reset=False)

    with mock.patch.object(board_class, "enter_raw_repl", enter_without_reset):
        device = make_device(port, startup="")
    try:
        yield device
    finally:
        device.close()


def attach(port: str) -> None:
    """See ``Driver``."""
    with open_device(port):
        pass


@contextmanager
def open_peer(port: str) -> Generator[Peer, None, None]:
    """See ``Driver``."""

    def add(a: int, b: int) -> int:
        return a + b

    def numbers(count: int) -> Iterator[int]:
        yield from range(count)

    with open_device(port) as device:
        yield Peer(device.task(add), device, device.task(numbers))
