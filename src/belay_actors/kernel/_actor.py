"""The actor: serves one request at a time, and settles each of them.

What it promises, whoever asks:

* A caller cancelled while it waits has not started.
* A caller cancelled while its operation runs stays parked until the operation is over and
  ``recover`` has run; only then does it get its ``Cancelled``. So when ``ask`` returns, raises or
  is cancelled, the actor is ready for the next request, or it has ended.
* An error of an operation goes to its caller, and the actor lives. With ``UnsettledError`` it
  recovers before. An actor that cannot recover in its grace ends, and everyone who waits is told.
* Interrupt, stop and kill do not queue: they are cancellations, not messages.
* Who waits for a hold waits as everybody, and has it when its turn has come. It ends with its
  scope, or with an interrupt of its lane, whichever is first.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable, Hashable, Sequence
from contextlib import asynccontextmanager
from typing import TypeVar, cast

import attrs
import trio

from belay_actors.errors import ActorClosedError, WouldDeadlock
from belay_actors.kernel._chain import current_chain
from belay_actors.kernel._hold import Hold
from belay_actors.kernel._mailbox import AnyRequest, Mailbox
from belay_actors.kernel._recovery import Recovery
from belay_actors.kernel._request import MakeError, Operation, Request
from belay_actors.kernel._server import Server

T = TypeVar("T")


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
    """Serves requests one after the other, as long as ``serve`` runs.

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
        self._mailbox = Mailbox()
        self._server = Server(
            self._mailbox,
            Recovery(recover, grace, make_unrecovered, self._mailbox.close),
            idle,
            make_closed or self._make_ended,
        )
        self._life = trio.CancelScope()
        self._token = trio.lowlevel.current_trio_token()

    def statistics(self) -> ActorStatistics:
        """A snapshot of the counters; costs nothing on the actor's side."""
        server = self._server
        return ActorStatistics(
            served=server.served,
            failed=server.failed,
            interrupted=server.interrupted,
            waiting=len(self._mailbox),
            is_busy=server.running is not None,
            busy_seconds=trio.current_time() - server.busy_since if server.running else 0.0,
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
            operation: called and awaited, in the calling task or in the actor's.
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
        ``KeyboardInterrupt``; one that trio raises where the task waits is as a cancellation.
        """
        await trio.lowlevel.checkpoint_if_cancelled()
        self._refuse_foreigner()
        chain = current_chain()
        if chain:
            self._refuse_deadlock(chain)
        if self._mailbox.holds and not is_urgent:
            self._refuse_own_hold(lane)
        task = trio.lowlevel.current_task()
        request = Request(operation, self, lane, is_urgent, task, chain)
        if self._server.may_serve_directly(lane, is_urgent=is_urgent):
            return await self._server.serve_directly(request)
        self._mailbox.put(cast(AnyRequest, request))
        self._server.wake()
        return await request.park(self._withdraw)

    def _withdraw(self, request: Request[T]) -> bool:
        return self._mailbox.withdraw(cast(AnyRequest, request))

    def _refuse_foreigner(self) -> None:
        if self._token is not trio.lowlevel.current_trio_token():
            raise RuntimeError(
                f"{self.name} lives in another trio.run; from another thread, go through "
                "trio.from_thread.run"
            )

    def _refuse_deadlock(self, chain: Sequence[AnyRequest]) -> None:
        for request in chain:
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
        others are served again when the last one has ended. An interrupt of the lane ends them,
        also one that has been given, and its body has not begun yet.

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
            self._server.wake()

    def interrupt(self, make_error: MakeError, *, lane: Hashable) -> None:
        """Ends all requests of one lane: those that wait now, the running one when recovered.

        Its holds end, too.
        """
        self._mailbox.refuse(make_error, lane)
        self.release_holds(lane)
        running = self._server.running
        if running is not None and running.lane == lane:
            running.interrupt(make_error)

    def interrupt_running(self, make_error: MakeError) -> None:
        """Ends the running request, whoever sent it, when recovered."""
        if self._server.running is not None:
            self._server.running.interrupt(make_error)

    def after_settling(self, callback: Callable[[], None]) -> None:
        """Calls back at once, or when the running request has been settled.

        What an operation learns may concern others, but its own caller is to hear of it first.
        """
        self._server.after_settling(callback)

    def stop(self, make_error: MakeError) -> None:
        """Takes no more requests and tells those that wait; the running one is finished first."""
        self._mailbox.close(make_error)
        self._server.wake()

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
            await self._server.serve()

    def _make_ended(self) -> Exception:
        return ActorClosedError(f"{self.name} has ended")
