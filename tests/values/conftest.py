"""A real interpreter that lives for all tests of a module, also for those of Hypothesis."""

from collections.abc import Iterator

import pytest

from echo_board import EchoBoard, open_echo_board


@pytest.fixture(scope="module")
def board() -> Iterator[EchoBoard]:
    with open_echo_board() as board:
        yield board
