"""What must be given back when a session ends, in the order in which it came.

Somebody may ask for a part of it to be given back while the session is active; the end takes over
from whoever does so. One thing has its turn at a time, newest first, so what was built on something
else is gone before that.
"""

from collections.abc import Callable, Iterator, Sequence

import trio

from belay_actors.errors import WouldDeadlock
from belay_actors.session._children import BoardThread, ChildTask
from belay_actors.session._cleanup import Child, Cleaner, Failure

Key = str | ChildTask | BoardThread  # a resource is known by its id


class Holdings:
    """The children of one session.

    Attributes:
        released: ids of the resources that were given back, in that order.
    """

    __slots__ = ("_children", "_cleaner", "_current", "_lock", "_runs", "released")

    def __init__(self) -> None:
        self.released: list[str] = []
        self._children: dict[Key, Child] = {}
        self._current: Key | None = None
        # What an idle session does without is made when it is needed, to keep it small.
        self._cleaner: Cleaner | None = None
        self._lock: trio.Lock | None = None
        self._runs: list[trio.CancelScope] | None = None

    def __contains__(self, key: Key) -> bool:
        return key in self._children

    def __iter__(self) -> Iterator[Child]:
        return iter(self._children.values())

    def keys(self) -> list[Key]:
        """Returns the keys of all, newest first."""
        return [*reversed(self._children)]

    def add(self, key: Key, child: Child) -> None:
        """Takes in a child."""
        self._children[key] = child

    def discard(self, key: Key) -> None:
        """Forgets a child, if it is still there."""
        self._children.pop(key, None)

    def abandon(self) -> None:
        """Skips whatever giving back would take time, from now on."""
        self._cleaner = self._cleaner or Cleaner()
        self._cleaner.abandon()

    async def give_back(
        self, keys: Sequence[Key], make_refusal: Callable[[], Exception]
    ) -> list[Failure]:
        """Gives back some, while the session is active.

        Args:
            keys: in their order. Where the caller has a deadline, each gets its equal share.
            make_refusal: the error where the session's end has taken over.

        Returns:
            What went wrong; none of that is held any more.

        Raises:
            WouldDeadlock: called by a cleanup that is itself part of such a run.

        Cancellation: what had its turn, and those after it, are still held.
        """
        if self._is_own_run():
            raise WouldDeadlock("a cleanup cannot wait for the run that it is part of")
        self._runs = self._runs or []
        with trio.CancelScope() as run:
            self._runs.append(run)
            try:
                return await self._give_back(keys, trio.current_effective_deadline())
            finally:
                self._runs.remove(run)
        raise make_refusal()

    async def give_back_all(self, deadline: float, *, reserved: int) -> list[Failure]:
        """Gives back everything, for a session that ends, and takes over from whoever does so.

        Args:
            deadline: on trio's clock; what has no time left is still begun.
            reserved: how many more steps of the caller need a share of the time.

        Returns:
            What went wrong.
        """
        if self._is_own_run():
            # A cleanup ends the session: the run that it is part of goes on with it afterwards.
            return await self._give_back_in_turn(self.keys(), deadline, reserved)
        for run in self._runs or ():
            run.cancel()
        return await self._give_back(self.keys(), deadline, reserved)

    def _is_own_run(self) -> bool:
        lock = self._lock
        return lock is not None and lock.statistics().owner is trio.lowlevel.current_task()

    async def _give_back(
        self, keys: Sequence[Key], deadline: float, reserved: int = 0
    ) -> list[Failure]:
        if not keys and self._lock is None:
            await trio.lowlevel.checkpoint()
            return []
        self._lock = self._lock or trio.Lock()
        async with self._lock:
            return await self._give_back_in_turn(keys, deadline, reserved)

    async def _give_back_in_turn(
        self, keys: Sequence[Key], deadline: float, reserved: int
    ) -> list[Failure]:
        self._cleaner = cleaner = self._cleaner or Cleaner()
        failures: list[Failure] = []
        outer = self._current
        for index, key in enumerate(keys):
            child = self._children.get(key)
            if child is None or key is outer:  # gone meanwhile, or having its turn already
                continue
            left = max(deadline - trio.current_time(), 0)
            share = left / (len(keys) - index + reserved)
            self._current = key
            try:
                failure = await cleaner.clean(child, describe(key), share)
            finally:
                self._current = outer
            self.discard(key)
            if failure is not None:
                failures.append(failure)
            elif isinstance(key, str):
                self.released.append(key)
        return failures


def describe(key: Key) -> str:
    """Returns a child's kind and name. Of a resource, the id that it was registered with."""
    return f"resource {key!r}" if isinstance(key, str) else str(key)
