"""The actor: one task that serves one request at a time, and settles each of them.

What it promises, whoever asks:

* A caller cancelled while it waits has not started.
* A caller cancelled while its operation runs stays parked until the operation is over and
  ``recover`` has run; only then does it get its ``Cancelled``. So when ``ask`` returns, raises or
  is cancelled, the actor is ready for the next request, or it has ended.
* An error of an operation goes to its caller, and the actor lives. An actor that cannot recover in
  its grace ends, and everyone who waits is told.
* Interrupt, stop and kill do not queue: they are cancellations, not messages.
* Who waits for a hold waits as everybody, and has it when its turn has come. It ends with its
  scope, or with an interrupt of its lane, whichever is first.
"""

import contextvars
import copy
from collections.abc import AsyncGenerator, Awaitable, Callable, Hashable
from contextlib import asynccontextmanager
from typing import TypeVar, cast

import attrs
import trio

from belay_actors.errors import ActorClosedError, WouldDeadlock
from belay_actors.kernel._hold import Hold
from belay_actors.kernel._mailbox import AnyRequest, Mailbox
from belay_actors.kernel._request import MakeError, Operation, Request
from belay_actors.kernel._rest import Rest

T = TypeVar("T")

# The requests that led to the running code, outermost first: who asks an actor from inside of an
# operation that the same actor is running would wait for itself.
_call_chain: contextvars.ContextVar[tuple[AnyRequest, ...]] = contextvars.ContextVar(
    "belay_actors_call_chain", default=()
)


@attrs.frozen
class ActorStatistics:
    """Counts since the actor was made, how many callers wait now, and how long one has run.

    While it is held, callers of other lanes wait although it is not busy.
    """

    served: int
    failed: int
    interrupted: int
    waiting: int
    is_busy: bool
    busy_seconds: float = 0.0
    is_held: bool = False


