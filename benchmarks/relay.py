"""A process that keeps real MicroPythons at serial ports, near or far; run as a script.

``relay.py '{"count": 8, "delay": 0.005, "baudrate": 0, "command": [...]}'`` prints a JSON list of
paths, one port for each interpreter, and serves until its standard input ends. The command runs an
interpreter in the terminal that is its standard input.

A near board sits at the other end of its port, so nothing here costs anything. A delayed board
hears each message ``delay`` seconds late, and answers straight into the port: a round trip takes
that much longer, and this process touches a message once. At a baud rate bytes go both ways no
faster than a UART takes them.
"""

import heapq
import itertools
import json
import os
import pty
import select
import subprocess
import sys
import termios
import time
import tty
from collections.abc import Iterator

_BITS_PER_BYTE = 10
_TICK = 0.0005  # seconds: bytes of a UART come in pieces that take about so long
_SIZE = 65536


class Relay:
    """Passes bytes on when their time has come."""

    def __init__(self, delay: float, baudrate: int) -> None:
        self._delay = delay
        self._byte_time = _BITS_PER_BYTE / baudrate if baudrate else 0.0
        self._epoll = select.epoll()
        self._ways: dict[int, int] = {}
        self._free_at: dict[int, float] = {}
        self._due: list[tuple[float, int, int, bytes]] = []
        self._numbers = itertools.count()
        self._epoll.register(0, select.EPOLLIN)

    def connect(self, source: int, target: int) -> None:
        """Passes on what can be read from one descriptor to another."""
        os.set_blocking(source, False)
        self._ways[source] = target
        self._free_at[source] = 0.0
        self._epoll.register(source, select.EPOLLIN)

    def run(self) -> None:
        """Serves until the standard input ends."""
        while True:
            pause = max(self._due[0][0] - time.perf_counter(), 0) if self._due else None
            if pause != 0:  # an epoll's own timeout counts milliseconds
                select.select([self._epoll], [], [], pause)
            for descriptor, _ in self._epoll.poll(0):
                if descriptor == 0:
                    return
                self._read(descriptor)
            while self._due and self._due[0][0] <= time.perf_counter():
                _, _, target, data = heapq.heappop(self._due)
                os.write(target, data)

    def _read(self, source: int) -> None:
        try:
            data = os.read(source, _SIZE)
        except OSError:  # the interpreter has ended
            data = b""
        if not data:
            self._epoll.unregister(source)
            return
        at = time.perf_counter() + self._delay
        for piece, seconds in self._pieces(data):
            at = max(at, self._free_at[source]) + seconds
            self._free_at[source] = at
            heapq.heappush(self._due, (at, next(self._numbers), self._ways[source], piece))

    def _pieces(self, data: bytes) -> Iterator[tuple[bytes, float]]:
        if not self._byte_time:
            yield data, 0.0
            return
        size = max(int(_TICK / self._byte_time), 1)
        for start in range(0, len(data), size):
            piece = data[start : start + size]
            yield piece, len(piece) * self._byte_time


def _open_pty() -> tuple[int, int]:
    master, slave = pty.openpty()
    for descriptor in (master, slave):
        tty.setraw(descriptor, termios.TCSANOW)
    mode = termios.tcgetattr(slave)
    mode[tty.LFLAG] = 0
    termios.tcsetattr(slave, termios.TCSANOW, mode)
    return master, slave


def _start(command: list[str], terminal: int, output: int) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        command, stdin=terminal, stdout=output, stderr=output, start_new_session=True
    )


def _open_board(
    relay: Relay, command: list[str], delay: float, baudrate: int
) -> tuple[int, "subprocess.Popen[bytes]"]:
    """Starts an interpreter; returns the port, which is to be kept open, and the process."""
    board, port = _open_pty()
    if not delay and not baudrate:
        process = _start(command, board, board)
        os.close(board)  # so it ends with whoever has its port open
        return port, process
    master, terminal = _open_pty()
    process = _start(command, terminal, terminal if baudrate else board)
    os.close(terminal)
    relay.connect(board, master)
    if baudrate:
        relay.connect(master, board)
    return port, process


def main(text: str) -> None:
    """Serves as told."""
    settings = json.loads(text)
    relay = Relay(settings["delay"], settings["baudrate"])
    ports: list[int] = []
    processes: list[subprocess.Popen[bytes]] = []
    try:
        for _ in range(settings["count"]):
            port, process = _open_board(
                relay, settings["command"], settings["delay"], settings["baudrate"]
            )
            ports.append(port)
            processes.append(process)
        print(json.dumps([os.ttyname(port) for port in ports]), flush=True)
        relay.run()
    finally:
        for process in processes:
            process.kill()
        for process in processes:
            process.wait()


if __name__ == "__main__":
    main(sys.argv[1])
