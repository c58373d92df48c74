"""The supervisor in a session: its nursery, its scope, who may end it, and what comes out of it.

A session lives in the scope that its owner is in (``open_session``), or with a keeper, which is its
manager (``create_session``). But its end is not bound to a task: whoever ends it,
the owner leaving the scope, a manager, a closing device, runs ``end`` in its own task, once, and
everybody else waits for that. So a device can close even if the session's own task is busy or
stuck. What is given back then, and how, is the session's part.
"""

import abc
import contextvars
import logging
import math
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Protocol, Self, TypeVarTuple

import trio

from belay_actors.device import Device
from belay_actors.errors import (
    ResourceCleanupError,
    SessionFailedError,
)
from belay_actors.kernel import MakeError, open_body_nursery
from belay_actors.options import SessionManagementOptions
from belay_actors.session._children import ChildTask
from belay_actors.session._current import cleaning, enter, is_in_cleanup, leave
from belay_actors.session._holdings import Holdings, leave_runs
from belay_actors.session._life import Life, SessionPhase

Ts = TypeVarTuple("Ts")

_logger = logging.getLogger("belay_actors.session")


class Keeper(Protocol):
    """What a session without a scope needs of whoever keeps it."""

    def end_soon(self, session: "Supervisor") -> None:
        """Ends a session in a task of its own."""

    def open_scope(self, session: "Supervisor") -> None:
        """Gives a session a task that runs its scope."""


