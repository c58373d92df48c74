"""Where an actor waits for its next request: asleep at first, idling when it stays quiet.

An actor may have something to do while nobody asks, such as listening to a wire, and that must be
cancelled when somebody does. A cancellation costs more than all the rest of a short request, so it
is not to be paid between requests that follow each other closely. Therefore the actor first only
sleeps, and a second task, the watch, sends it on to idle once it has slept through a whole period.

While it is asleep somebody else may take its place: then it sleeps on until that one has left.
"""

from collections.abc import Awaitable, Callable

import trio

_PERIOD = 0.02  # seconds


class Rest:
    """The waiting place of one actor.

    Args:
        idle: runs while it stays quiet; cancelled by ``wake``. May return early.
    """

    def __init__(self, idle: Callable[[], Awaitable[None]]) -> None:
        self._idle = idle
        self._is_woken = False
        self._is_replaced = False
        self._turns = 0  # rests and replacements: it is quiet while there are no new ones
        self._sleeper: trio.lowlevel.Task | None = None
        self._idling: trio.CancelScope | None = None
        self._watch: trio.lowlevel.Task | None = None

    async def rest(self) -> None:
        """Waits for ``wake``, or until the idle function returns."""
        self._is_woken = False
        self._begin_turn()
        self._sleeper = trio.lowlevel.current_task()
        await trio.lowlevel.wait_task_rescheduled(self._leave_bed)
        if not self._is_woken:
            with trio.CancelScope() as self._idling:
                await self._idle()
            self._idling = None

    def wake(self) -> None:
        """Ends the rest, if there is one; with a replacement when that has left."""
        self._is_woken = True
        if self._idling is not None:
            self._idling.cancel()
        if not self._is_replaced:
            self._end_sleep()

    def replace(self) -> bool:
        """Has the actor sleep on while the caller takes its place; ``False`` if it is up."""
        if self._sleeper is None or self._is_replaced:
            return False
        self._is_replaced = True
        return True

    def end_replacement(self) -> None:
        """Leaves the actor's place. Wakes it if somebody has asked for that meanwhile."""
        self._is_replaced = False
        self._begin_turn()
        if self._is_woken:
            self._end_sleep()

    async def watch(self) -> None:
        """Sends a quiet sleeper on to idle. Run it beside the actor, until cancelled."""
        while True:
            turns = self._turns
            await trio.sleep(_PERIOD)
            is_quiet = turns == self._turns
            if self._sleeper is not None and not self._is_replaced and not is_quiet:
                continue
            if not self._is_replaced:
                self._end_sleep()
            self._watch = trio.lowlevel.current_task()
            await trio.lowlevel.wait_task_rescheduled(self._leave_watch)

    def _begin_turn(self) -> None:
        self._turns += 1
        if self._watch is not None:
            trio.lowlevel.reschedule(self._watch)
            self._watch = None

    def _end_sleep(self) -> None:
        if self._sleeper is not None:
            trio.lowlevel.reschedule(self._sleeper)
            self._sleeper = None

    def _leave_bed(self, _: object) -> trio.lowlevel.Abort:
        self._sleeper = None
        return trio.lowlevel.Abort.SUCCEEDED

    def _leave_watch(self, _: object) -> trio.lowlevel.Abort:
        self._watch = None
        return trio.lowlevel.Abort.SUCCEEDED
