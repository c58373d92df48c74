"""A trio run for synchronous programs: it goes on only while one of them waits for a result.

Hypothesis calls the rules of a state machine one after the other, as plain functions, but tasks
must live from one rule to the next. So trio runs as a guest here, and its host is ``run``, which
lets it take steps until the operation that it was given has its result. Between two of these
nothing happens, and on a virtual clock no time passes. On one thread: trio itself uses another one
to wait for the outer world, and only if there is something to wait for.
"""

import queue
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from typing import Generic, TypeVar, TypeVarTuple, cast

import attrs
import outcome
import trio

from belay_actors.testing._hang import Watchdog
from belay_actors.testing._point import seeded_scheduling

T = TypeVar("T")
Ts = TypeVarTuple("Ts")
_SEED = 0


@attrs.define
class _Operation(Generic[T]):
    """Something to do in the run, and later its result."""

    do: Callable[[], Awaitable[T]]
    result: outcome.Outcome[T] | None = None

    async def run(self) -> None:
        self.result = await outcome.acapture(self.do)


class GuestRun:
    """A trio run that is driven from outside. It must be closed.

    Args:
        clock: of the run; ``None`` for the real one.
        limit: seconds on that clock that it may take in all; then it has hung.
    """

    def __init__(self, clock: trio.abc.Clock | None, limit: float) -> None:
        self._callbacks: queue.SimpleQueue[Callable[[], object]] = queue.SimpleQueue()
        self._watchdog = Watchdog(limit)
        self._nursery: trio.Nursery | None = None
        self._end: outcome.Outcome[None] | None = None
        self._is_over = trio.Event()
        self._scheduling = ExitStack()
        self._scheduling.enter_context(seeded_scheduling(_SEED))
        trio.lowlevel.start_guest_run(
            self._main,
            run_sync_soon_threadsafe=self._callbacks.put,
            done_callback=self._note_end,
            clock=clock,
            instruments=[self._watchdog],
        )
        self._pump(lambda: self._nursery is not None)

    def run(self, operation: Callable[[*Ts], Awaitable[T]], *args: *Ts) -> T:
        """Runs an async function in a task of its own.

        Returns:
            What it returns.

        Raises:
            BaseException: what it raises.
            HangError: it did not end.
        """
        running = _Operation(lambda: operation(*args))
        assert self._nursery is not None
        self._nursery.start_soon(running.run)
        self._pump(lambda: running.result is not None)
        result = running.result
        if result is None or _is_cancelled(result):  # some other task has failed, or it hung
            self._pump(lambda: False)
            self._raise_end()
        assert result is not None
        return result.unwrap()

    def start(self, task: Callable[..., Awaitable[object]]) -> None:
        """Starts a task that lives on, and waits until it has called ``task_status.started()``."""

        async def start() -> None:
            assert self._nursery is not None
            try:
                await self._nursery.start(task)
            except ExceptionGroup as error:
                raise _only(error) from None

        self.run(start)

    def close(self) -> None:
        """Lets the tasks come to their end.

        Raises:
            BaseException: what a task that was started has raised.
            HangError: one did not end.
        """
        self._is_over.set()
        self._finish()

    def cancel(self) -> None:
        """Cancels all tasks; raises as ``close``."""
        if self._nursery is not None and self._end is None:
            self._nursery.cancel_scope.cancel()
        self._finish()

    def _finish(self) -> None:
        self._pump(lambda: False)
        self._scheduling.close()
        self._raise_end()

    async def _main(self) -> None:
        with self._watchdog.start():
            async with trio.open_nursery() as self._nursery:
                await self._is_over.wait()

    def _note_end(self, end: outcome.Outcome[None]) -> None:
        self._end = end

    def _raise_end(self) -> None:
        assert self._end is not None
        with self._watchdog.explaining():
            if isinstance(self._end, outcome.Error):
                raise _only(self._end.error)

    def _pump(self, is_enough: Callable[[], bool]) -> None:
        while self._end is None and not is_enough():
            self._callbacks.get()()


def _is_cancelled(result: outcome.Outcome[T]) -> bool:
    """Whether an operation was cancelled, which happens only when the run ends."""
    return isinstance(result, outcome.Error) and isinstance(result.error, trio.Cancelled)


def _only(error: BaseException) -> BaseException:
    """The error in groups of one."""
    if not isinstance(error, BaseExceptionGroup):
        return error
    group = cast("BaseExceptionGroup[BaseException]", error)
    first, *others = group.exceptions
    return group if others else _only(first)
