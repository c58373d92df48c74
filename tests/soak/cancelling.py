"""A cancel scope that keeps account: how often it cancelled, and how long settling took."""

import contextlib
from collections.abc import Generator

import trio

from .tally import Tally


@contextlib.contextmanager
def cancelling(tally: Tally, seconds: float) -> Generator[trio.CancelScope, None, None]:
    """Cancels its body after a while, if it still runs then."""
    deadline = trio.current_time() + seconds
    with trio.CancelScope(deadline=deadline) as scope:
        try:
            yield scope
        finally:
            if scope.cancel_called:
                tally.cancels += 1
                tally.settling.add(trio.current_time() - deadline)
