"""The manager: it opens sessions on any number of devices, and all of them end with it."""

import logging
import secrets
import weakref
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TypeVar

import trio

from belay_actors.device import Device, DeviceCapabilities, DeviceState
from belay_actors.errors import (
    ResourceCleanupError,
    SessionClosedError,
    SessionNotFoundError,
    WouldDeadlock,
)
from belay_actors.kernel import open_body_nursery
from belay_actors.manager._checks import (
    check_creation,
    check_device,
    check_operation,
    check_policy,
    perform,
)
from belay_actors.manager._creation import SessionCreationOptions, find_capabilities
from belay_actors.manager._ending import end_all, make_ended
from belay_actors.manager._health import ManagerHealth, check_manager
from belay_actors.manager._keeper import Keeper
from belay_actors.manager._lifecycle import DeviceSessionState, Lifecycle, StateChange
from belay_actors.manager._opener import SessionOpener
from belay_actors.manager._registry import SessionRegistry, SessionStats
from belay_actors.manager._retry import Attempt, RetryPolicy, run_with_retry
from belay_actors.observe import Observers, SessionCreated
from belay_actors.options import SessionManagementOptions
from belay_actors.session import Session, current_sessions, is_in_cleanup, is_inside

T = TypeVar("T")

_logger = logging.getLogger("belay_actors.manager")


