"""Where an actor waits for its next request: asleep at first, idling when it stays quiet.

An actor may have something to do while nobody asks, such as listening to a wire, and that must be
cancelled when somebody does. A cancellation costs more than all the rest of a short request, so it
is not to be paid between requests that follow each other closely. Therefore the actor first only
sleeps, and a second task, the watch, sends it on to idle once it has slept through a whole period.

While it is asleep somebody else may take its place: then it sleeps on until that one has left.
"""

from collections.abc import Awaitable, Callable

import trio

WATCH = "belay_actors watch"  # the name of a task that a trio run keeps, once it has had an actor
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
        self._turns_seen = -1
        self._is_watched = False

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

    def look(self) -> bool:
        """Sends a quiet sleeper on to idle. Returns whether it is to be looked at again."""
        is_quiet, self._turns_seen = self._turns == self._turns_seen, self._turns
        if self._sleeper is not None and not self._is_replaced and not is_quiet:
            return True
        if not self._is_replaced:
            self._end_sleep()
        self._is_watched = False
        return False

    def end(self) -> None:
        """Nobody will rest here any more."""
        self._is_watched = True  # so it stays out
        _get_watch().remove(self)

    def _begin_turn(self) -> None:
        self._turns += 1
        if not self._is_watched:
            self._is_watched = True
            _get_watch().add(self)

    def _end_sleep(self) -> None:
        if self._sleeper is not None:
            trio.lowlevel.reschedule(self._sleeper)
            self._sleeper = None

    def _leave_bed(self, _: object) -> trio.lowlevel.Abort:
        self._sleeper = None
        return trio.lowlevel.Abort.SUCCEEDED


class _Watch:
    """Looks at all rests that are not quiet yet, period by period; parked while there are none."""

    def __init__(self) -> None:
        self._rests: set[Rest] = set()
        self._task: trio.lowlevel.Task | None = None
        trio.lowlevel.spawn_system_task(self._run, name=WATCH)

    def add(self, rest: Rest) -> None:
        self._rests.add(rest)
        if self._task is not None:
            trio.lowlevel.reschedule(self._task)
            self._task = None

    def remove(self, rest: Rest) -> None:
        self._rests.discard(rest)

    async def _run(self) -> None:
        while True:
            if not self._rests:
                self._task = trio.lowlevel.current_task()
                await trio.lowlevel.wait_task_rescheduled(self._leave)
            await trio.sleep(_PERIOD)
            self._rests = {rest for rest in self._rests if rest.look()}

    def _leave(self, _: object) -> trio.lowlevel.Abort:
        self._task = None
        return trio.lowlevel.Abort.SUCCEEDED


_watch: trio.lowlevel.RunVar[_Watch] = trio.lowlevel.RunVar(WATCH)


def _get_watch() -> _Watch:
    try:
        return _watch.get()
    except LookupError:
        watch = _Watch()
        _watch.set(watch)
        return watch
