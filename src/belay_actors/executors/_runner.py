"""``call``, ``stream``, ``start_thread``, ``set_up``: what a session offers for functions."""

import abc
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import ParamSpec, TypeVar

from belay_actors.executors._executors import Executors
from belay_actors.executors._thread_handle import ThreadHandle
from belay_actors.functions import DeviceProgram, GeneratorTask, Task, ThreadFunction

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")
ProgramT = TypeVar("ProgramT", bound=DeviceProgram)


class FunctionRunner(abc.ABC):
    """Something that can run decorated functions on a board."""

    __slots__ = ()

    @property
    @abc.abstractmethod
    def executors(self) -> Executors:
        """What runs them."""

    async def call(self, function: Task[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Calls a function on the board.

        Its source, and that of all that it uses, is sent before if this session has not done so;
        then it is one round trip. What it prints goes to ``output`` and ``background_output``.

        Args:
            function: decorated with ``@task``.
            args: its arguments; see ``belay_actors.values`` for what can travel.
            kwargs: the same.

        Returns:
            What it returned, made to the type that it is annotated with.

        Raises:
            TypeError, ValueError: the arguments do not fit the function, or cannot travel; nothing
                was sent. Or the result does not fit the annotation.
            UnsupportedFunctionError, NameConflictError: the function cannot be sent.
            DeviceCapabilityError: there is no variant of it for this board, or no room.
            RemoteError: it raised; the traceback shows the host's files and lines.
            UnsupportedValueError: its result is of a type that cannot come back.
            CallTimeoutError: it ran longer than its ``timeout``; it was interrupted.
            DeviceError, SessionError: as for ``execute``.

        Cancellation: when ``Cancelled`` comes out, the function no longer runs on the board, and
        the board is ready for the next call (or known to be lost).
        """
        return await self.executors.tasks.call(function, *args, **kwargs)

    def stream(
        self, function: GeneratorTask[P, T], /, *args: P.args, **kwargs: P.kwargs
    ) -> AbstractAsyncContextManager[AsyncIterator[T]]:
        """Runs a generator function on the board, for an ``async with`` body that takes its items.

        Items come in batches; other sessions' calls have their turn between them. The board makes
        no more than are taken. Leaving the body early closes the generator there.

        Args:
            function: a generator function decorated with ``@task``.
            args: its arguments.
            kwargs: the same.

        Returns:
            A context manager of an asynchronous iterator. Both raise as ``call`` does.

        Cancellation: while an item is waited for, as for ``call``, and the generator is over. When
        the body is left, it is closed on the board before, shielded, within
        ``resource_cleanup_timeout``.
        """
        return self.executors.open_stream(function, *args, **kwargs)

    async def start_thread(
        self, function: ThreadFunction[P], /, *args: P.args, **kwargs: P.kwargs
    ) -> ThreadHandle:
        """Starts a function in a thread of the board, which this session owns.

        Args:
            function: decorated with ``@thread``.
            args: its arguments.
            kwargs: the same.

        Returns:
            The thread's handle: its state, ``stop`` and ``wait``. The session stops it at its end.

        Raises:
            DeviceCapabilityError: the board has no threads, or not one more; nothing was sent.
            RemoteError: the board could not start it.
            TypeError, ValueError, DeviceError, SessionError: as for ``call``.

        Cancellation: if the thread was started it is stopped again.
        """
        return await self.executors.start_thread(function, *args, **kwargs)

    async def set_up(self, program: type[ProgramT]) -> ProgramT:
        """Makes a program ready in this session: its setups run now, its teardowns at the end.

        ``DeviceSessionManager.open_session(device, Program)`` does the same with a new session.

        Args:
            program: a subclass of ``DeviceProgram``. What of it has been set up in this session
                already is not done again.

        Returns:
            The program, whose methods run on this session's board.

        Raises:
            SessionFailedError: a critical setup failed. Teardowns run when the session ends.
            RemoteError, DeviceError, SessionError: as for ``call``.

        Cancellation: as for ``call``; what was begun is torn down when the session ends.
        """
        await self.executors.set_up(program)
        return program(self)
