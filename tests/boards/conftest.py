"""Boards of every kind, and devices on them; a test that asks for ``board`` runs on each."""

import os
import random
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack

import pytest

from belay_actors import Device, open_device
from boards import Board, open_unix_board
from microbit import open_microbit_board
from qemu import WHY_NOT, has_microbit

KINDS: dict[str, Callable[[], AbstractAsyncContextManager[Board]]] = {
    "unix": open_unix_board,
    "microbit": open_microbit_board,
}


def check_available(kind: str) -> None:
    """Skips the test where there is no such board; in continuous integration that is an error."""
    if kind == "microbit" and not has_microbit():
        assert not os.environ.get("CI"), WHY_NOT
        pytest.skip(WHY_NOT)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Runs a test on every kind of board, or on those that its ``boards`` mark names."""
    if "board" in metafunc.fixturenames:
        mark = metafunc.definition.get_closest_marker("boards")
        kinds = KINDS if mark is None else mark.args
        metafunc.parametrize("board", kinds, indirect=True)


@pytest.fixture
async def board(request: pytest.FixtureRequest) -> AsyncIterator[Board]:
    """A board that nobody has connected to yet."""
    check_available(request.param)
    async with KINDS[request.param]() as board:
        yield board


@pytest.fixture
async def all_boards() -> AsyncIterator[list[Board]]:
    """One board of each kind, for what takes long."""
    async with AsyncExitStack() as stack:
        boards: list[Board] = []
        for kind, open_board in KINDS.items():
            check_available(kind)
            boards.append(await stack.enter_async_context(open_board()))
        yield boards


@pytest.fixture
async def microbit() -> AsyncIterator[Board]:
    """A micro:bit that nobody has connected to yet."""
    check_available("microbit")
    async with open_microbit_board() as board:
        yield board


@pytest.fixture
async def device(board: Board) -> AsyncIterator[Device]:
    async with open_device(board) as device:
        yield device


@pytest.fixture
def seed() -> int:
    """Of what is random in a test; it is printed, and may be given to see the same again."""
    seed = int(os.environ.get("PEERS_SEED") or random.randrange(2**32))
    print(f"to see this again, set PEERS_SEED={seed}")  # noqa: T201
    return seed
