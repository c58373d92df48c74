"""The session: a supervisor that owns what was started or taken on a board, and gives it back.

A session lives in one task, in ``run_scope``: the caller's (``open_session``) or one that the
manager keeps for it (``create_session``). But its end is not bound to that task: whoever ends it,
the owner leaving the scope, a manager, a closing device, runs ``end`` in its own task, once, and
everybody else waits for that. So a device can close even if the session's own task is busy or
stuck.
"""

import contextvars
import enum
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import TypeVarTuple, cast

import trio

from belay_actors.device import (
    CodeRunner,
    Device,
    DeviceCapabilities,
    DroppedNamespace,
    Lease,
    LeaseBook,
    RecentText,
)
from belay_actors.errors import (
    BelayError,
    DeviceResetError,
    ResourceCleanupError,
    SessionClosedError,
    SessionFailedError,
    SessionTimeoutError,
)
from belay_actors.kernel import MakeError, open_body_nursery
from belay_actors.options import SessionManagementOptions
from belay_actors.session._report import SessionReport
from belay_actors.session._resources import ChildTask, ResourceTracker, make_cleanup_error
from belay_actors.values import Value

Ts = TypeVarTuple("Ts")

_logger = logging.getLogger("belay_actors.session")

# The session whose cleanup the running code is part of: its calls are let through while it ends.
_cleaning: contextvars.ContextVar["Session | None"] = contextvars.ContextVar(
    "belay_actors_cleaning", default=None
)


class SessionPhase(enum.Enum):
    """Where a session is in its life."""

    ACTIVE = "active"
    STOPPED = "stopped"
    ENDING = "ending"
    ENDED = "ended"


