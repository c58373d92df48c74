"""The supervisor in a session: its nursery, its scope, who may end it, and what comes out of it.

A session lives in one task, in ``run_scope``: the caller's (``open_session``) or one that the
manager keeps for it (``create_session``). But its end is not bound to that task: whoever ends it,
the owner leaving the scope, a manager, a closing device, runs ``end`` in its own task, once, and
everybody else waits for that. So a device can close even if the session's own task is busy or
stuck. What is given back then, and how, is the session's part.
"""

import abc
import enum
import logging
import math
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AbstractContextManager, asynccontextmanager
from types import TracebackType
from typing import Self, TypeVarTuple, cast

import trio

from belay_actors.device import Device
from belay_actors.errors import (
    BelayError,
    ResourceCleanupError,
    SessionClosedError,
    SessionFailedError,
    SessionTimeoutError,
)
from belay_actors.kernel import MakeError, open_body_nursery
from belay_actors.options import SessionManagementOptions
from belay_actors.session._children import ChildTask
from belay_actors.session._current import cleaning, entered, is_in_cleanup
from belay_actors.session._holdings import Holdings, leave_runs

Ts = TypeVarTuple("Ts")

_logger = logging.getLogger("belay_actors.session")


class SessionPhase(enum.Enum):
    """Where a session is in its life."""

    ACTIVE = "active"
    STOPPED = "stopped"
    ENDING = "ending"
    ENDED = "ended"


