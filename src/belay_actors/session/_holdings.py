"""What must be given back when a session ends, in the order in which it came.

Somebody may ask for a part of it to be given back while the session is active: that is a run. One
thing has its turn at a time, newest first, so what was built on something else is gone before that.
The end is the last run, and takes over from the others: they are cancelled, and what has its turn
in one of them is tried again. What has failed is told by the run in which it did, or else by the
end.
"""

import contextvars
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager

import attrs
import trio

from belay_actors.errors import SessionError, WouldDeadlock
from belay_actors.session._children import BoardThread, ChildTask
from belay_actors.session._cleanup import Child, Cleaner, Failure

Key = str | ChildTask | BoardThread  # a resource is known by its id


@attrs.define(eq=False)
class _Run:
    """One time of giving back, and what went wrong in it."""

    is_last: bool
    scope: trio.CancelScope = attrs.field(factory=trio.CancelScope)
    failures: list[Failure] = attrs.field(factory=list[Failure])


@attrs.frozen
class _Turn:
    """The end of the other runs, as something to wait for in a share of the time."""

    lock: trio.Lock

    async def cleanup(self) -> None:
        await self.lock.acquire()


# The runs that wait for the running code, because it is part of a cleanup of theirs.
_waiting: contextvars.ContextVar[tuple[_Run, ...]] = contextvars.ContextVar(
    "belay_actors_waiting_runs", default=()
)


def leave_runs() -> None:
    """Makes the calling task one that no run waits for, though a cleanup has started it."""
    _waiting.set(())


