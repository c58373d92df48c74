"""Children of a session that are no resources of the user's: host tasks, and board threads."""

import contextvars
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager

import attrs
import trio

from belay_actors.errors import ResourceNotFoundError
from belay_actors.session._resource import BackgroundThreadInfo

# The child tasks that the running code is part of: it cannot wait for the end of any of them.
_own_children: contextvars.ContextVar[tuple["ChildTask", ...]] = contextvars.ContextVar(
    "belay_actors_own_children", default=()
)


@attrs.define(eq=False)
class ChildTask:
    """A task that the session has started, as something to give back: by cancelling it."""

    name: str
    scope: trio.CancelScope = attrs.field(factory=trio.CancelScope)
    has_ended: trio.Event = attrs.field(factory=trio.Event)

    def __str__(self) -> str:
        return f"task {self.name!r}"

    @property
    def is_own(self) -> bool:
        """Whether the calling code is part of the task."""
        return self in _own_children.get()

    @contextmanager
    def entered(self) -> Generator[None, None, None]:
        """What the task runs in."""
        token = _own_children.set((*_own_children.get(), self))
        try:
            with self.scope:
                yield
        finally:
            _own_children.reset(token)

    async def cleanup(self) -> None:
        """Cancels the task and waits until it has ended; not if it is a part of it that asks."""
        self.scope.cancel()
        if self.is_own:
            await trio.lowlevel.checkpoint()
        else:
            await self.has_ended.wait()


@attrs.define(eq=False)
class BoardThread:
    """A thread of the board, as something to give back: by stopping it, as the board confirms."""

    info: BackgroundThreadInfo
    stop: Callable[[str], Awaitable[None]]
    # Set when its start is over, whatever came of it; None if that is somebody else's business.
    start_is_over: trio.Event | None

    def __str__(self) -> str:
        return f"thread {self.info.thread_id!r}"

    async def cleanup(self) -> None:
        """Stops the thread, and waits until the board confirms that.

        One that is being started is waited for: else it could start after it was stopped.
        """
        if self.start_is_over is not None:
            await self.start_is_over.wait()
        try:
            await self.stop(self.info.thread_id)
        except ResourceNotFoundError:
            if self.start_is_over is None:
                raise