class Supervisor(Life, abc.ABC):
    """Keeps a session's tasks together, and ends it.

    Attributes:
        session_id: unique.
        device: that it is on.
    """

    __slots__ = (
        "__weakref__",
        "_body_scope",
        "_early_children",
        "_has_ended",
        "_holdings",
        "_is_abandoned",
        "_keeper",
        "_nursery",
        "_spares_body",
    )

    def __init__(self, device: Device, session_id: str, options: SessionManagementOptions) -> None:
        super().__init__(device, session_id, options)
        self._holdings = Holdings()
        self._keeper: Keeper | None = None
        self._spares_body = self._is_abandoned = False
        # Made when they are needed, to keep idle sessions small.
        self._body_scope: trio.CancelScope | None = None
        self._nursery: trio.Nursery | None = None
        self._early_children: list[Callable[[trio.Nursery], None]] | None = None
        self._has_ended: trio.Event | None = None

    def keep_by(self, keeper: Keeper) -> None:
        """Has somebody keep it who ends it, since it has no scope. Once, when it was opened."""
        self._keeper = keeper

    # Child tasks.

    def start_soon(
        self,
        task: Callable[[*Ts], Awaitable[object]],
        *args: *Ts,
        name: str | None = None,
    ) -> None:
        """Starts a task that belongs to the session.

        When the session ends, the task is cancelled in its turn among the resources: before those
        that were registered earlier, after those that came later. If it fails, the session fails.

        Args:
            task: an async function.
            args: its arguments.
            name: for messages; by default the function's own.

        Raises:
            SessionError: the session is ending or has ended.
        """
        self.check_active()
        child = ChildTask(name or str(getattr(task, "__qualname__", task)))
        self._holdings.add(child, child)

        def start(nursery: trio.Nursery) -> None:
            nursery.start_soon(self._run_child, child, lambda: task(*args), name=child.name)

        if self._nursery is not None:
            start(self._nursery)
        else:
            context = contextvars.copy_context()
            self._start_early(lambda nursery: context.run(start, nursery))

    def _start_early(self, start: Callable[[trio.Nursery], None]) -> None:
        """Starts a child of a session that has no nursery yet, as soon as it has."""
        if self._early_children is not None:
            self._early_children.append(start)
            return
        self._early_children = [start]
        assert self._keeper is not None, "a session has a scope or a keeper"
        self._keeper.open_scope(self)

    def _start_waiting(self, nursery: trio.Nursery) -> None:
        """Starts the children that had to wait for a nursery; nothing holds their contexts then."""
        early, self._early_children = self._early_children, None
        for start in early or ():
            start(nursery)

    async def _run_child(self, child: ChildTask, task: Callable[[], Awaitable[object]]) -> None:
        try:
            leave_runs()
            with child.entered():
                await task()
        except Exception as error:
            if self.is_active or not self._is_refusal(error):
                self._set_left_by(SessionFailedError)
                raise
        finally:
            self._holdings.discard(child)
            child.has_ended.set()

    # The scope.

    @asynccontextmanager
    async def run_scope(self) -> AsyncGenerator[None, None]:
        """The session's life in a task; ``Manager.open_session`` tells what comes out of it."""
        self._body_scope = body_scope = trio.CancelScope()
        if self._keeper is None:
            body_scope.deadline = self._opened_at + self._options.default_session_timeout
        try:
            async with open_body_nursery(self._leave, self._make_child_failure) as nursery:
                self._nursery = nursery
                self._start_waiting(nursery)
                with body_scope:
                    try:
                        yield
                    except BaseException as error:
                        self._set_left_by(type(error))
                        raise
        except trio.Cancelled:
            self._log_cleanup()
            raise
        except BaseException as error:
            self._note_cleanup(error)
            raise
        if body_scope.cancelled_caught:
            cause = self.refusal()
            self._note_cleanup(cause)
            raise cause
        if self._cleanup_error is not None:
            raise self._cleanup_error

    async def _leave(self) -> None:
        assert self._body_scope is not None
        if self._body_scope.cancelled_caught and self._phase is SessionPhase.ACTIVE:
            self._make_refusal = self._make_timeout
        await self.end()
        for error in self._holdings.escaped:
            assert self._nursery is not None
            self._nursery.start_soon(_raise, error)

    # The end.

    def refuse(self, make_error: MakeError, *, spares_body: bool = False) -> None:
        """Makes no more calls, and ends those that it has made; for others than its owner.

        Args:
            make_error: why; this is what calls, and then the scope, raise.
            spares_body: whether the body goes on, without its session, and its scope raises
                nothing for that.
        """
        if self._phase is SessionPhase.ACTIVE:
            self._phase = SessionPhase.STOPPED
            self._spares_body = spares_body
            self._make_refusal = make_error
            self._interrupt_calls()
            self._holdings.take_over()

    def stop(self, make_error: MakeError) -> None:
        """As ``refuse``, and cancels the body, so that the owner ends the session."""
        if self._phase in (SessionPhase.ENDING, SessionPhase.ENDED):
            return  # a body that ends its session itself goes on without it
        self.refuse(make_error)
        if self._body_scope is not None:
            self._body_scope.cancel()
        elif self._keeper is not None:
            self._keeper.end_soon(self)

    def expire(self) -> None:
        """As ``stop``, because the session is too old."""
        if self._phase is SessionPhase.ACTIVE:
            self.stop(self._make_timeout)

    async def aclose(self) -> None:
        """Ends the session now: gives back what it holds and takes its names off the board.

        Calls that run are interrupted, and their callers get ``SessionClosedError``. A body goes
        on, without its session. Does nothing if the session has ended.

        Raises:
            ResourceCleanupError: not everything could be given back; it says what.

        Cancellation: shielded, and bounded by ``resource_cleanup_timeout``.
        """
        await self.end()
        error, self._cleanup_error = self._cleanup_error, None
        if self._nursery is None and self._holdings.escaped:  # no scope will raise it
            escaped, self._holdings.escaped = self._holdings.escaped, ()
            raise BaseExceptionGroup(f"{self!r}: {error}", escaped)
        if error is not None:
            raise error

    async def __aenter__(self) -> Self:
        # Without a cancellation: nobody would end what could not be entered.
        await trio.lowlevel.cancel_shielded_checkpoint()
        self.check_active()
        enter(self)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        leave(self)
        if error is None:
            await self.aclose()
            return
        self._set_left_by(type(error))
        await self.end()  # noqa: ASYNC102  # shields itself
        if isinstance(error, trio.Cancelled):
            self._log_cleanup()
        self._note_cleanup(error)
        self._cleanup_error = None

    def abandon(self) -> None:
        """Has the end skip what takes time, also if it has begun. What that leaves is told."""
        self._is_abandoned = True

    @trio.lowlevel.enable_ki_protection
    async def end(self) -> None:
        """Ends the session if nobody else does, and waits until it has ended. Never fails.

        Cancellation: shielded; but where it is part of another session's cleanup, that one's budget
        bounds it, too, so that two sessions cannot wait for each other for ever.
        """
        if is_in_cleanup(self):  # asked by something that is being given back
            await trio.lowlevel.checkpoint()
            return
        if self._phase in (SessionPhase.ENDING, SessionPhase.ENDED):
            with trio.CancelScope(shield=not is_in_cleanup()):
                await self.wait_ended()
            return
        is_stopped = self._phase is SessionPhase.STOPPED and not self._spares_body
        if is_stopped and self._body_scope is not None:
            self._body_scope.cancel()
        if self._body_scope is not None:
            self._body_scope.deadline = math.inf  # only a session has an age limit
        self._phase = SessionPhase.ENDING
        budget = self._options.resource_cleanup_timeout
        if is_in_cleanup():
            budget = min(budget, max(trio.current_effective_deadline() - trio.current_time(), 0))
        with trio.CancelScope(shield=True), cleaning(self):
            await self._give_back(budget)

    async def wait_ended(self) -> None:
        """Waits until the session has ended, whoever ends it.

        Cancellation: harmless.
        """
        if self._phase is SessionPhase.ENDED:
            await trio.lowlevel.checkpoint()
            return
        if self._has_ended is None:
            self._has_ended = trio.Event()
        await self._has_ended.wait()

    # What it is that ends.

    @abc.abstractmethod
    def _interrupt_calls(self) -> None:
        """Ends the calls that wait or run, and what else of the session waits."""

    @abc.abstractmethod
    async def _give_back(self, budget: float) -> None:
        """Gives everything back in that many seconds, and calls ``_set_ended``."""

    def _set_ended(self, cleanup_error: ResourceCleanupError | None) -> None:
        """Nothing more can be given back; lets go those who wait for that."""
        self._cleanup_error = cleanup_error
        self._phase = SessionPhase.ENDED
        if self._has_ended is not None:
            self._has_ended.set()


async def _raise(error: BaseException) -> None:
    """Is a child that fails with what a cleanup has raised."""
    await trio.lowlevel.cancel_shielded_checkpoint()
    raise error