class Session(CodeRunner):
    """A scope of work on one board, with names of its own. Made by a manager.

    Any number of tasks may use it at once; their calls are served in the order in which they come,
    in fair turns with those of other sessions.

    Attributes:
        session_id: unique.
        device: that it is on.
        created_at: when it was opened (UTC).
        resources: what it holds.
    """

    def __init__(
        self,
        device: Device,
        session_id: str,
        options: SessionManagementOptions,
        on_ended: Callable[["Session"], None],
    ) -> None:
        self.session_id = session_id
        self.device = device
        self.created_at = datetime.now(UTC)
        self.resources = ResourceTracker(self._check_active, device.name, session_id)
        self._options = options
        self._on_ended = on_ended
        self._phase = SessionPhase.ACTIVE
        self._calls = 0
        self._output: RecentText | None = None
        self._body_scope = trio.CancelScope()
        self._nursery: trio.Nursery | None = None
        self._has_ended = trio.Event()
        self._make_refusal: MakeError = self._make_closed
        self._cleanup_error: ResourceCleanupError | None = None
        self._report: SessionReport | None = None
        self._seat = device.seat(self, session_id)

    def __repr__(self) -> str:
        return f"<Session {self.session_id} on {self.device.name} {self._phase.value}>"

    @property
    def is_active(self) -> bool:
        """Whether it takes calls."""
        return self._phase is SessionPhase.ACTIVE

    @property
    def capabilities(self) -> DeviceCapabilities:
        """What the board can do."""
        return self.device.capabilities

    @property
    def calls(self) -> int:
        """How many calls it has made, the running and waiting ones included."""
        return self._calls

    @property
    def background_output(self) -> str:
        """The newest 64 Ki characters that threads, timers and expressions of it printed."""
        return str(self._output or "")

    @property
    def report(self) -> SessionReport | None:
        """What it took and gave back; ``None`` until it has ended."""
        return self._report

    # Calls.

    async def _run(self, code: str, *, is_expression: bool) -> tuple[Value, str]:
        is_cleanup = self._phase is SessionPhase.ENDING and _cleaning.get() is self
        if not is_cleanup:
            self._check_active()
        self._calls += 1
        return await self.device.run_in(
            self._seat, code, is_expression=is_expression, is_urgent=is_cleanup
        )

    def _check_active(self) -> None:
        if self._phase is not SessionPhase.ACTIVE:
            raise self._refusal()

    def _keep_output(self, text: str) -> None:
        self.receive_output(text)

    def receive_output(self, text: str) -> None:
        """A thread or timer printed. Called by the device."""
        self._output = self._output or RecentText()
        self._output.add(text)

    # Hardware.

    async def lease(self, name: str, *, wait: bool = False) -> Lease:
        """Takes hardware of the board for this session: no other one can have it then.

        Args:
            name: of the hardware. Free text, compared exactly; the library's own resources write
                ``"pin:5"``, ``"timer:0"``, ``"i2c:0"``.
            wait: whether to wait until it is free, first in, first out. Sessions that hold one
                thing and wait for another can wait for each other for ever: take things in the
                same order everywhere, or put a time limit on it.

        Returns:
            The lease. It is given back by its ``release``, by leaving it as a ``with``, and when
            the session has ended.

        Raises:
            ResourceBusyError: another session holds it; only without ``wait``.
            DuplicateResourceError: this session holds it already, or waits for it.
            SessionError, DeviceError: the session is ending or has ended, perhaps while it waited.
            TypeError, ValueError: the name is no ``str``, or empty.

        Cancellation: the hardware is not taken.
        """
        LeaseBook.check_name(name)
        self._check_active()
        if wait:
            await self.device.leases.wait_for(name, self.session_id)
            self._check_active()  # else it is given back at the end, or has been
        else:
            await trio.lowlevel.checkpoint()
            self._check_active()
            self.device.leases.take(name, self.session_id)
        return Lease(name, self.session_id, self.device.leases)

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
        self._check_active()
        if self._nursery is None:
            raise RuntimeError("the session's scope has not been entered")
        child = ChildTask(name or str(getattr(task, "__qualname__", task)))
        self.resources.add_task(child)
        self._nursery.start_soon(self._run_child, child, lambda: task(*args), name=child.name)

    async def _run_child(self, child: ChildTask, task: Callable[[], Awaitable[object]]) -> None:
        try:
            with child.entered():
                await task()
        except Exception as error:
            if self.is_active or not self._is_refusal(error):
                raise
        finally:
            self.resources.discard_task(child)
            child.has_ended.set()

    def _is_refusal(self, error: BaseException) -> bool:
        """Whether an error only says that the session makes no calls any more."""
        if isinstance(error, BaseExceptionGroup):
            group = cast("BaseExceptionGroup[BaseException]", error)
            return all(map(self._is_refusal, group.exceptions))
        refusal = self._refusal()
        return (
            isinstance(error, type(refusal))
            and isinstance(error, BelayError)
            and error.session_id == self.session_id
        )

    def _refusal(self) -> Exception:
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
            if self._cleanup_error is not None:
                _logger.warning("%s was cancelled, and: %s", self, self._cleanup_error)
            raise
        except BaseException as error:
            self._note_cleanup(error)
            raise
        if self._body_scope.cancelled_caught:
            cause = self._refusal()
            self._note_cleanup(cause)
            raise cause
        if self._cleanup_error is not None:
            raise self._cleanup_error

    async def _leave(self) -> None:
        if self._body_scope.cancelled_caught and self._phase is SessionPhase.ACTIVE:
            self._make_refusal = self._make_timeout
        await self.end()

    def _make_child_failure(self, failures: BaseExceptionGroup[BaseException]) -> BaseException:
        if not isinstance(failures, ExceptionGroup):
            return failures  # a KeyboardInterrupt or the like is no failure of the session
        return SessionFailedError(
            "a child task of the session failed, and the session was ended; see the cause",
            is_recoverable=True,
            device=self.device.name,
            session_id=self.session_id,
        )

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
            self._refuse_waiting()

    def stop(self, make_error: MakeError) -> None:
        """As ``refuse``, and cancels the body, so that the owner ends the session."""
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

    @trio.lowlevel.enable_ki_protection
    async def end(self) -> None:
        """Ends the session if nobody else does, and waits until it has ended. Never raises."""
        if _cleaning.get() is self:  # asked by a resource that is being cleaned up
            await trio.lowlevel.checkpoint()
            return
        with trio.CancelScope(shield=True):
            if self._phase in (SessionPhase.ENDING, SessionPhase.ENDED):
                await self._has_ended.wait()
                return
            if self._phase is SessionPhase.STOPPED:
                self._body_scope.cancel()
            self._phase = SessionPhase.ENDING
            await self._give_back()

    async def wait_ended(self) -> None:
        """Waits until the session has ended, whoever ends it.

        Cancellation: harmless.
        """
        await self._has_ended.wait()

    async def _give_back(self) -> None:
        deadline = trio.current_time() + self._options.resource_cleanup_timeout
        failures: list[Exception] = []
        dropped = DroppedNamespace(0)
        token = _cleaning.set(self)
        try:
            self._refuse_waiting()
            failures += await self.resources.give_back(deadline, reserved=1)
            dropped = await self._drop(deadline, failures)
        finally:
            _cleaning.reset(token)
            # What failed only because the board was reset has nothing left to give back.
            left = [error for error in failures if not isinstance(error, DeviceResetError)]
            self._finish(left, dropped)

    def _refuse_waiting(self) -> None:
        """Ends the calls that run or wait, and the waits for hardware."""
        self.device.interrupt(self._seat, self._refusal)
        self.device.leases.refuse(self.session_id, self._refusal)

    async def _drop(self, deadline: float, failures: list[Exception]) -> DroppedNamespace:
        """Takes the namespace off the board, if the board has it; failures are appended."""
        if self._calls and self._seat.generation == self.device.generation:
            try:
                with trio.move_on_at(deadline):
                    return await self.device.drop(self._seat)
                raise TimeoutError("there was no time left for it")
            except Exception as error:
                error.add_note("The session's names could not be taken off the board.")
                failures.append(error)
        return DroppedNamespace(0)

    def _finish(self, left: list[Exception], dropped: DroppedNamespace) -> None:
        if left:
            self._cleanup_error = make_cleanup_error(left, self.device.name, self.session_id)
        self._report = SessionReport(
            session_id=self.session_id,
            device=self.device.name,
            created_at=self.created_at,
            calls=self._calls,
            resources_released=self.resources.released,
            names_dropped=dropped.names,
            modules_removed=dropped.modules_removed,
            modules_left=dropped.modules_left,
            left=tuple("; ".join([str(error), *error.__notes__]) for error in left),
        )
        self.device.unseat(self._seat)
        self.device.leases.release_all(self.session_id)
        self._phase = SessionPhase.ENDED
        self._on_ended(self)
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
