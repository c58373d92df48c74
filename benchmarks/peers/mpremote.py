"""mpremote: its ``SerialTransport``, at the raw prompt, by ``eval`` and ``exec``.

On a pty it reads byte by byte as they come; on a serial port it would look for new bytes every
10 ms. Code goes by raw-paste, its default: the plain way sleeps 10 ms for every 256 bytes.

It has no functions and no generators. A call is a line that prints the value, of which ``int`` is
taken. The items of a generator are printed by one ``exec`` on the board, and parsed as they arrive;
nothing holds the board back meanwhile, and nobody can stop it early.
"""

import ast
import importlib
import queue
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from typing import Protocol

from peers._peer import CODE, Peer


class _Transport(Protocol):
    def enter_raw_repl(self, soft_reset: bool = True) -> None: ...
    def exit_raw_repl(self) -> None: ...
    def eval(self, expression: str) -> object: ...
    def exec(self, command: str, data_consumer: Callable[[bytes], None] | None = None) -> bytes: ...
    def close(self) -> None: ...


@contextmanager
def open_transport(port: str) -> Generator[_Transport, None, None]:
    """Attaches to the board."""
    module = importlib.import_module("mpremote.transport_serial")
    make_transport: Callable[[str], _Transport] = module.SerialTransport
    transport = make_transport(port)
    try:
        transport.enter_raw_repl(soft_reset=False)
        yield transport
        transport.exit_raw_repl()
    finally:
        transport.close()


def attach(port: str) -> None:
    """See ``Driver``."""
    with open_transport(port):
        pass


@contextmanager
def open_peer(port: str) -> Generator[Peer, None, None]:
    """See ``Driver``."""
    with open_transport(port) as transport:
        transport.exec(CODE)

        def add(a: int, b: int) -> object:
            return int(transport.exec(f"print(add({a!r}, {b!r}))"))

        def numbers(count: int) -> Iterator[object]:
            items: queue.SimpleQueue[object] = queue.SimpleQueue()
            line = bytearray()

            def consume(data: bytes) -> None:
                if data != b"\n":
                    line.extend(data)
                    return
                items.put(ast.literal_eval(line.decode()))
                line.clear()

            transport.exec(f"for item in numbers({count}): print(repr(item))", consume)
            while not items.empty():
                yield items.get()

        yield Peer(add, transport.eval, numbers)
