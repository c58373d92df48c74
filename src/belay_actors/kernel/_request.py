"""A request: one caller, parked, and what it wants an actor to do.

The caller's task is the envelope: it sleeps in ``Actor.ask`` from the moment the request is put
into the mailbox until somebody settles it. Settling is synchronous and cannot fail, so an actor
never waits for a caller, whatever became of it.
"""

import contextvars
from collections.abc import Awaitable, Callable, Hashable
from typing import TYPE_CHECKING, Generic, NoReturn, TypeVar

import attrs
import trio

if TYPE_CHECKING:
    from belay_actors.kernel._actor import Actor

T = TypeVar("T")
Operation = Callable[[], Awaitable[T]]
MakeError = Callable[[], Exception]


@attrs.define(eq=False)
class Request(Generic[T]):
    """One operation on its way through an actor.

    Attributes:
        operation: what the actor runs, in its own task, when the request's turn comes.
        actor: the actor it was sent to.
        lane: whose turn it uses up; requests of one lane are served first in, first out.
        is_urgent: served before all that are not; for the cleanup of what is ending.
        task: the caller's task.
        context: the caller's context variables, for tracing.
        deadline: the caller's effective deadline when it asked, on trio's clock.
        scope: what the operation runs in; cancelling it is how a running request is interrupted.
    """

    operation: Operation[T]
    actor: "Actor"
    lane: Hashable
    is_urgent: bool
    task: trio.lowlevel.Task
    context: contextvars.Context
    deadline: float
    scope: trio.CancelScope = attrs.field(factory=trio.CancelScope)
    is_settled: bool = False
    _result: list[T] = attrs.field(factory=list[T])
    _error: BaseException | None = None
    _raise_cancelled: Callable[[], NoReturn] | None = None
    _interruption: MakeError | None = None

    def cancel(self, raise_cancelled: Callable[[], NoReturn]) -> None:
        """Notes that the caller was cancelled while the operation ran, and interrupts it."""
        self._raise_cancelled = raise_cancelled
        self.scope.cancel()

    def interrupt(self, make_error: MakeError) -> None:
        """Interrupts the running operation; its caller gets ``make_error()``."""
        self._interruption = make_error
        self.scope.cancel()

    def succeed(self, result: T) -> None:
        """Settles the request with a result."""
        self._result.append(result)
        self._settle()

    def fail(self, error: BaseException) -> None:
        """Settles the request with an error."""
        self._error = error
        self._settle()

    def fail_interrupted(self, make_default: MakeError) -> None:
        """Settles the request after its operation was interrupted, whoever did it."""
        self.fail((self._interruption or make_default)())

    def _settle(self) -> None:
        self.is_settled = True
        trio.lowlevel.reschedule(self.task)

    def unwrap(self) -> T:
        """What the caller gets when it wakes: its own cancellation beats any news of ours."""
        if self._raise_cancelled is not None:
            self._raise_cancelled()
        if self._error is not None:
            raise self._error
        return self._result[0]
