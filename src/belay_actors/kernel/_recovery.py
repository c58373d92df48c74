"""Recovery: what an actor does after an operation was interrupted, and what if it cannot."""

import copy
from collections.abc import Awaitable, Callable

import trio

from belay_actors.kernel._request import MakeError


class Recovery:
    """Brings the resource of one actor back into a known state.

    Args:
        recover: does so; raises if it cannot.
        grace: seconds that it may take.
        make_unrecovered: the error that everyone gets when the grace is used up.
        end: is told, with what makes everyone's error, that the actor has no resource any more.
    """

    def __init__(
        self,
        recover: Callable[[], Awaitable[None]],
        grace: float,
        make_unrecovered: MakeError,
        end: Callable[[MakeError], None],
    ) -> None:
        self._recover = recover
        self._grace = grace
        self._make_unrecovered = make_unrecovered
        self._end = end

    async def run(self) -> Exception | None:
        """Recovers within the grace. What it returns has ended the actor.

        Cancellation: the resource is not recovered; for an actor that ends.
        """
        try:
            with trio.move_on_after(self._grace):
                await self._recover()
                return None
        except Exception as error:
            broken = error
            self._end(lambda: self._copy(broken))
            return broken
        self._end(self._make_unrecovered)
        return self._make_unrecovered()

    def _copy(self, error: Exception) -> Exception:
        """The error again, for another caller: each has a traceback of its own."""
        try:
            return copy.copy(error)
        except Exception:  # an exception may want other arguments than it shows
            replacement = self._make_unrecovered()
            replacement.__cause__ = error
            return replacement
