"""What becomes of a session's calls: how many were begun and answered, how long each may run."""

from collections.abc import Awaitable
from typing import TypeVar

import trio

from belay_actors.device._news import NotRun, NotSent, TooSlow
from belay_actors.device._records import Seat

T = TypeVar("T")


async def counted(seat: Seat, call: Awaitable[T]) -> T:
    """Runs a call on the board; raises, and is cancelled, as the call itself.

    It counts as settled if the board replied, or is known not to have run the code. So it does not
    if it was cancelled, or if the board restarted or was lost meanwhile.
    """
    seat.begun += 1
    try:
        reply = await call
    except (NotRun, NotSent):
        seat.settled += 1
        raise
    seat.settled += 1
    return reply


async def limited(call: Awaitable[T], seconds: float) -> T:
    """Runs a call that may take only so long.

    Raises:
        TooSlow: it took longer, and may still be at it.
    """
    with trio.move_on_after(seconds):
        return await call
    raise TooSlow(seconds)
