"""What executors need of a session: code that is sent once, and threads that the session stops.

An executor turns a Python function into code for the board; that is another floor. Here is what it
builds on: whether code is on the board already, how it gets there, and how it runs in a thread.
"""

import hashlib
import itertools
from collections.abc import Mapping
from contextlib import suppress
from typing import Protocol

import trio

from belay_actors.device import CodeRunner, ThreadState
from belay_actors.errors import BelayError, DeviceCapabilityError, RemoteError
from belay_actors.session._resource import BackgroundThreadInfo, check_name
from belay_actors.session._tracker import ResourceTracker


class ThreadHost(Protocol):
    """What the session does for its threads."""

    async def start_thread(self, thread_id: str, code: str) -> None:
        """Starts code in a thread of the board."""

    async def stop_thread(self, thread_id: str) -> None:
        """Stops a thread on the board, and waits until it has ended."""

    async def get_thread_states(self) -> Mapping[str, ThreadState]:
        """Asks the board for the threads."""
        ...


class ExecutorContext:
    """A session's side of its executors. Made by the session.

    Attributes:
        session_id: of the session.
        resource_tracker: of the session.
    """

    __slots__ = (
        "_deploying",
        "_host",
        "_numbers",
        "_runner",
        "_stop_timeout",
        "resource_tracker",
        "session_id",
    )

    def __init__(
        self,
        runner: CodeRunner,
        host: ThreadHost,
        resource_tracker: ResourceTracker,
        session_id: str,
        *,
        stop_timeout: float,
    ) -> None:
        self.session_id = session_id
        self.resource_tracker = resource_tracker
        self._runner = runner
        self._host = host
        self._stop_timeout = stop_timeout  # seconds, for a thread whose start was cancelled
        self._numbers = itertools.count(1)
        self._deploying = trio.Lock()

    # Deployed methods.

    def is_method_deployed(self, signature: str, code_hash: bytes) -> bool:
        """Whether that very code is on the board now: in this session, since this boot."""
        return self.resource_tracker.is_method_deployed(signature, code_hash)

    def register_method_deployment(self, signature: str, code_hash: bytes) -> None:
        """Remembers that a method is on the board; raises as the tracker does."""
        self.resource_tracker.register_deployed_method(signature, code_hash)

    async def deploy(self, signature: str, source: str) -> bytes:
        """Sends a method's source, unless the board has that very source already.

        Args:
            signature: names the method; another source of the same signature replaces it.
            source: statements that define it in the session's namespace.

        Returns:
            The hash of the source.

        Raises:
            RemoteError: the source does not run.
            DeviceError, SessionError: as for any call.

        Neither the source nor what it replaces is remembered after an error.

        Cancellation: as for any call; and as after an error.
        """
        check_name("signature", signature)
        check_name("source", source)
        code_hash = hashlib.sha256(source.encode()).digest()
        async with self._deploying:  # one after the other, so that the last one is what is known
            if not self.is_method_deployed(signature, code_hash):
                # However this ends, it may have replaced what was there.
                self.resource_tracker.forget_deployed_method(signature)
                await self._runner.execute(source)
                self.register_method_deployment(signature, code_hash)
        return code_hash

    # Threads.

    def allocate_thread_id(self, method_name: str) -> str:
        """Returns an id that no thread of this session has had.

        Raises:
            TypeError, ValueError: the name is no text, or empty.
        """
        check_name("method_name", method_name)
        for number in self._numbers:
            thread_id = f"{method_name}-{number}"
            if not self.resource_tracker.has_thread(thread_id):
                return thread_id
        raise AssertionError("numbers never end")

    async def start_thread(self, method_name: str, code: str) -> BackgroundThreadInfo:
        """Runs code in a thread of the board, which the session owns from then on.

        Args:
            method_name: for messages and the thread's id.
            code: statements, such as ``"blink(100)"``, that run in the session's namespace. They
                should ask ``should_stop()`` again and again, and end when it is true: nothing else
                can stop a thread.

        Returns:
            The thread, whose id ``unregister_background_thread`` takes.

        Raises:
            DeviceCapabilityError: the board has no threads; nothing was sent.
            RemoteError: the board could not start one more.
            DeviceError, SessionError: as for any call.

        Cancellation: if the thread was started it is stopped again, within the session's
        ``resource_cleanup_timeout``.
        """
        check_name("code", code)
        tracker, start_is_over = self.resource_tracker, trio.Event()
        thread_id = self.allocate_thread_id(method_name)
        thread = tracker.adopt_thread(thread_id, method_name, start_is_over)
        try:
            try:
                await self._host.start_thread(thread_id, code)
            finally:
                start_is_over.set()
        except trio.Cancelled:
            # What cannot be stopped now is the session's, which tries again when it ends.
            with trio.move_on_after(self._stop_timeout, shield=True), suppress(BelayError):
                await thread.cleanup()
                tracker.discard_thread(thread)
            raise
        except (RemoteError, DeviceCapabilityError, ValueError):  # it was not started
            tracker.discard_thread(thread)
            raise
        tracker.tell_started(thread_id, method_name)
        return thread.info

    async def get_thread_states(self) -> Mapping[str, ThreadState]:
        """Asks the board for the session's threads, by their ids.

        Raises, cancellation: as for any call.
        """
        return await self._host.get_thread_states()
