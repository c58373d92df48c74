"""What the benchmarks ask of a peer."""

import importlib
import importlib.metadata
import importlib.util
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Protocol, cast

import attrs

NAMES = ("belay", "mpremote", "mpytool")

# What callers call; belay takes it from functions that read the same.
CODE = """\
def add(a, b):
    return a + b
def numbers(count):
    yield from range(count)
"""


@attrs.frozen
class Peer:
    """A peer that is attached to a board on which ``add`` and ``numbers`` are deployed.

    Attributes:
        add: calls the deployed function, and gets a Python int.
        evaluate: evaluates an expression, and gets its value.
        numbers: has the deployed generator make that many numbers, and yields each when it is
            there.
    """

    add: Callable[[int, int], object]
    evaluate: Callable[[str], object]
    numbers: Callable[[int], Iterator[object]]


class Driver(Protocol):
    """What a peer's module has."""

    def open_peer(self, port: str) -> AbstractContextManager[Peer]:
        """Attaches to the board, and deploys the functions."""
        ...

    def attach(self, port: str) -> None:
        """Attaches to the board so far that code could run, and detaches."""
        ...


def installed() -> list[str]:
    """Names of the peers that are there."""
    return [name for name in NAMES if importlib.util.find_spec(name) is not None]


def version(name: str) -> str:
    """Of an installed package."""
    return importlib.metadata.version(name)


def open_peer(name: str, port: str) -> AbstractContextManager[Peer]:
    """Attaches a peer to the board at a port, and deploys the functions."""
    return _driver(name).open_peer(port)


def attach(name: str, port: str) -> None:
    """Has a peer attach and detach."""
    _driver(name).attach(port)


def _driver(name: str) -> Driver:
    return cast(Driver, importlib.import_module(f"peers.{name}"))
