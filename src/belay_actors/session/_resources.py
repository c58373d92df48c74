"""What a session holds besides names: resources and child tasks, given back in reverse order."""

import contextvars
import math
from collections import Counter
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Protocol, runtime_checkable

import attrs
import trio

from belay_actors.errors import DuplicateResourceError, ResourceCleanupError, ResourceNotFoundError


@runtime_checkable
class SessionResource(Protocol):
    """Anything that a session must give back when it ends: a timer, a pin, a file, a lease.

    Attributes:
        resource_id: unique in its session.
        resource_type: a name for its kind, such as ``"DeviceTimer"``.
        estimated_cost: bytes that it is thought to take on the board.
        created_at: when it was made (UTC).
    """

    @property
    def resource_id(self) -> str:
        """Unique in its session."""
        ...

    @property
    def resource_type(self) -> str:
        """A name for its kind."""
        ...

    @property
    def estimated_cost(self) -> int:
        """Bytes that it is thought to take on the board."""
        ...

    @property
    def created_at(self) -> datetime:
        """When it was made (UTC)."""
        ...

    async def cleanup(self) -> None:
        """Gives it back. May call the session, whose calls still work then."""
        ...


@attrs.frozen
class ResourceUsageStats:
    """What a session holds at one moment.

    Attributes:
        total_resources: how many resources.
        total_resource_cost: sum of their estimated costs in bytes.
        resources_by_type: how many of each type.
    """

    total_resources: int
    total_resource_cost: int
    resources_by_type: Mapping[str, int]


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
        if _own_child.get() is self:
            await trio.lowlevel.checkpoint()
        else:
            await self.has_ended.wait()


class ResourceTracker:
    """Knows what a session holds, in the order in which it came.

    Args:
        check_open: raises if the session takes nothing in any more.
        device: name of the device, for messages.
        session_id: of the session.
    """

    def __init__(self, check_open: Callable[[], None], device: str, session_id: str) -> None:
        self._check_open = check_open
        self._device = device
        self._session_id = session_id
        self._children: dict[str | ChildTask, SessionResource | ChildTask] = {}
        self._released: list[str] = []
        self._lock: trio.Lock | None = None  # made when needed, to keep idle sessions small

    def register_resource(self, resource: SessionResource) -> None:
        """Takes a resource into the session's care.

        Raises:
            TypeError: it is no ``SessionResource``.
            DuplicateResourceError: the session holds one with that id already.
            SessionError: the session is ending or has ended; the resource was not taken.
        """
        if not isinstance(resource, SessionResource):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(
                f"{resource!r} is no SessionResource: it needs resource_id, resource_type, "
                "estimated_cost, created_at and an async cleanup()"
            )
        self._check_open()
        if resource.resource_id in self._children:
            raise DuplicateResourceError(
                f"the session already holds a resource {resource.resource_id!r}; "
                "give each its own id",
                device=self._device,
                session_id=self._session_id,
            )
        self._children[resource.resource_id] = resource

    def add_task(self, task: ChildTask) -> None:
        """Takes in a task that was started; for the session."""
        self._children[task] = task

    def discard_task(self, task: ChildTask) -> None:
        """Forgets a task that has ended; for the session."""
        self._children.pop(task, None)

    async def release_resource(self, resource_id: str) -> None:
        """Gives back one resource now.

        Raises:
            ResourceNotFoundError: the session holds none of that id.
            ResourceCleanupError: its cleanup failed. It is held no more, and not tried again.

        Cancellation: the resource is still held, and is tried again when the session ends.
        """
        self._lock = self._lock or trio.Lock()
        async with self._lock:
            child = self._children.get(resource_id)
            if child is None or isinstance(child, ChildTask):
                raise ResourceNotFoundError(
                    f"the session holds no resource {resource_id!r}; it may have been given back",
                    device=self._device,
                    session_id=self._session_id,
                )
            failure = await _clean(child, math.inf)
            self._children.pop(resource_id, None)
        if failure is not None:
            raise make_cleanup_error([failure], self._device, self._session_id)
        self._released.append(resource_id)

    def get_active_resources(self) -> tuple[SessionResource, ...]:
        """Returns the resources that the session holds, oldest first."""
        children = self._children.values()
        return tuple(child for child in children if not isinstance(child, ChildTask))

    def get_resource_stats(self) -> ResourceUsageStats:
        """Returns counts and costs of what the session holds."""
        resources = self.get_active_resources()
        return ResourceUsageStats(
            total_resources=len(resources),
            total_resource_cost=sum(resource.estimated_cost for resource in resources),
            resources_by_type=Counter(resource.resource_type for resource in resources),
        )

    @property
    def released(self) -> tuple[str, ...]:
        """Ids of the resources that were given back, in that order."""
        return tuple(self._released)

    async def cleanup_resources(self) -> None:
        """Gives back everything that the session holds now, newest first, one after the other.

        A failure does not stop it. Where the caller has a deadline, each resource may take its
        equal share of what is left, so that one that hangs does not use up the others' time.

        Raises:
            ResourceCleanupError: one exception for each resource that was not given back. None is
                held any more, and none will be tried again.

        Cancellation: the resource whose turn it was, and those after it, are still held; they are
        tried again when the session ends.
        """
        failures = await self.give_back(trio.current_effective_deadline())
        if failures:
            raise make_cleanup_error(failures, self._device, self._session_id)

    async def give_back(self, deadline: float, *, reserved: int = 0) -> list[Exception]:
        """As ``cleanup_resources``, but returns the failures.

        Args:
            deadline: on trio's clock; what has no time left is still begun.
            reserved: how many more steps of the caller need a share of the time.
        """
        failures: list[Exception] = []
        self._lock = self._lock or trio.Lock()
        async with self._lock:
            while self._children:
                key, child = next(reversed(self._children.items()))
                left = max(deadline - trio.current_time(), 0)
                failure = await _clean(child, left / (len(self._children) + reserved))
                self._children.pop(key, None)
                if failure is not None:
                    failures.append(failure)
                elif not isinstance(child, ChildTask):
                    self._released.append(child.resource_id)
        return failures


async def _clean(child: SessionResource | ChildTask, seconds: float) -> Exception | None:
    """Gives back one child in its share of the time; returns what went wrong."""
    name = child.name if isinstance(child, ChildTask) else child.resource_id
    try:
        with trio.move_on_after(seconds) as scope:
            await child.cleanup()
        if not scope.cancelled_caught:
            return None
        raise TimeoutError(f"cleanup of {name!r} did not end within its {seconds:.3g} s")
    except Exception as error:
        error.add_note(f"This was the cleanup of {name!r}.")
        return error


def make_cleanup_error(
    failures: Sequence[Exception], device: str, session_id: str
) -> ResourceCleanupError:
    """Returns the error that tells what a session could not give back."""
    count = len(failures)
    return ResourceCleanupError(
        f"{count} thing{'s' if count > 1 else ''} could not be given back "
        f"[device {device}, session {session_id}]",
        failures,
        device=device,
        session_id=session_id,
    )
