"""Where an actor waits for its next request: asleep at first, idling when it stays quiet.

An actor may have something to do while nobody asks, such as listening to a wire, and that must be
cancelled when somebody does. A cancellation costs more than all the rest of a short request, so it
is not to be paid between requests that follow each other closely. Therefore the actor first only
sleeps, and a second task, the watch, sends it on to idle once it has slept through a whole period.
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
        self._rests = 0
        self._sleeper: trio.lowlevel.Task | None = None
        self._idling: trio.CancelScope | None = None
        self._watch: trio.lowlevel.Task | None = None

    async def rest(self) -> None:
        """Waits for ``wake``, or until the idle function returns."""
        self._is_woken = False
        self._rests += 1
        if self._watch is not None:
            trio.lowlevel.reschedule(self._watch)
            self._watch = None
        self._sleeper = trio.lowlevel.current_task()
        await trio.lowlevel.wait_task_rescheduled(self._leave_bed)
        if not self._is_woken:
            with trio.CancelScope() as self._idling:
                await self._idle()
            self._idling = None

    def wake(self) -> None:
        """Ends the rest, if there is one."""
        self._is_woken = True
        if self._idling is not None:
            self._idling.cancel()
        self._end_sleep()

    async def watch(self) -> None:
        """Sends a quiet sleeper on to idle. Run it beside the actor, until cancelled."""
        while True:
            rests = self._rests
            await trio.sleep(_PERIOD)
            if self._sleeper is None or rests == self._rests:
                self._end_sleep()
                self._watch = trio.lowlevel.current_task()
                await trio.lowlevel.wait_task_rescheduled(self._leave_watch)

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
