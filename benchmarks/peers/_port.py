"""A MicroPython at a serial port, for those who can use nothing else."""

import os
import pty
import shutil
import subprocess
import sys
import tty
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from local import HEAP_SIZE


@contextmanager
def open_port() -> Generator[str, None, None]:
    """A running MicroPython at its friendly prompt; yields the path of its port.

    The port stays open here, too, because an interpreter ends when nobody has it open any more.
    """
    board, port = pty.openpty()
    tty.setraw(port)
    interpreter = shutil.which("micropython", path=str(Path(sys.executable).parent))
    command = [interpreter or "micropython", "-X", f"heapsize={HEAP_SIZE}"]
    with subprocess.Popen(command, stdin=board, stdout=board, stderr=board) as process:
        try:
            _read_prompt(port)
            yield os.ttyname(port)
        finally:
            process.kill()
            os.close(port)
            os.close(board)


def _read_prompt(port: int) -> None:
    said = b""
    while not said.endswith(b">>> "):
        said += os.read(port, 1024)
