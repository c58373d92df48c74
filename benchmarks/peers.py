"""Peers, driven at library level in their fastest honest set-up.

belay wants a serial port. Here it gets one end of a pty, and the same MicroPython that all others
get is at the other. It would reset the board when it attaches, which ends a local interpreter, and
send imports of pins, which that has not; both are left out.
"""

import importlib
import os
import pty
import shutil
import subprocess
import sys
import tty
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

Peer = tuple[Callable[[int, int], int], Callable[[int], Iterator[int]]]


@contextmanager
def open_port() -> Generator[str, None, None]:
    """A MicroPython at a port; yields the port's path."""
    board, port = pty.openpty()
    tty.setraw(port)
    tty.setraw(board)
    interpreter = shutil.which("micropython", path=str(Path(sys.executable).parent))
    command = [interpreter or "micropython", "-X", "heapsize=4M"]
    with subprocess.Popen(command, stdin=board, stdout=board, stderr=board) as process:
        try:
            yield os.ttyname(port)
        finally:
            process.kill()
            os.close(port)
            os.close(board)


@contextmanager
def open_belay() -> Generator[Peer, None, None]:
    """belay, with a function and a generator on its board."""
    belay = importlib.import_module("belay")  # only where it is installed
    board_class = importlib.import_module("belay.pyboard").Pyboard

    enter = board_class.enter_raw_repl

    def enter_without_reset(board: object, *, soft_reset: bool = True) -> None:
        del soft_reset
        enter(board, soft_reset=False)

    with open_port() as port, mock.patch.object(board_class, "enter_raw_repl", enter_without_reset):
        device = belay.Device(port, startup="")

        def add(a: int, b: int) -> int:
            return a + b

        def numbers(count: int) -> Iterator[int]:
            yield from range(count)

        yield device.task(add), device.task(numbers)
        device.close()
