"""A request: one caller, and what it wants an actor to do.

The caller's task is the envelope. Either it serves the request itself, or it is parked in
``Actor.ask`` until somebody has settled it. Settling is synchronous and cannot fail, so an actor
never waits for a caller, whatever became of it.
"""

import contextvars
from collections.abc import Awaitable, Callable, Hashable
from typing import TYPE_CHECKING, Generic, NoReturn, TypeVar

import trio

if TYPE_CHECKING:
    from belay_actors.kernel._actor import Actor

T = TypeVar("T")
Operation = Callable[[], Awaitable[T]]
"""Called, without any wait before, when its turn has come; what it returns is awaited then.

It may be a plain function that begins the work at once, and returns what waits for the end of it:
then the work has begun before it is made possible to interrupt it, which takes some microseconds.
"""
MakeError = Callable[[], Exception]


class UnsettledError(Exception):
    """Raised by an operation whose resource needs a recovery, as after an interruption.

    Args:
        make_error: makes, after the recovery, what the caller gets in its place.
    """

    def __init__(self, make_error: MakeError) -> None:
        super().__init__()
        self.make_error = make_error


class Request(Generic[T]):
    """One operation on its way through an actor.

    Args:
        operation: what is to be done when the request's turn has come.
        actor: the actor it was sent to.
        lane: whose turn it uses up; requests of one lane are served first in, first out.
        is_urgent: served before all that are not; for the cleanup of what is ending.
        task: the caller's task.
        chain: the requests that led to this one, outermost first.

    Attributes:
        scope: what the operation runs in; cancelling it is how a running request is interrupted.
        is_settled: whether it is known what came of it.
        server: the task that runs the operation; set when it begins.
    """

    __slots__ = (
        *("actor", "chain", "is_settled", "is_urgent", "lane", "operation", "scope", "server"),
        *("task", "_error", "_interruption", "_raise_cancelled", "_result"),
    )

    server: trio.lowlevel.Task
    _result: T

    def __init__(  # noqa: PLR0917  # made in one place, for every call
        self,
        operation: Operation[T],
        actor: "Actor",
        lane: Hashable,
        is_urgent: bool,
        task: trio.lowlevel.Task,
        chain: tuple["Request[object]", ...],
    ) -> None:
        self.operation = operation
        self.actor = actor
        self.lane = lane
        self.is_urgent = is_urgent
        self.task = task
        self.chain = chain
        self.scope = trio.CancelScope()
        self.is_settled = False
        self._error: BaseException | None = None
        self._raise_cancelled: Callable[[], NoReturn] | None = None
        self._interruption: MakeError | None = None

    @property
    def context(self) -> contextvars.Context:
        """The caller's context variables, for tracing."""
        return self.task.context

    async def park(self, withdraw: Callable[["Request[T]"], bool]) -> T:
        """Waits, in the caller's task, until the request is settled.

        Args:
            withdraw: takes it back if it has not begun, which it tells.

        Raises:
            BaseException: what came of it.

        Cancellation: the caller's own ``Cancelled`` beats any news of ours. Once it has begun, it
        is interrupted, and comes out when it is settled.
        """

        def abort(raise_cancelled: trio.lowlevel.RaiseCancelT) -> trio.lowlevel.Abort:
            if withdraw(self):
                return trio.lowlevel.Abort.SUCCEEDED
            self._raise_cancelled = raise_cancelled
            self.scope.cancel()
            return trio.lowlevel.Abort.FAILED

        await trio.lowlevel.wait_task_rescheduled(abort)
        if self._raise_cancelled is not None:
            self._raise_cancelled()
        if self._error is not None:
            raise self._error
        return self._result

    def interrupt(self, make_error: MakeError) -> None:
        """Interrupts the running operation; its caller gets ``make_error()``."""
        self._interruption = make_error
        self.scope.cancel()

    def explain(self, make_error: MakeError) -> None:
        """Has the caller get ``make_error()`` unless somebody has interrupted the operation."""
        self._interruption = self._interruption or make_error

    def make_interruption(self, make_default: MakeError) -> Exception:
        """Makes the error for a caller whose operation was recovered from."""
        return (self._interruption or make_default)()

    # Settling one whose caller is parked.

    def succeed(self, result: T) -> None:
        """Settles the request with a result."""
        self._result = result
        self._settle()

    def fail(self, error: BaseException) -> None:
        """Settles the request with an error."""
        self._error = error
        self._settle()

    def _settle(self) -> None:
        self.is_settled = True
        trio.lowlevel.reschedule(self.task)
