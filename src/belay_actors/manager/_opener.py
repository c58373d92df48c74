"""Sessions that live in a scope: ``async with manager.open_session(...)``, also of a program."""

import abc
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TypeVar, overload

from belay_actors.device import Device
from belay_actors.functions import DeviceProgram
from belay_actors.manager._checks import check_program
from belay_actors.manager._creation import SessionCreationOptions
from belay_actors.session import Session, enter, leave

ProgramT = TypeVar("ProgramT", bound=DeviceProgram)


class SessionOpener(abc.ABC):
    """The part of a manager that opens sessions for scopes."""

    @abc.abstractmethod
    async def _make_session(
        self, device: Device, creation_options: SessionCreationOptions | None
    ) -> Session:
        """Makes a session that nobody ends yet."""

    @overload
    def open_session(
        self, device: Device, creation_options: SessionCreationOptions | None = None
    ) -> AbstractAsyncContextManager[Session]: ...

    @overload
    def open_session(
        self,
        device: Device,
        program: type[ProgramT],
        /,
        creation_options: SessionCreationOptions | None = None,
    ) -> AbstractAsyncContextManager[ProgramT]: ...

    def open_session(  # type: ignore[misc]  # by position, both may be the second
        self,
        device: Device,
        program: type[DeviceProgram] | SessionCreationOptions | None = None,
        creation_options: SessionCreationOptions | None = None,
    ) -> AbstractAsyncContextManager[Session] | AbstractAsyncContextManager[DeviceProgram]:
        """Opens a session for the body, and gives everything back when it is left.

        Args:
            device: that the session is on. The first session on a board asks what it can do; the
                others send nothing until their first call.
            program: a subclass of ``DeviceProgram``, whose setups run before the body, and whose
                teardowns run when it is left.
            creation_options: whether a basic session will do if the board does not tell.

        Returns:
            A context manager of the session; with a program, of the program, which has the session
            as its ``session``.

        Raises:
            SessionClosedError: the manager is shut down; or somebody else ended the session while
                the body ran, which was cancelled for that.
            SessionLimitError: ``max_concurrent_sessions`` are open.
            DeviceCapabilityError: the board did not tell what it can do; see
                ``SessionCreationOptions``.
            SessionTimeoutError: the body took longer than ``default_session_timeout``.
            SessionFailedError: a child task failed; the cause is the group of all that did.
            DeviceError: the device is closed or lost, or its board was reset while the body ran.
            ResourceCleanupError: all went well, but not everything could be given back.

            An error of the body comes out as it is; what went wrong at the same time, in children
            or cleanup, is told in its notes.

        Cancellation: the session is ended as on any error, shielded, within
        ``resource_cleanup_timeout``; then ``Cancelled`` goes on.
        """
        if isinstance(program, type):
            return self._open_program(device, check_program(program), creation_options)
        return self._open_session(device, creation_options or program)

    @asynccontextmanager
    async def _open_session(
        self, device: Device, creation_options: SessionCreationOptions | None
    ) -> AsyncGenerator[Session, None]:
        session = await self._make_session(device, creation_options)
        enter(session)
        try:
            async with session.run_scope():
                yield session
        finally:
            leave(session)

    @asynccontextmanager
    async def _open_program(
        self,
        device: Device,
        program: type[ProgramT],
        creation_options: SessionCreationOptions | None,
    ) -> AsyncGenerator[ProgramT, None]:
        async with self._open_session(device, creation_options) as session:
            yield await session.set_up(program)
