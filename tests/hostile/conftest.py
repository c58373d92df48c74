"""What all attacks by boards in memory share: a clock that jumps, and a limit of memory."""

import tracemalloc
from collections.abc import Iterator

import pytest

MEMORY = 30_000_000  # bytes; a read is 4 KB, and the largest answer of a test 1 MB


@pytest.fixture
def bounded_memory() -> Iterator[None]:
    """The test may not take much memory."""
    tracemalloc.start()
    yield
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < MEMORY, f"{peak / 1e6:.0f} MB"
