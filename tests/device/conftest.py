"""Fixtures of the devices' tests: what is on a serial port."""

from collections.abc import AsyncIterator, Iterator

import pytest
import trio

from ports import Port, count_descriptors
from serial_board import SerialBoard


@pytest.fixture
def only_in_the_loop(request: pytest.FixtureRequest) -> None:
    """For tests of the resident loop."""
    if request.config.getoption("--raw"):
        pytest.skip("there is no loop")


@pytest.fixture
def no_descriptor_left() -> Iterator[None]:
    before = count_descriptors()
    yield
    assert count_descriptors() == before, "a descriptor was left open"


@pytest.fixture
async def serial_board(nursery: trio.Nursery) -> AsyncIterator[SerialBoard]:
    """A board on a serial port, which is plugged in and turned on."""
    board = SerialBoard()
    await nursery.start(board.serve)
    yield board
    await board.aclose()


@pytest.fixture
def port() -> Iterator[Port]:
    """A serial port with nothing on it yet."""
    port = Port()
    yield port
    port.close()