class Supervisor(abc.ABC):
    """The life of a session.

    Attributes:
        session_id: unique.
        device: that it is on.
    """

    def __init__(self, device: Device, session_id: str, options: SessionManagementOptions) -> None:
        self.device = device
        self.session_id = session_id
        self._options = options
        self._holdings = Holdings()
        self._phase = SessionPhase.ACTIVE
        self._body_scope = trio.CancelScope()
        self._nursery: trio.Nursery | None = None
        self._has_ended = trio.Event()
        self._make_refusal: MakeError = self._make_closed
        self._is_abandoned = False
        self._cleanup_error: ResourceCleanupError | None = None
        self._entries: list[AbstractContextManager[None]] | None = None

    @property
    def is_active(self) -> bool:
        """Whether it takes calls."""
        return self._phase is SessionPhase.ACTIVE

    @property
    def is_ending(self) -> bool:
        """Whether what it holds is being given back."""
        return self._phase is SessionPhase.ENDING

    def check_active(self) -> None:
        """Raises what says that the session takes nothing in any more, if that is so."""
        if self._phase is not SessionPhase.ACTIVE:
            raise self.refusal()

    def _check_not_ended(self) -> None:
        if self._phase is SessionPhase.ENDED:
            raise self.refusal()

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
        if self._nursery is None:
            raise RuntimeError("the session's scope has not been entered")
        child = ChildTask(name or str(getattr(task, "__qualname__", task)))
        self._holdings.add(child, child)
        self._nursery.start_soon(self._run_child, child, lambda: task(*args), name=child.name)

    async def _run_child(self, child: ChildTask, task: Callable[[], Awaitable[object]]) -> None:
        try:
            leave_runs()
            with child.entered():
                await task()
        except Exception as error:
            if self.is_active or not self._is_refusal(error):
                raise
        finally:
            self._holdings.discard(child)
            child.has_ended.set()

    def _is_refusal(self, error: BaseException) -> bool:
        """Whether an error only says that the session makes no calls any more."""
        if isinstance(error, BaseExceptionGroup):
            group = cast("BaseExceptionGroup[BaseException]", error)
            return all(map(self._is_refusal, group.exceptions))
        refusal = self.refusal()
        return (
            isinstance(error, type(refusal))
            and isinstance(error, BelayError)
            and error.session_id == self.session_id
        )

    def refusal(self) -> Exception:
        """The error for those who ask for more calls, with this session's id."""
        error = self._make_refusal()
        if isinstance(error, BelayError) and error.session_id is None:
            error.session_id = self.session_id
        return error

    # The scope.

    @asynccontextmanager
    async def run_scope(self) -> AsyncGenerator[None, None]:
        """The session's life in a task; ``Manager.open_session`` tells what comes out of it."""
        self._body_scope.deadline = trio.current_time() + self._options.default_session_timeout
        try:
            async with open_body_nursery(self._leave, self._make_child_failure) as nursery:
                self._nursery = nursery
                with self._body_scope:
                    yield
        except trio.Cancelled:
            self._log_cleanup()
            raise
        except BaseException as error:
            self._note_cleanup(error)
            raise
        if self._body_scope.cancelled_caught:
            cause = self.refusal()
            self._note_cleanup(cause)
            raise cause
        if self._cleanup_error is not None:
            raise self._cleanup_error

    async def _leave(self) -> None:
        if self._body_scope.cancelled_caught and self._phase is SessionPhase.ACTIVE:
            self._make_refusal = self._make_timeout
        await self.end()
        for error in self._holdings.escaped:
            assert self._nursery is not None
            self._nursery.start_soon(_raise, error)

    def _make_child_failure(self, failures: BaseExceptionGroup[BaseException]) -> BaseException:
        if not isinstance(failures, ExceptionGroup):
            return failures  # a KeyboardInterrupt or the like is no failure of the session
        return SessionFailedError(
            "a child task of the session failed, and the session was ended; see the cause",
            is_recoverable=True,
            device=self.device.name,
            session_id=self.session_id,
        )

    def _log_cleanup(self) -> None:
        """Tells what was left where nobody else would, because the session was cancelled."""
        error, self._cleanup_error = self._cleanup_error, None
        if error is not None:
            about = {"session_id": self.session_id, "device": self.device.name}
            _logger.warning("%s was cancelled, and: %s", self, error, extra=about)

    def _note_cleanup(self, error: BaseException) -> None:
        if self._cleanup_error is not None:
            error.add_note(f"And when the session ended: {self._cleanup_error}")
            for left in self._cleanup_error.exceptions:
                error.add_note(f"  {left!r}")

    # The end.

    def refuse(self, make_error: MakeError) -> None:
        """Makes no more calls, and ends those that it has made; for others than its owner.

        Args:
            make_error: why; this is what calls, and then the scope, raise.
        """
        if self._phase is SessionPhase.ACTIVE:
            self._phase = SessionPhase.STOPPED
            self._make_refusal = make_error
            self._interrupt_calls()
            self._holdings.take_over()

    def stop(self, make_error: MakeError) -> None:
        """As ``refuse``, and cancels the body, so that the owner ends the session."""
        if self._phase in (SessionPhase.ENDING, SessionPhase.ENDED):
            return  # a body that ends its session itself goes on without it
        self.refuse(make_error)
        self._body_scope.cancel()

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
        if error is not None:
            raise error

    async def __aenter__(self) -> Self:
        await trio.lowlevel.checkpoint()
        self.check_active()
        entry = entered(self)
        entry.__enter__()
        self._entries = [*(self._entries or ()), entry]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._entries:
            self._entries.pop().__exit__(None, None, None)
        await self.end()
        if error is None:
            await self.aclose()
        elif isinstance(error, trio.Cancelled):
            self._log_cleanup()
        else:
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
                await self._has_ended.wait()
            return
        if self._phase is SessionPhase.STOPPED:
            self._body_scope.cancel()
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
        self._has_ended.set()

    def _make_closed(self) -> BelayError:
        return SessionClosedError(
            "the session has ended; open another one",
            device=self.device.name,
            session_id=self.session_id,
        )

    def _make_timeout(self) -> BelayError:
        return SessionTimeoutError(
            f"the session reached its age limit of {self._options.default_session_timeout} s and "
            "was ended",
            is_recoverable=True,
            device=self.device.name,
            session_id=self.session_id,
        )


async def _raise(error: BaseException) -> None:
    """Is a child that fails with what a cleanup has raised."""
    await trio.lowlevel.cancel_shielded_checkpoint()
    raise error
