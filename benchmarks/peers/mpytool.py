"""mpytool: its ``Mpy`` over a ``ConnSerial``, at the raw prompt.

Code goes by its ``exec`` in the plain raw REPL, which is faster here than its raw-paste. Most of
the time is that of its reader, which waits for more bytes for up to a millisecond before it looks
at those that it has: none, one or two such waits in a call, as the bytes happen to come.

It has no functions and no generators. A call is the expression that calls the function, evaluated
by its ``exec_eval``, which runs ``eval`` on what the board has said. The items of a generator are
printed by one ``exec`` on the board and parsed as they arrive; nothing holds the board back
meanwhile, and nobody can stop it early.
"""

import ast
import importlib
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from typing import Literal, Protocol

from peers._peer import CODE, Peer


class _Connection(Protocol):
    def close(self) -> None: ...


class _Communication(Protocol):
    def enter_raw_repl(self) -> None: ...
    def exit_raw_repl(self) -> None: ...
    def exec(self, command: str) -> bytes: ...
    def exec_eval(self, command: str) -> object: ...


class _Streaming(Protocol):
    def exec(self, command: str, timeout: float, stream: Literal[True]) -> Iterator[bytes]: ...


@contextmanager
def _open_communication(port: str) -> Generator[_Communication, None, None]:
    module = importlib.import_module("mpytool")
    make_connection: Callable[..., _Connection] = module.ConnSerial
    make_communication: Callable[[_Connection], _Communication] = module.MpyComm
    connection = make_connection(port=port, baudrate=115200)
    try:
        communication = make_communication(connection)
        communication.enter_raw_repl()
        yield communication
        communication.exit_raw_repl()
    finally:
        connection.close()


def attach(port: str) -> None:
    """See ``Driver``."""
    with _open_communication(port):
        pass


@contextmanager
def open_peer(port: str) -> Generator[Peer, None, None]:
    """See ``Driver``."""
    with _open_communication(port) as communication:
        communication.exec(CODE)
        streaming: _Streaming = communication  # type: ignore[assignment]  # pyright: ignore

        def add(a: int, b: int) -> object:
            return communication.exec_eval(f"add({a!r}, {b!r})")

        def numbers(count: int) -> Iterator[object]:
            rest = b""
            code = f"for item in numbers({count}): print(repr(item))"
            for chunk in streaming.exec(code, 60.0, stream=True):
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    yield ast.literal_eval(line.decode())

        yield Peer(add, communication.exec_eval, numbers)
