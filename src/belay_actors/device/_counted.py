"""What becomes of a session's calls, counted on its seat: begun, and answered by the board."""

from collections.abc import Awaitable

from belay_actors.device._connection import NotRun, NotSent, Reply
from belay_actors.device._records import Seat


async def counted(seat: Seat, call: Awaitable[Reply]) -> Reply:
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
