"""The end of a session: what it holds goes back, then its names, all within one budget.

The board has the last word. It says what was still there when the names were taken off: timers
that nobody had registered, threads that run on. So what is told to be left is what is left.
"""

from collections.abc import Callable
from typing import cast

import trio

from belay_actors.device import Device, DroppedNamespace, Seat
from belay_actors.errors import DeviceResetError, ResourceNotFoundError, SessionError
from belay_actors.session._cleanup import Failure
from belay_actors.session._holdings import Holdings

_EMERGENCY = 1.0  # seconds for the names of a session that is given up in an emergency


class Ending:
    """One session's end.

    Args:
        device: that it is on.
        seat: its place there.
        holdings: what it must give back.
        budget: seconds for everything together.

    Attributes:
        failures: what could not be given back.
        dropped: what came of taking the names off the board.
    """

    def __init__(self, device: Device, seat: Seat, holdings: Holdings, budget: float) -> None:
        self.failures: list[Failure] = []
        self.dropped = DroppedNamespace(0)
        self._device = device
        self._seat = seat
        self._holdings = holdings
        self._scope = trio.CancelScope(deadline=trio.current_time() + budget)

    def abandon(self) -> None:
        """Skips what takes time: only the names are still taken off, if the board does it soon."""
        self._holdings.abandon()
        self._scope.deadline = min(self._scope.deadline, trio.current_time() + _EMERGENCY)

    async def run(self, has_names: Callable[[], bool], *, measure: bool) -> None:
        """Gives everything back.

        Args:
            has_names: whether anything was sent, by a cleanup perhaps, so that there are names.
            measure: whether to ask the board for its memory, too.
        """
        self.failures += await self._holdings.give_back_all(self._scope.deadline, reserved=1)
        if has_names() and self._seat.generation == self._device.generation:
            await self._drop(measure=measure)
        # What failed only because the board was reset has nothing left to give back.
        self.failures = [failure for failure in self.failures if not self._is_reset(failure.error)]

    def _is_reset(self, error: Exception) -> bool:
        if isinstance(error, ExceptionGroup):
            return all(map(self._is_reset, cast("ExceptionGroup[Exception]", error).exceptions))
        return isinstance(error, DeviceResetError) and error.device == self._device.name

    async def _drop(self, *, measure: bool) -> None:
        """Takes the namespace off the board."""
        try:
            with self._scope:
                self.dropped = await self._device.drop(self._seat, measure=measure)
                self._believe_the_board()
                return
            raise TimeoutError("there was no time left for it")
        except Exception as error:
            error.add_note("The session's names could not be taken off the board.")
            self.failures.append(Failure("the session's names", error))

    def _believe_the_board(self) -> None:
        """Corrects what is known of threads and timers by what the board itself has found."""
        running = {f"thread {thread_id!r}" for thread_id in self.dropped.threads_left}
        self.failures = [
            failure
            for failure in self.failures
            if not failure.what.startswith("thread ")
            or failure.what in running
            or isinstance(failure.error, ResourceNotFoundError)
        ]
        known = {failure.what for failure in self.failures}
        for what in sorted(running - known):
            self._add(what, "it runs on without its names; reset the board to be rid of it")
        for timer in self.dropped.timers_left:
            name, _, words = timer.partition(": ")
            self._add(f"timer {name!r}", words)
        if not self.dropped.is_gone:
            self._add("the session's names", "the board still has some of them")

    def _add(self, what: str, words: str) -> None:
        error = SessionError(words, device=self._device.name, session_id=self._seat.session_id)
        self.failures.append(Failure(what, error).noted())
