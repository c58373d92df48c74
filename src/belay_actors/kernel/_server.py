"""Serving: one request of an actor at a time is run, and settled, whatever becomes of it.

It runs in one of two tasks. When the actor is asleep a caller serves its own request *directly*, in
its own task: nobody has to be woken up, which would cost more than all the rest of a short request.
Whoever asks meanwhile waits in the mailbox, and is served in the actor's task.

Every recovery is the actor's: nothing that happens to a caller, be it a cancellation or a
``KeyboardInterrupt``, can disturb it. A caller whose own operation was interrupted is parked until
the actor has recovered from it, as if it had been served there.
"""

import contextvars
import math
from collections.abc import Awaitable, Callable, Hashable
from contextlib import suppress
from typing import NoReturn, TypeVar, cast

import trio

from belay_actors.kernel._chain import Chain, extend_chain, reset_chain
from belay_actors.kernel._mailbox import AnyRequest, Mailbox
from belay_actors.kernel._recovery import Recovery
from belay_actors.kernel._request import MakeError, Request, UnsettledError
from belay_actors.kernel._rest import Rest

T = TypeVar("T")


class Server:
    """Serves what is in a mailbox, and what callers serve themselves.

    Args:
        mailbox: of the actor.
        recovery: after an interruption; it closes the mailbox if there is none.
        idle: runs when nobody has asked for a moment.
        make_closed: the error for those whom nobody else has told why the actor has ended.

    Attributes:
        running: the request that is being served, in whichever task.
        busy_since: when that began, on trio's clock.
        served: how many requests had a result.
        failed: how many had an error of their own.
        interrupted: how many were interrupted.
    """

    def __init__(
        self,
        mailbox: Mailbox,
        recovery: Recovery,
        idle: Callable[[], Awaitable[None]],
        make_closed: MakeError,
    ) -> None:
        self.running: AnyRequest | None = None
        self.busy_since = 0.0
        self.served = self.failed = self.interrupted = 0
        self._mailbox = mailbox
        self._recovery = recovery
        self._rest = Rest(idle)
        self._make_closed = make_closed
        self._after_settling: list[Callable[[], None]] = []
        self._to_recover: AnyRequest | None = None  # was served directly, and its caller is parked
        self._is_serving = False
        self._direct_has_ended: trio.Event | None = None
        self._context: contextvars.Context | None = None

    def wake(self) -> None:
        """Has the actor look into its mailbox when nothing is being served."""
        self._rest.wake()

    def after_settling(self, callback: Callable[[], None]) -> None:
        """Calls back at once, or when the running request has been settled."""
        if self.running is None:
            callback()
        else:
            self._after_settling.append(callback)

    def call(self, function: Callable[[], None]) -> None:
        """Calls a function in the actor's context: tasks started by it inherit no caller's."""
        if self._context is None or trio.lowlevel.current_task().context is self._context:
            function()
        else:
            self._context.run(function)

    # In the caller's task.

    def may_serve_directly(self, lane: Hashable, *, is_urgent: bool) -> bool:
        """Takes the actor's place for a request, if it is asleep; then it has to be served."""
        holds = self._mailbox.holds
        return (not holds or is_urgent or holds[0].lane == lane) and self._rest.replace()

    async def serve_directly(self, request: Request[T]) -> T:
        """Serves the caller's request, in its own task; ``may_serve_directly`` has allowed it.

        Raises, and may be cancelled, as ``Actor.ask``.
        """
        task = request.task
        done: tuple[T] | None = None
        chain = self._begin(cast(AnyRequest, request), task)
        task.custom_sleep_data = request  # trio takes it away as soon as the task has waited
        try:
            call = request.operation()
            with request.scope:
                done = (await call,)
        except UnsettledError as trouble:
            request.explain(trouble.make_error)
        except Exception:
            if not request.scope.cancel_called and not _is_cancelled():
                self.failed += 1
                self._end_direct()
                raise
        except BaseException:  # its own cancellation, or a KeyboardInterrupt
            with suppress(Exception):
                await self._have_recovered(request)  # noqa: ASYNC102  # it cannot be cancelled
            raise
        finally:
            reset_chain(chain)
        if done is None:
            await self._have_recovered(request)
        self.served += 1
        try:
            await trio.lowlevel.checkpoint_if_cancelled()
        finally:
            self._end_direct()
        if task.custom_sleep_data is request:  # others must have a turn, too
            await trio.lowlevel.cancel_shielded_checkpoint()
        return done[0]

    async def _have_recovered(self, request: Request[T]) -> NoReturn:
        """Waits until the actor has recovered from a request, and raises what comes of it."""
        if not self._is_serving:
            self.interrupted += 1
            self._end_direct()
            await trio.lowlevel.checkpoint_if_cancelled()
            raise request.make_interruption(self._make_closed)
        self._to_recover = self.running
        self._rest.wake()
        self._rest.end_replacement()
        await request.park(lambda _: False)
        raise AssertionError("it was settled with a result")

    def _end_direct(self) -> None:
        assert self.running is not None
        self.running.is_settled = True
        self.running = None
        self._rest.end_replacement()
        if self._after_settling:
            self.call(self._call_back)
        if self._direct_has_ended is not None:
            self._direct_has_ended.set()

    # In the actor's task.

    async def serve(self) -> None:
        """Serves until the mailbox is closed. Then nothing is running any more.

        Cancellation: what is running is interrupted, without recovery.
        """
        self._context = trio.lowlevel.current_task().context
        self._is_serving = True
        try:
            await self._serve_all()
        finally:
            self._is_serving = False
            self._rest.end()
            self._mailbox.close(self._make_closed)
            await self._end_last()  # noqa: ASYNC102  # shields itself

    async def _serve_all(self) -> None:
        while True:
            if self._to_recover is not None:
                await self._recover_for_direct(self._to_recover)
            elif request := self._mailbox.take():
                await self._serve_one(request)
            elif self._mailbox.is_closed:
                return
            else:
                await self._rest.rest()

    async def _serve_one(self, request: AnyRequest) -> None:
        chain = self._begin(request, trio.lowlevel.current_task())
        try:
            await self._run(request)
        finally:
            reset_chain(chain)
            self._end(request)

    async def _run(self, request: AnyRequest) -> None:
        try:
            call = request.operation()
            with request.scope:
                result = await call
                self.served += 1
                request.succeed(result)
                return
        except UnsettledError as trouble:
            request.explain(trouble.make_error)
        except Exception as error:
            if not request.scope.cancel_called:
                self.failed += 1
                request.fail(error)
                return
        await self._recover_for(request)

    async def _recover_for(self, request: AnyRequest) -> None:
        self.interrupted += 1
        broken = await self._recovery.run()
        request.fail(broken or request.make_interruption(self._make_closed))

    async def _recover_for_direct(self, request: AnyRequest) -> None:
        self._to_recover = None
        try:
            await self._recover_for(request)
        finally:
            self._end(request)

    async def _end_last(self) -> None:
        """Ends what callers are serving, or have left to be recovered from, without recovery."""
        if self._to_recover is not None:
            self.interrupted += 1
            self._end(self._to_recover)
        elif self.running is not None:
            self.running.scope.cancel()
            self._direct_has_ended = trio.Event()
            with trio.CancelScope(shield=True):
                await self._direct_has_ended.wait()

    def _end(self, request: AnyRequest) -> None:
        self.running = None
        if not request.is_settled:
            request.fail(request.make_interruption(self._make_closed))
        self._call_back()

    # In either.

    def _begin(self, request: AnyRequest, server: trio.lowlevel.Task) -> contextvars.Token[Chain]:
        request.server = server
        self.running = request
        self.busy_since = trio.current_time()
        return extend_chain(request)

    def _call_back(self) -> None:
        while self._after_settling:
            self._after_settling.pop(0)()


def _is_cancelled() -> bool:
    return trio.current_effective_deadline() == -math.inf
