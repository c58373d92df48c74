"""What a session holds besides names, in the order in which it came, given back in reverse.

Resources, host tasks and board threads are children: they must be given back. Deployed methods are
only remembered: they go with the session's names. With ``enable_resource_tracking`` off, children
are still given back, but nothing is counted, told or remembered.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

import trio

from belay_actors.device import Device
from belay_actors.errors import DuplicateResourceError, ResourceNotFoundError
from belay_actors.executors import SessionResource
from belay_actors.observe import Event, MethodDeployed, ResourceRegistered, ThreadRegistered
from belay_actors.session._children import BoardThread, ChildTask
from belay_actors.session._cleanup import Failure, make_cleanup_error
from belay_actors.session._holdings import Holdings, Key
from belay_actors.session._resource import (
    BackgroundThreadInfo,
    DeployedMethodInfo,
    ResourceUsageStats,
    check_name,
    check_resource,
)


class Holder(Protocol):
    """What the tracker asks of its session."""

    @property
    def session_id(self) -> str:
        """Its id."""
        ...

    @property
    def device(self) -> Device:
        """Its device."""
        ...

    @property
    def has_code(self) -> bool:
        """Whether what it has sent is on the board now."""
        ...

    @property
    def is_tracking(self) -> bool:
        """Whether books are kept."""
        ...

    def check_active(self) -> None:
        """Raises if it takes nothing in any more."""

    def refusal(self) -> Exception:
        """The error for those who ask for more when it has ended."""
        ...

    def tell(self, event: Event) -> None:
        """Tells the observers."""

    def tell_failures(self, failures: Sequence[Failure]) -> None:
        """Tells the observers what could not be given back."""

    async def stop_thread(self, thread_id: str) -> None:
        """Stops a thread on the board, and waits until it has ended."""


class ResourceTracker:
    """Knows what a session holds. Made by its session.

    Args:
        holder: the session.
        holdings: what it must give back, in the order in which it came.
    """

    __slots__ = ("_holder", "_holdings", "_methods")

    def __init__(self, holder: Holder, holdings: Holdings) -> None:
        self._holder = holder
        self._holdings = holdings
        self._methods: dict[str, DeployedMethodInfo] | None = None

    # Resources.

    def register_resource(self, resource: SessionResource) -> None:
        """Takes a resource into the session's care.

        Raises:
            TypeError, ValueError: it is no ``SessionResource``, or says senseless things of itself.
            DuplicateResourceError: the session holds one with that id already.
            SessionError: the session is ending or has ended; the resource was not taken.
        """
        check_resource(resource)
        self._holder.check_active()
        resource_id = resource.resource_id
        if resource_id in self._holdings:
            raise self._duplicate("resource", resource_id)
        self._holdings.add(resource_id, resource)
        if self._holder.is_tracking:
            self._holder.tell(
                ResourceRegistered(
                    session_id=self._holder.session_id,
                    device=self._holder.device.name,
                    resource_id=resource_id,
                    resource_type=resource.resource_type,
                    estimated_cost=resource.estimated_cost,
                )
            )

    async def release_resource(self, resource_id: str) -> None:
        """Gives back one resource now.

        Raises:
            ResourceNotFoundError: the session holds none of that id.
            ResourceCleanupError: its cleanup failed. It is held no more, and not tried again.

        Cancellation: the resource is still held, and is tried again when the session ends.
        """
        check_name("resource_id", resource_id)
        if resource_id not in self._holdings:
            raise self._not_found("resource", resource_id)
        await self._give_back([resource_id])

    def discard_resource(self, resource_id: str) -> None:
        """Forgets a resource that was given back already; for executors."""
        self._holdings.discard(resource_id)

    def get_active_resources(self) -> tuple[SessionResource, ...]:
        """Returns the resources that the session holds, oldest first."""
        if not self._holder.is_tracking:
            return ()
        others = (ChildTask, BoardThread)
        return tuple(child for child in self._holdings if not isinstance(child, others))

    # Threads of the board.

    def register_background_thread(self, thread_id: str, method_name: str) -> BackgroundThreadInfo:
        """Takes a thread of the board into the session's care: the session will stop it.

        It must have been started by ``ExecutorContext.start_thread``, or must be about to be: what
        the board does not know cannot be stopped.

        Args:
            thread_id: unique in the session; ``ExecutorContext.allocate_thread_id`` makes one.
            method_name: of what it runs, for messages.

        Raises:
            TypeError, ValueError: a text is none, or empty.
            DuplicateResourceError: the session has a thread of that id already.
            SessionError: the session is ending or has ended.
        """
        thread = self.adopt_thread(thread_id, method_name, None)
        self.tell_started(thread_id, method_name)
        return thread.info

    def adopt_thread(
        self,
        thread_id: str,
        method_name: str,
        start_is_over: trio.Event | None,
        stop: Callable[[str], Awaitable[None]] | None = None,
    ) -> BoardThread:
        """Takes in a thread that is about to be started; for those who start threads.

        They call ``tell_started`` if it was started, and ``discard_thread`` if not.

        Args:
            thread_id: as for ``register_background_thread``, and so are the errors.
            method_name: see there.
            start_is_over: will be set when it is known what came of its start. Such a thread need
                not be there. ``None`` for one that must be.
            stop: stops it; by default the session does, by its id.
        """
        check_name("thread_id", thread_id)
        check_name("method_name", method_name)
        holder = self._holder
        holder.check_active()
        if self.has_thread(thread_id):
            raise self._duplicate("thread", thread_id)
        info = BackgroundThreadInfo(
            thread_id=thread_id, method_name=method_name, session_id=holder.session_id
        )
        thread = BoardThread(info, stop or holder.stop_thread, start_is_over)
        self._holdings.add(thread, thread)
        return thread

    def tell_started(self, thread_id: str, method_name: str) -> None:
        """Tells the observers that a thread on the board is the session's.

        Raises:
            SessionError: the session is ending or has ended, and has stopped the thread.
        """
        self._holder.check_active()
        if self._holder.is_tracking:
            self._holder.tell(
                ThreadRegistered(
                    session_id=self._holder.session_id,
                    device=self._holder.device.name,
                    thread_id=thread_id,
                    method_name=method_name,
                )
            )

    def has_thread(self, thread_id: str) -> bool:
        """Whether the session has a thread of that id, whatever it does."""
        return self._find_thread(thread_id) is not None

    async def unregister_background_thread(self, thread_id: str) -> None:
        """Stops a thread on the board, waits until the board confirms that, and forgets it.

        Raises:
            ResourceNotFoundError: the session has no thread of that id.
            ResourceCleanupError: it could not be stopped.

        Cancellation: the thread was asked to stop, and is still the session's.
        """
        check_name("thread_id", thread_id)
        thread = self._find_thread(thread_id)
        if thread is None:
            raise self._not_found("thread", thread_id)
        await self._give_back([thread])

    def discard_thread(self, thread: BoardThread) -> None:
        """Forgets a thread that does not run; for those who start threads."""
        self._holdings.discard(thread)

    def get_active_threads(self) -> tuple[BackgroundThreadInfo, ...]:
        """Returns the threads that the session owns, oldest first."""
        if not self._holder.is_tracking:
            return ()
        return tuple(child.info for child in self._holdings if isinstance(child, BoardThread))

    # Deployed methods.

    def register_deployed_method(self, signature: str, code_hash: bytes) -> None:
        """Remembers that a method is in the session's namespace on the board.

        Args:
            signature: names it. A second registration replaces the first.
            code_hash: of its source.

        Raises:
            TypeError, ValueError: an argument is of the wrong type, or empty.
            SessionError: the session is ending or has ended.
        """
        _check_method(signature, code_hash)
        holder = self._holder
        holder.check_active()
        if not holder.is_tracking:
            return
        self._methods = self._methods or {}
        self._methods[signature] = DeployedMethodInfo(
            signature=signature, code_hash=code_hash, session_id=holder.session_id
        )
        holder.tell(
            MethodDeployed(
                session_id=holder.session_id, device=holder.device.name, signature=signature
            )
        )

    def forget_deployed_method(self, signature: str) -> None:
        """Forgets a method that may be replaced; for the executor context."""
        if self._methods is not None:
            self._methods.pop(signature, None)

    def is_method_deployed(self, signature: str, code_hash: bytes) -> bool:
        """Whether that very code is on the board now: in this session, since this boot."""
        _check_method(signature, code_hash)
        method = (self._methods or {}).get(signature)
        return method is not None and method.code_hash == code_hash and self._holder.has_code

    def get_deployed_methods(self) -> tuple[DeployedMethodInfo, ...]:
        """Returns the methods that are on the board now."""
        return tuple((self._methods or {}).values()) if self._holder.has_code else ()

    # Numbers.

    def get_resource_stats(self) -> ResourceUsageStats:
        """Returns counts and costs of what the session holds; nothing is asked of the board."""
        if not self._holder.is_tracking:
            return ResourceUsageStats()
        resources = self.get_active_resources()
        memory = self._holder.device.memory
        return ResourceUsageStats(
            total_resources=len(resources),
            total_resource_cost=sum(resource.estimated_cost for resource in resources),
            resources_by_type=Counter(resource.resource_type for resource in resources),
            background_threads=len(self.get_active_threads()),
            deployed_methods=len(self.get_deployed_methods()),
            memory_free=None if memory is None else memory.free,
        )

    @property
    def released(self) -> tuple[str, ...]:
        """Ids of the resources that were given back, in that order."""
        return tuple(self._holdings.released) if self._holder.is_tracking else ()

    # Giving back.

    async def cleanup_resources(self) -> None:
        """Gives back everything that the session holds now, newest first, one after the other.

        Child tasks are cancelled, except for one that calls this itself.

        A failure does not stop it. Where the caller has a deadline, each may take its equal share
        of what is left, so that one that hangs does not use up the others' time. What a cleanup
        itself registers is held until the session ends.

        Raises:
            ResourceCleanupError: one exception for each that was not given back. None of those is
                held any more, and none will be tried again.
            SessionError: the session has ended meanwhile, and has taken over.
            WouldDeadlock: called by a cleanup that is itself part of such a run.

        Cancellation: what had its turn, and those after it, are still held; they are tried again
        when the session ends.
        """
        await self._give_back(self._holdings.keys())

    async def _give_back(self, keys: Sequence[Key]) -> None:
        failures = await self._holdings.give_back(keys, self._holder.refusal)
        if failures:
            holder = self._holder
            holder.tell_failures(failures)
            raise make_cleanup_error(failures, holder.device.name, holder.session_id)

    def _find_thread(self, thread_id: str) -> BoardThread | None:
        for child in self._holdings:
            if isinstance(child, BoardThread) and child.info.thread_id == thread_id:
                return child
        return None

    def _not_found(self, kind: str, name: str) -> ResourceNotFoundError:
        return ResourceNotFoundError(
            f"the session holds no {kind} {name!r}; it may have been given back",
            device=self._holder.device.name,
            session_id=self._holder.session_id,
        )

    def _duplicate(self, kind: str, name: str) -> DuplicateResourceError:
        return DuplicateResourceError(
            f"the session already holds a {kind} {name!r}; give each its own id",
            device=self._holder.device.name,
            session_id=self._holder.session_id,
        )


def _check_method(signature: object, code_hash: object) -> None:
    check_name("signature", signature)
    if not isinstance(code_hash, bytes):
        raise TypeError(f"code_hash is bytes, not {type(code_hash).__name__}")
    if not code_hash:
        raise ValueError("code_hash must not be empty")