class Holdings:
    """The children of one session.

    Attributes:
        released: ids of the resources that were given back, in that order.
        escaped: what cleanups of the end have raised that is no ``Exception``.
    """

    __slots__ = (
        "_children",
        "_cleaner",
        "_current",
        "_is_taken_over",
        "_lock",
        "_runs",
        "_untold",
        "escaped",
        "released",
    )

    def __init__(self) -> None:
        self.released: list[str] = []
        self.escaped: Sequence[BaseException] = ()
        self._children: dict[Key, Child] = {}
        self._current: Key | None = None
        self._is_taken_over = False
        # What an idle session does without is made when it is needed, to keep it small.
        self._cleaner: Cleaner | None = None
        self._lock: trio.Lock | None = None
        self._runs: Sequence[_Run] = ()
        self._untold: Sequence[Failure] = ()

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

    # While the session is active.

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

        Cancellation: what had its turn, and those after it, are still held. What went wrong before
        is told by the session's end.
        """
        if self._is_part_of_run():
            raise WouldDeadlock("a cleanup cannot wait for the run that it is part of")
        await trio.lowlevel.checkpoint()
        run = _Run(is_last=False)
        with self._entered(run):
            if self._is_taken_over and keys:
                run.scope.cancel()
            try:
                await self._give_back_locked(run, keys)
            except BaseException:
                self._untold = [*self._untold, *run.failures]
                raise
            else:
                return run.failures
        raise make_refusal()

    async def _give_back_locked(self, run: _Run, keys: Sequence[Key]) -> None:
        if keys:
            self._lock = self._lock or trio.Lock()
            async with self._lock:
                deadline = trio.current_effective_deadline()
                await self._give_back_in_turn(run, keys, deadline, reserved=0)

    # At its end.

    def take_over(self) -> None:
        """Cancels the runs, because the session ends; not those that wait for the caller."""
        self._is_taken_over = True
        for run in self._runs:
            if run not in _waiting.get():
                run.scope.cancel()

    async def give_back_all(self, deadline: float, *, reserved: int) -> list[Failure]:
        """Gives back everything, for a session that ends, and takes over from whoever does so.

        Args:
            deadline: on trio's clock; what has no time left is still begun.
            reserved: how many more steps of the caller need a share of the time.

        Returns:
            What went wrong, and was not told yet.
        """
        self.take_over()
        await trio.lowlevel.checkpoint()
        # Where a cleanup ends the session, the run that it is part of goes on with it afterwards.
        lock = None if self._is_part_of_run() else self._lock
        run = _Run(is_last=True)
        with self._entered(run):
            if lock is not None:
                await self._wait_for_turn(run, lock, _share(deadline, len(self.keys()) + reserved))
            self._take_untold(run)
            try:
                await self._give_back_in_turn(run, self.keys(), deadline, reserved)
            finally:
                if lock is not None and lock.statistics().owner is trio.lowlevel.current_task():
                    lock.release()
        return run.failures

    async def _wait_for_turn(self, run: _Run, lock: trio.Lock, seconds: float) -> None:
        """Waits until the other runs are over, or until the one that hangs is given up."""
        self._cleaner = cleaner = self._cleaner or Cleaner()
        key = self._current
        failure = await cleaner.clean(_Turn(lock), "" if key is None else describe(key), seconds)
        if failure is not None and key is not None:
            self.discard(key)
            run.failures.append(failure)

    def _take_untold(self, run: _Run) -> None:
        """Tells in the last run what runs that nobody waits for have not told."""
        untold = [*self._untold]
        for other in self._runs:
            if other not in _waiting.get():
                untold += other.failures
                other.failures.clear()
        run.failures[:0] = untold

    # Both.

    def _is_part_of_run(self) -> bool:
        return any(run in self._runs for run in _waiting.get())

    @contextmanager
    def _entered(self, run: _Run) -> Generator[None, None, None]:
        token = _waiting.set((*_waiting.get(), run))
        self._runs = [*self._runs, run]
        try:
            with run.scope:
                yield
        finally:
            self._runs = [other for other in self._runs if other is not run]
            _waiting.reset(token)

    async def _give_back_in_turn(
        self, run: _Run, keys: Sequence[Key], deadline: float, reserved: int
    ) -> None:
        outer = self._current
        for index, key in enumerate(keys):
            child = self._children.get(key)
            if child is None or key == outer:  # gone meanwhile, or having its turn already
                continue
            await trio.lowlevel.checkpoint_if_cancelled()
            if not run.is_last:
                if self._is_taken_over:
                    return
                if isinstance(child, ChildTask) and child.is_own:
                    continue
            self._current = key
            try:
                share = _share(deadline, len(keys) - index + reserved)
                failure = await self._clean(run, child, describe(key), share)
            finally:
                self._current = outer
            if failure is not None and run.scope.cancel_called:
                await trio.lowlevel.checkpoint_if_cancelled()  # the end tries it again
            self._note(run, key, failure)

    async def _clean(self, run: _Run, child: Child, what: str, share: float) -> Failure | None:
        self._cleaner = cleaner = self._cleaner or Cleaner()
        try:
            return await cleaner.clean(child, what, share)
        except trio.Cancelled:
            raise
        except BaseException as error:  # noqa: ASYNC103  # its session raises it
            if not run.is_last:
                raise
            self.escaped = [*self.escaped, error]
            return Failure(what, SessionError(f"its cleanup raised {error!r}")).noted()  # noqa: ASYNC104

    def _note(self, run: _Run, key: Key, failure: Failure | None) -> None:
        """Keeps what came of a cleanup, unless it was given up meanwhile."""
        is_held = self._children.pop(key, None) is not None
        resource_id = key if isinstance(key, str) else None
        if failure is not None:
            run.failures.append(attrs.evolve(failure, resource_id=resource_id))
        elif is_held and isinstance(key, str):
            self.released.append(key)


def _share(deadline: float, count: int) -> float:
    """Returns the seconds that one of so many may take."""
    return max(deadline - trio.current_time(), 0) / max(count, 1)


def describe(key: Key) -> str:
    """Returns a child's kind and name. Of a resource, the id that it was registered with."""
    return f"resource {key!r}" if isinstance(key, str) else str(key)