class Actor:
    """Serves requests one after the other in the task that runs ``serve``.

    Args:
        name: for messages.
        recover: brings the actor's resource back into a known state after an operation was
            interrupted; raises if it cannot.
        grace: seconds that ``recover`` may take.
        make_unrecovered: the error that everyone gets when the grace is used up.
        make_closed: the error for those whom nobody else has told why the actor has ended.
        idle: runs when nobody has asked for a moment, and is cancelled when somebody does. The
            default only waits.
    """

    def __init__(
        self,
        name: str,
        *,
        recover: Callable[[], Awaitable[None]],
        grace: float,
        make_unrecovered: MakeError,
        make_closed: MakeError | None = None,
        idle: Callable[[], Awaitable[None]] = trio.sleep_forever,
    ) -> None:
        self.name = name
        self._recover = recover
        self._grace = grace
        self._make_unrecovered = make_unrecovered
        self._make_closed = make_closed or self._make_ended
        self._rest = Rest(idle)
        self._mailbox = Mailbox()
        self._running: AnyRequest | None = None
        self._busy_since = 0.0
        self._after_settling: list[Callable[[], None]] = []
        self._life = trio.CancelScope()
        self._token = trio.lowlevel.current_trio_token()
        self._served = self._failed = self._interrupted = 0

    def statistics(self) -> ActorStatistics:
        """A snapshot of the counters; costs nothing on the actor's side."""
        return ActorStatistics(
            served=self._served,
            failed=self._failed,
            interrupted=self._interrupted,
            waiting=len(self._mailbox),
            is_busy=self._running is not None,
            busy_seconds=trio.current_time() - self._busy_since if self._running else 0.0,
            is_held=bool(self._mailbox.holds),
        )

    @property
    def is_closed(self) -> bool:
        """Whether requests are refused."""
        return self._mailbox.is_closed

    @trio.lowlevel.enable_ki_protection
    async def ask(
        self, operation: Operation[T], *, lane: Hashable = None, is_urgent: bool = False
    ) -> T:
        """Has the actor run an operation, and waits for what comes of it.

        Args:
            operation: called and awaited in the actor's task.
            lane: whose turn it is; see ``Mailbox``.
            is_urgent: go before everything that is not.

        Returns:
            The operation's result.

        Raises:
            WouldDeadlock: the actor itself is waiting for the calling code, or the calling task
                has a hold of another lane, so that this request could never be served.
            Exception: the operation's own error, or the one that the actor was closed with.

        Cancellation: while waiting, the operation has not started and never will. While it runs,
        it is interrupted and recovered from before ``Cancelled`` is raised here. Protected from
        ``KeyboardInterrupt``, which goes to another task.
        """
        await trio.lowlevel.checkpoint_if_cancelled()
        self._refuse_foreigner()
        self._refuse_deadlock()
        if self._mailbox.holds and not is_urgent:
            self._refuse_own_hold(lane)
        request = Request(
            operation=operation,
            actor=self,
            lane=lane,
            is_urgent=is_urgent,
            task=trio.lowlevel.current_task(),
            context=contextvars.copy_context(),
            deadline=trio.current_effective_deadline(),
        )
        entry = cast(AnyRequest, request)
        self._mailbox.put(entry)
        self._rest.wake()

        def abort(raise_cancelled: trio.lowlevel.RaiseCancelT) -> trio.lowlevel.Abort:
            if self._mailbox.withdraw(entry):
                return trio.lowlevel.Abort.SUCCEEDED
            request.cancel(raise_cancelled)
            return trio.lowlevel.Abort.FAILED

        await trio.lowlevel.wait_task_rescheduled(abort)
        return request.unwrap()

    def _refuse_foreigner(self) -> None:
        if self._token is not trio.lowlevel.current_trio_token():
            raise RuntimeError(
                f"{self.name} lives in another trio.run; from another thread, go through "
                "trio.from_thread.run"
            )

    def _refuse_deadlock(self) -> None:
        for request in _call_chain.get():
            if request.actor is self and not request.is_settled:
                raise WouldDeadlock(
                    f"{self.name} was asked by code that it is itself waiting for; "
                    "make that call after the outer one has returned"
                )

    def _refuse_own_hold(self, lane: Hashable) -> None:
        task = trio.lowlevel.current_task()
        if any(hold.lane != lane and hold.task is task for hold in self._mailbox.holds):
            raise WouldDeadlock(
                f"{self.name} is held by the calling task, for another lane than it asks in; make "
                "that call after the hold has ended"
            )

    @asynccontextmanager
    @trio.lowlevel.enable_ki_protection
    async def held(self, lane: Hashable, *, is_urgent: bool = False) -> AsyncGenerator[None, None]:
        """Serves one lane alone, but for urgent requests, until the scope is left.

        Waiting for that takes the lane's turn, as any request does. Holds of one lane may overlap;
        others are served again when the last one has ended.

        Args:
            lane: that is served.
            is_urgent: do not wait for others that have a hold: go on without one.

        Raises:
            WouldDeadlock, Exception: as ``ask``.

        Cancellation: while waiting, nothing is held, and nothing will be.
        """
        hold = Hold(lane, trio.lowlevel.current_task())

        async def take() -> None:  # noqa: ASYNC124  # an operation is awaited
            self._mailbox.hold(hold)

        try:
            await self.ask(take, lane=lane, is_urgent=is_urgent)
            yield
        finally:
            self._mailbox.release(hold)
            self._wake_for_others()

    def release_holds(self, lane: Hashable) -> None:
        """Ends all holds of one lane, whoever has them."""
        self._mailbox.release_all(lane)
        self._wake_for_others()

    def _wake_for_others(self) -> None:
        if len(self._mailbox):
            self._rest.wake()

    def interrupt(self, make_error: MakeError, *, lane: Hashable) -> None:
        """Ends all requests of one lane: those that wait now, the running one when recovered.

        Its holds end, too.
        """
        self._mailbox.refuse(make_error, lane)
        self.release_holds(lane)
        if self._running is not None and self._running.lane == lane:
            self.interrupt_running(make_error)

    def interrupt_running(self, make_error: MakeError) -> None:
        """Ends the running request, whoever sent it, when recovered."""
        if self._running is not None:
            self._running.interrupt(make_error)

    def after_settling(self, callback: Callable[[], None]) -> None:
        """Calls back at once, or when the running request has been settled.

        What an operation learns may concern others, but its own caller is to hear of it first.
        """
        if self._running is None:
            callback()
        else:
            self._after_settling.append(callback)

    def stop(self, make_error: MakeError) -> None:
        """Takes no more requests and tells those that wait; the running one is finished first."""
        self._mailbox.close(make_error)
        self._rest.wake()

    def kill(self, make_error: MakeError) -> None:
        """Ends the actor now, without recovery; its running request gets the error, too."""
        self._mailbox.close(make_error)
        self.interrupt_running(make_error)
        self._life.cancel()

    @trio.lowlevel.enable_ki_protection
    async def serve(self) -> None:
        """Serves until stopped, killed or cancelled, or until it cannot recover. Run it once.

        Cancellation: like ``kill``. Protected from ``KeyboardInterrupt``, which goes to another
        task.
        """
        with self._life:
            try:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._rest.watch)
                    await self._serve_all()
                    nursery.cancel_scope.cancel()
            finally:
                self._mailbox.close(self._make_closed)

    def _make_ended(self) -> Exception:
        return ActorClosedError(f"{self.name} has ended")

    async def _serve_all(self) -> None:
        while (request := self._mailbox.take()) or not self._mailbox.is_closed:
            if request is not None:
                await self._serve_one(request)
            else:
                await self._rest.rest()

    async def _serve_one(self, request: AnyRequest) -> None:
        self._running = request
        self._busy_since = trio.current_time()
        chain = _call_chain.set((*request.context.get(_call_chain, ()), request))
        try:
            await self._run(request)
        finally:
            _call_chain.reset(chain)
            self._running = None
            if not request.is_settled:
                request.fail_interrupted(self._make_closed)
            while self._after_settling:
                self._after_settling.pop(0)()

    async def _run(self, request: AnyRequest) -> None:
        error: Exception | None = None
        try:
            with request.scope:
                result = await request.operation()
                self._served += 1
                request.succeed(result)
                return
        except Exception as raised:
            error = raised
        if error is not None and not request.scope.cancel_called:
            self._failed += 1
            request.fail(error)
            return
        self._interrupted += 1
        broken = await self._recovered()
        if broken is None:
            request.fail_interrupted(self._make_closed)
        else:
            request.fail(broken)

    async def _recovered(self) -> Exception | None:
        """Recovers within the grace; what it returns has ended the actor."""
        try:
            with trio.move_on_after(self._grace):
                await self._recover()
                return None
        except Exception as error:
            broken = error
            self._mailbox.close(lambda: self._copy(broken))
            return broken
        self._mailbox.close(self._make_unrecovered)
        return self._make_unrecovered()

    def _copy(self, error: Exception) -> Exception:
        """The error again, for another caller: each has a traceback of its own."""
        try:
            return copy.copy(error)
        except Exception:  # an exception may want other arguments than it shows
            replacement = self._make_unrecovered()
            replacement.__cause__ = error
            return replacement
