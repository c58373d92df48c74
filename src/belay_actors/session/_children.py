"""Children of a session that are no resources of the user's: host tasks, and board threads."""

import contextvars
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager

import attrs
import trio

from belay_actors.errors import ResourceNotFoundError
from belay_actors.session._resource import BackgroundThreadInfo

# The child task that the running code is part of: it cannot wait for its own end.
_own_child: contextvars.ContextVar["ChildTask | None"] = contextvars.ContextVar(
    "belay_actors_own_child", default=None
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
        return _own_child.get() is self

    @contextmanager
    def entered(self) -> Generator[None, None, None]:
        """What the task runs in."""
        token = _own_child.set(self)
        try:
            with self.scope:
                yield
        finally:
            _own_child.reset(token)

    async def cleanup(self) -> None:
        """Cancels the task and waits until it has ended; not if it is the one that asks."""
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
    may_be_absent: bool

    def __str__(self) -> str:
        return f"thread {self.info.thread_id!r}"

    async def cleanup(self) -> None:
        """Stops the thread, and waits until the board confirms that."""
        try:
            await self.stop(self.info.thread_id)
        except ResourceNotFoundError:
            if not self.may_be_absent:
                raise
