"""The manager: which sessions exist, on which devices, and that all of them end."""

import enum
import functools
import logging
import secrets
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

import attrs
import trio

from belay_actors.device import Device
from belay_actors.errors import (
    BelayError,
    ResourceCleanupError,
    SessionClosedError,
    SessionLimitError,
    SessionNotFoundError,
)
from belay_actors.kernel import open_body_nursery
from belay_actors.manager._current import current_sessions, entered, is_inside
from belay_actors.options import SessionManagementOptions
from belay_actors.session import Session

T = TypeVar("T")

_logger = logging.getLogger("belay_actors.manager")


class DeviceSessionState(enum.Enum):
    """Where a manager is in its life: inactive until its first session, disposed at the end."""

    INACTIVE = "inactive"
    ACTIVE = "active"
    SHUTDOWN = "shutdown"
    DISPOSED = "disposed"


@attrs.frozen
class SessionStats:
    """A manager's sessions in numbers.

    Attributes:
        active_session_count: how many are open now, those that are ending included.
        total_session_count: how many were ever opened.
        max_session_count: the limit.
        peak_session_count: the most that were ever open at once.
    """

    active_session_count: int
    total_session_count: int
    max_session_count: int
    peak_session_count: int


class DeviceSessionManager:
    """Opens sessions on any number of devices, and ends them. Made by ``open_session_manager``.

    Attributes:
        options: that hold for its sessions.
    """

    def __init__(self, options: SessionManagementOptions) -> None:
        self.options = options
        self._state = DeviceSessionState.INACTIVE
        self._sessions: dict[str, Session] = {}
        self._shared: dict[Device, Session] = {}
        self._shared_lock = trio.Lock()
        self._total = self._peak = 0
        self._nursery: trio.Nursery
        self._held: set[Session] = set()
        self._left: list[ResourceCleanupError] = []

    @property
    def state(self) -> DeviceSessionState:
        """Where the manager is in its life."""
        return self._state

    @property
    def current_session_id(self) -> str | None:
        """Id of this manager's session in whose scope the calling task runs; the innermost."""
        mine = (session.session_id for session in current_sessions() if self._owns(session))
        return next(mine, None)

    def get_session_stats(self) -> SessionStats:
        """Returns the present numbers."""
        return SessionStats(
            active_session_count=len(self._sessions),
            total_session_count=self._total,
            max_session_count=self.options.max_concurrent_sessions,
            peak_session_count=self._peak,
        )

    @asynccontextmanager
    async def open_session(self, device: Device) -> AsyncGenerator[Session, None]:
        """Opens a session for the body, and gives everything back when it is left.

        Args:
            device: that the session is on. Nothing is sent until the first call.

        Yields:
            The session.

        Raises:
            SessionClosedError: the manager is shut down; or somebody else ended the session while
                the body ran, which was cancelled for that.
            SessionLimitError: ``max_concurrent_sessions`` are open.
            SessionTimeoutError: the body took longer than ``default_session_timeout``.
            SessionFailedError: a child task failed; the cause is the group of all that did.
            DeviceError: the device is closed or lost, or its board was reset while the body ran.
            ResourceCleanupError: all went well, but not everything could be given back.

            An error of the body comes out as it is; what went wrong at the same time, in children
            or cleanup, is told in its notes.

        Cancellation: the session is ended as on any error, shielded, within
        ``resource_cleanup_timeout``; then ``Cancelled`` goes on.
        """
        session = self._make_session(device)
        with entered(session):
            async with session.run_scope():
                yield session

    async def create_session(self, device: Device) -> Session:
        """Opens a session that lives until it is ended, or until the manager is left.

        Use ``open_session`` where you can: it cannot be forgotten.

        Raises:
            SessionClosedError, SessionLimitError, DeviceError: as for ``open_session``.

        Cancellation: the session is ended.
        """
        session = self._make_session(device)
        await self._nursery.start(self._hold, session)
        try:
            # Where the manager is cancelled, too, the session may have ended before we see it.
            await trio.lowlevel.checkpoint_if_cancelled()
        except trio.Cancelled:
            await session.end()  # noqa: ASYNC102  # shields itself
            raise
        return session

    async def get_or_create_session(self, device: Device) -> Session:
        """Returns the shared session of a device; it is created once, however many tasks ask.

        Raises, cancellation: as for ``create_session``.
        """
        async with self._shared_lock:
            session = self._shared.get(device)
            if session is None or not session.is_active:
                session = self._shared[device] = await self.create_session(device)
            return session

    async def end_session(self, session_id: str) -> None:
        """Ends a session: interrupts what runs, and gives everything back.

        If its body is running, and the caller is not inside of it, the body is cancelled and its
        scope raises ``SessionClosedError``.

        Raises:
            SessionNotFoundError: no session of that id is open.
            ResourceCleanupError: not everything could be given back.

        Cancellation: shielded, and bounded by ``resource_cleanup_timeout``.
        """
        session = self._sessions.get(session_id)
        if session is None:
            raise SessionNotFoundError(
                f"this manager has no open session {session_id!r}; it may have ended",
                session_id=session_id,
            )
        if not is_inside(session):
            session.stop(functools.partial(self._make_ended, session))
        await session.aclose()

    async def execute_in_session(
        self, device: Device, operation: Callable[[Session], Awaitable[T]]
    ) -> T:
        """Runs an async function in a session of its own, or in the one that it is in already.

        Args:
            device: that the session is to be on.
            operation: called with the session. A call inside of a session of this manager on the
                same device joins that session, and leaves it open.

        Returns:
            The operation's result.

        Raises:
            ResourceCleanupError: the operation succeeded, but not everything could be given back;
                its ``result`` is the operation's.
            BaseException: the operation's own error, and all that ``open_session`` raises.

        Cancellation: as for ``open_session``.
        """
        for session in current_sessions():
            if session.device is device and self._owns(session):
                return await operation(session)
        results: list[T] = []
        try:
            async with self.open_session(device) as session:
                results.append(await operation(session))
        except ResourceCleanupError as error:
            if results:
                error.result = results[0]
            raise
        return results[0]

    # The life of a session, from the manager's side.

    def _owns(self, session: Session) -> bool:
        return self._sessions.get(session.session_id) is session

    def _make_session(self, device: Device) -> Session:
        if self._state in (DeviceSessionState.SHUTDOWN, DeviceSessionState.DISPOSED):
            raise SessionClosedError("the session manager is shut down; open another one")
        if len(self._sessions) >= self.options.max_concurrent_sessions:
            raise SessionLimitError(
                f"{len(self._sessions)} sessions are open, which is the limit; end one, or raise "
                "max_concurrent_sessions",
                is_recoverable=True,
                device=device.name,
            )
        session_id = f"session-{secrets.token_hex(4)}"
        session = Session(device, session_id, self.options, self._forget)
        self._state = DeviceSessionState.ACTIVE
        self._sessions[session_id] = session
        self._total += 1
        self._peak = max(self._peak, len(self._sessions))
        return session

    def _forget(self, session: Session) -> None:
        self._sessions.pop(session.session_id, None)
        if self._shared.get(session.device) is session:
            del self._shared[session.device]

    def _make_ended(self, session: Session) -> BelayError:
        return SessionClosedError(
            "the session was ended by its manager; open another one",
            device=session.device.name,
            session_id=session.session_id,
        )

    async def _hold(
        self, session: Session, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Is the body of a session that has none of its own."""
        self._held.add(session)
        try:
            async with session.run_scope():
                task_status.started()
                await session.wait_ended()
        except SessionClosedError:
            pass  # ended by the manager, which tells what was left
        except (BelayError, ExceptionGroup) as error:
            _logger.warning("%r failed: %s", session, error)
        finally:
            self._held.discard(session)

    # The life of the manager.

    async def leave(self) -> None:
        """Ends all sessions: the newest of each device first, the devices side by side."""
        self._state = DeviceSessionState.SHUTDOWN
        held = frozenset(self._held)
        with trio.CancelScope(shield=True):
            by_device: dict[Device, list[Session]] = {}
            for session in reversed([*self._sessions.values()]):
                session.refuse(functools.partial(self._make_ended, session))
                by_device.setdefault(session.device, []).append(session)
            async with trio.open_nursery() as nursery:
                for sessions in by_device.values():
                    nursery.start_soon(self._end_all, sessions, held)
        self._state = DeviceSessionState.DISPOSED

    async def _end_all(self, sessions: list[Session], held: frozenset[Session]) -> None:
        for session in sessions:
            await session.end()
            if session in held:  # a scoped session tells its own scope
                try:
                    await session.aclose()
                except ResourceCleanupError as error:
                    self._left.append(error)

    @asynccontextmanager
    async def run_scope(self) -> AsyncGenerator[None, None]:
        """The manager's life; ``open_session_manager`` tells what comes out of it."""
        try:
            async with open_body_nursery(self.leave) as self._nursery:
                yield
        except trio.Cancelled:
            for error in self._left:
                _logger.warning("The session manager was cancelled, and: %s", error)
            raise
        except BaseException as error:
            for left in self._left:
                error.add_note(f"And when the session manager ended: {left}")
            raise
        if self._left:
            raise ResourceCleanupError("sessions could not give everything back", self._left)


@asynccontextmanager
async def open_session_manager(
    options: SessionManagementOptions | None = None,
) -> AsyncGenerator[DeviceSessionManager, None]:
    """Opens a manager for the body. Leaving it ends all of its sessions.

    Args:
        options: limits and timeouts of the sessions.

    Yields:
        The manager; it may be used from any task, with any number of devices.

    Raises:
        ResourceCleanupError: sessions that were created without a scope, and were open at the end,
            could not give everything back. An error of the body comes out as it is, with notes.

    Cancellation: the sessions are ended, shielded, each within ``resource_cleanup_timeout``.
    """
    manager = DeviceSessionManager(options or SessionManagementOptions())
    async with manager.run_scope():
        yield manager
