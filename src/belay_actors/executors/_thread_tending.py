"""A thread that is started again when it fails, or has a time limit: it is tended by a task.

The task is a child of the session, newer than the thread itself, so the session's end cancels it
before it stops the thread: nothing is started again then.
"""

import functools
import logging
from collections.abc import Callable
from contextlib import suppress

import trio

from belay_actors.device import ThreadState, ThreadStatus
from belay_actors.errors import (
    BelayError,
    DeviceCapabilityError,
    RemoteError,
    RemoteOSError,
    UnstoppableThreadError,
)
from belay_actors.executors._restarts import RestartPolicy
from belay_actors.executors._thread_host import ThreadHost
from belay_actors.executors._thread_life import ThreadLife
from belay_actors.functions import ThreadHandleStatus
from belay_actors.observe import ThreadRestarting

_logger = logging.getLogger("belay_actors.session")


class TendedThreadLife(ThreadLife):
    """One thread of a session, with a task.

    Args:
        host: as for ``ThreadLife``, and so are the next two.
        name: see there.
        code: see there.
        policy: when it is started again after a failure; ``None`` for never.
        max_runtime: seconds after which it is stopped; ``math.inf`` for none.
        poll: as for ``ThreadLife``.
        map_traceback: see there.
        on_end: see there.
    """

    def __init__(
        self,
        host: ThreadHost,
        name: str,
        code: str,
        *,
        policy: RestartPolicy | None,
        max_runtime: float,
        poll: float,
        map_traceback: Callable[[str], str],
        on_end: Callable[[], None],
    ) -> None:
        super().__init__(host, name, code, poll=poll, map_traceback=map_traceback, on_end=on_end)
        self._policy = policy
        self._max_runtime = max_runtime
        self._is_tended = policy is not None

    async def start(self) -> None:
        """As for ``ThreadLife``."""
        await super().start()
        if not self.is_over:
            self._tending = trio.CancelScope(deadline=self._began_at + self._max_runtime)
            self.host.start_soon(self._tend, name=f"thread {self.thread_id!r}")

    async def _tend(self) -> None:
        """Starts it again when it fails, and stops it when its time is up. Never fails."""
        assert self._tending is not None
        try:
            with self._tending:
                if self._policy is None:
                    await self.wait_over()
                else:
                    await self._restart(self._policy)
            if not self.is_over and not self._is_stopping:
                self._is_timed_out = True
                await self._stop_late()
        finally:
            self._is_tended = False
            if not (self._may_run or self._is_stopping or self.is_over):
                self._finish(ThreadHandleStatus.FAILED)

    async def _stop_late(self) -> None:
        try:
            await self.stop()
        except UnstoppableThreadError as error:
            about = {"session_id": self.host.session_id, "device": self.host.device_name}
            _logger.warning("max_runtime has passed, but %s", error, extra=about)
        except BelayError:
            pass  # the session ends, and tells what it leaves

    async def _restart(self, policy: RestartPolicy) -> None:
        failures = 0
        while True:
            await self._wait_run_over()
            if self.is_over:
                return
            if trio.current_time() - self._began_at >= policy.forgotten_after:
                failures = 0
            failures += 1
            delay = policy.delay_after(failures)
            self._tell_restart(delay)
            await trio.sleep(delay)
            if self._is_stopping:  # just now
                return
            await self._try_run()

    async def _wait_run_over(self) -> None:
        while self._may_run and not self.is_over:
            if not await self._hears_news(self._poll):
                with suppress(BelayError):
                    await self._refresh(self._poll / 2)

    async def _try_run(self) -> None:
        """Starts the next run; a start that fails is a run that fails."""
        try:
            await self._start_run()
        except RemoteError as error:
            self._fail(self._copy(error))
        except DeviceCapabilityError as error:
            refused = functools.partial(
                DeviceCapabilityError,
                error.message,
                device=error.device,
                session_id=error.session_id,
            )
            self._fail(refused)
        except BelayError:
            pass  # nobody knows whether it runs: the board will be asked; or the session ends

    def _copy(self, error: RemoteError) -> Callable[[], RemoteError]:
        """Makes the error again and again."""
        failed = ThreadState(
            ThreadStatus.FAILED,
            error.type_name,
            error.remote_message,
            error.traceback,
            error.errno if isinstance(error, RemoteOSError) else None,
        )
        about = failed.traceback, self.host.device_name, self.host.session_id
        return lambda: failed.make_error(*about)

    def _tell_restart(self, delay: float) -> None:
        self.host.tell(
            ThreadRestarting(
                session_id=self.host.session_id,
                device=self.host.device_name,
                thread_id=self.thread_id,
                method_name=self.name,
                restarts=self.run - 1,
                delay=delay,
                error=self._failure_name,
            )
        )