class DeviceSessionManager(SessionOpener):
    """Opens sessions on any number of devices, and ends them. Made by ``open_session_manager``.

    Attributes:
        options: that hold for its sessions.
    """

    def __init__(self, options: SessionManagementOptions, observers: Observers) -> None:
        self.options = options
        self._observers = observers
        self._life = Lifecycle()
        self._registry = SessionRegistry(options.max_concurrent_sessions)
        self._devices: weakref.WeakSet[Device] = weakref.WeakSet()
        self._shared: dict[Device, Session] = {}
        self._shared_locks: weakref.WeakKeyDictionary[Device, trio.Lock] = (
            weakref.WeakKeyDictionary()
        )
        self._keeper: Keeper
        self._left: list[ResourceCleanupError] = []

    # What it tells of itself.

    @property
    def state(self) -> DeviceSessionState:
        """Where the manager is in its life."""
        return self._life.state

    def subscribe(self) -> AbstractAsyncContextManager[trio.abc.ReceiveChannel[StateChange]]:
        """Subscribes to the changes of ``state``, for as long as an ``async with`` body runs.

        The body gets an asynchronous iterator over all changes from then on, in order. It ends
        after the one to ``DISPOSED``. A slow reader loses nothing and keeps nobody waiting.

        Cancellation: harmless at any point.
        """
        return self._life.subscribe()

    @property
    def current_session_id(self) -> str | None:
        """Id of this manager's session in whose scope the calling task runs; the innermost."""
        mine = filter(self._registry.owns, current_sessions())
        return next((session.session_id for session in mine), None)

    @property
    def capabilities(self) -> Mapping[Device, DeviceCapabilities]:
        """What was detected of each device that sessions were opened on, and that is open."""
        return {
            device: device.capabilities
            for device in self._devices
            if device.state is DeviceState.OPEN and device.capabilities.is_detected
        }

    def get_session_stats(self) -> SessionStats:
        """Returns the present numbers."""
        return self._registry.stats()

    def check_health(self) -> ManagerHealth:
        """Says how well the manager and its devices are now. Nothing is sent to any board."""
        devices = {session.device: None for session in self._registry.newest_first()}
        devices |= {device: None for device in self._devices if device.state is DeviceState.OPEN}
        return check_manager(self.state, self.get_session_stats(), devices)

    # Sessions that are not bound to a scope.

    async def create_session(
        self, device: Device, creation_options: SessionCreationOptions | None = None
    ) -> Session:
        """Opens a session that lives until it is ended, or until the manager is left.

        Use ``open_session`` where you can: it cannot be forgotten. Or use the session in an
        ``async with``, which ends it.

        Args:
            device: as for ``open_session``.
            creation_options: as for ``open_session``.

        Raises:
            SessionClosedError, SessionLimitError, DeviceError: as for ``open_session``.

        Cancellation: no session is opened.
        """
        await trio.lowlevel.checkpoint()
        session = await self._make_session(device, creation_options)
        self._keeper.keep(session)
        return session

    async def get_or_create_session(
        self, device: Device, creation_options: SessionCreationOptions | None = None
    ) -> Session:
        """Returns the shared session of a device; it is created once, however many tasks ask.

        Args:
            device: as for ``open_session``.
            creation_options: as for ``open_session``, if it has to be created.

        Raises, cancellation: as for ``create_session``.
        """
        check_device(device)
        check_creation(creation_options)
        async with self._shared_locks.setdefault(device, trio.Lock()):
            session = self._shared.get(device)
            if session is None or not session.is_active:
                session = await self.create_session(device, creation_options)
                self._shared[device] = session
            return session

    async def end_session(self, session_id: str) -> None:
        """Ends a session: interrupts what runs, and gives everything back.

        If its body is running, and the caller is not inside of it, the body is cancelled and its
        scope raises ``SessionClosedError``.

        Args:
            session_id: of the session. Ended by a part of its own cleanup, nothing happens: it is
                ending already.

        Raises:
            TypeError: the id is no text.
            SessionNotFoundError: no session of that id is open.
            ResourceCleanupError: not everything could be given back.

        Cancellation: shielded, and bounded by ``resource_cleanup_timeout``.
        """
        if not isinstance(session_id, str):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"a session's id is a str, not {type(session_id).__name__}")
        session = self._registry.get(session_id)
        if session is None:
            raise SessionNotFoundError(
                f"this manager has no open session {session_id!r}; it may have ended",
                session_id=session_id,
            )
        if not is_inside(session):
            session.stop(make_ended(session))
        await session.aclose()

    async def execute_in_session(
        self,
        device: Device,
        operation: Callable[[Session], Awaitable[T]],
        *,
        retry: RetryPolicy | None = None,
        idempotent: bool = False,
        creation_options: SessionCreationOptions | None = None,
    ) -> T:
        """Runs an async function in a session of its own, or in the one that it is in already.

        Args:
            device: that the session is to be on.
            operation: called with the session. A call inside of a session of this manager on the
                same device joins that session, and leaves it open; trying again is then the
                business of whoever has opened it.
            retry: how often, and when, to try again what failed recoverably: the whole operation,
                in a new session each time.
            idempotent: whether the operation may be run twice. Otherwise it is not tried again if
                it failed while a call ran on the board.
            creation_options: as for ``open_session``.

        Returns:
            The operation's result.

        Raises:
            ResourceCleanupError: the operation succeeded, but not everything could be given back;
                its ``result`` is the operation's.
            OutcomeUnknownError: it failed recoverably, but was not tried again, because nobody
                knows what its last call has done; ``__cause__`` is the failure.
            BaseException: the operation's own error, and all that ``open_session`` raises.

        Cancellation: as for ``open_session``; during a delay it comes out at once.
        """
        check_device(device)
        check_creation(creation_options)
        check_policy(retry)
        check_operation(operation)
        for session in current_sessions():
            if session.device is device and self._registry.owns(session):
                return await perform(operation, session)

        async def attempt(record: Attempt) -> T:
            results: list[T] = []
            try:
                async with self.open_session(device, creation_options) as session:
                    record.session = session
                    results.append(await perform(operation, session))
            except ResourceCleanupError as error:
                if results:
                    error.result = results[0]
                raise
            return results[0]

        if retry is None:
            return await attempt(Attempt(1))
        return await run_with_retry(
            retry, attempt, device=device.name, idempotent=idempotent, tell=self._observers.tell
        )

    # The life of a session, from the manager's side.

    async def _make_session(
        self, device: Device, creation_options: SessionCreationOptions | None
    ) -> Session:
        check_device(device)
        creation = check_creation(creation_options)
        started = trio.current_time()
        self._check_open()
        with self._registry.reserved(device):
            capabilities = await find_capabilities(device, creation)
            self._check_open()  # it may have been shut down meanwhile
            session_id = f"session-{secrets.token_hex(4)}"
            session = Session(
                device,
                session_id,
                capabilities,
                self.options,
                observers=self._observers,
                on_ended=self._forget,
            )
        self._registry.add(session)
        self._devices.add(device)
        self._life.change(DeviceSessionState.ACTIVE)
        duration = trio.current_time() - started
        self._observers.tell(
            SessionCreated(session_id=session_id, device=device.name, duration=duration)
        )
        return session

    def _check_open(self) -> None:
        if self.state in (DeviceSessionState.SHUTDOWN, DeviceSessionState.DISPOSED):
            raise SessionClosedError("the session manager is shut down; open another one")

    def _forget(self, session: Session) -> None:
        self._registry.discard(session)
        self._keeper.release(session)
        if self._shared.get(session.device) is session:
            del self._shared[session.device]

    # The life of the manager.

    async def shutdown(self) -> None:
        """Ends all sessions in order, as leaving the manager's scope does, and opens no more.

        Bodies of sessions are cancelled, and their scopes raise ``SessionClosedError``; only one
        that the caller itself is in goes on, without its session. Does nothing if all has ended.

        Raises:
            ResourceCleanupError: sessions that were created without a scope could not give
                everything back.
            WouldDeadlock: called by a part of a session's cleanup, which it would wait for.

        Cancellation: shielded, and bounded by each session's ``resource_cleanup_timeout``.
        """
        self._refuse_cleanup()
        await self.leave()
        self._raise_left()

    async def dispose(self) -> None:
        """Ends all sessions in an emergency: what runs is interrupted, and names are taken off.

        Resources are not cleaned up, and threads are asked to stop but not waited for; also where
        a graceful end has begun, which is cut short. What is left by that is told, as by any end
        of a session. Takes about a second where a board does not answer.

        Raises, cancellation: as for ``shutdown``, but that bound is a second and the recovery
        grace of the devices.
        """
        self._refuse_cleanup()
        self._life.change(DeviceSessionState.DISPOSED)
        for session in self._registry.newest_first():
            session.abandon()
        await self.leave()
        self._raise_left()

    def _refuse_cleanup(self) -> None:
        if is_in_cleanup():
            raise WouldDeadlock(
                "a session's cleanup cannot end the session manager, which would wait for it; do "
                "it from another task"
            )

    def _raise_left(self) -> None:
        left, self._left = self._left, []
        if left:
            raise ResourceCleanupError("sessions could not give everything back", left)

    @trio.lowlevel.enable_ki_protection
    async def leave(self) -> None:
        """Ends all sessions, and the manager's life; what is left is kept to be told."""
        if self.state is not DeviceSessionState.DISPOSED:
            self._life.change(DeviceSessionState.SHUTDOWN)
        try:
            await end_all(self._registry.newest_first(), self._keeper, self._note_left)
        finally:
            self._life.change(DeviceSessionState.DISPOSED)

    def _note_left(self, error: ResourceCleanupError) -> None:
        self._left.append(error)

    @asynccontextmanager
    async def run_scope(self) -> AsyncGenerator[None, None]:
        """The manager's life; ``open_session_manager`` tells what comes out of it."""
        try:
            async with open_body_nursery(self.leave) as nursery:
                self._keeper = Keeper(nursery, self.options.default_session_timeout)
                yield
        except trio.Cancelled:
            for error in self._left:
                _logger.warning("The session manager was cancelled, and: %s", error)
            raise
        except BaseException as error:
            for left in self._left:
                error.add_note(f"And when the session manager ended: {left}")
            raise
        self._raise_left()
