"""The session: what a user has of a board for a while, with names of its own there.

Here it makes its calls, knows what it holds, and says in the end what it gave back. How it lives
and ends is the supervisor's part.
"""

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime

import trio

from belay_actors.device import (
    CodeRunner,
    Device,
    DeviceCapabilities,
    ThreadExit,
)
from belay_actors.executors import Executors, FunctionRunner
from belay_actors.observe import Observers, SessionEnded
from belay_actors.options import SessionManagementOptions
from belay_actors.session._board_threads import BoardThreads
from belay_actors.session._cleanup import Failure, make_cleanup_error
from belay_actors.session._current import is_in_cleanup
from belay_actors.session._device_context import DeviceContext
from belay_actors.session._ending import Ending
from belay_actors.session._executor_context import ExecutorContext
from belay_actors.session._file_system_context import FileSystemContext
from belay_actors.session._report import SessionReport
from belay_actors.session._speaking import Speaking
from belay_actors.session._state import SessionState
from belay_actors.session._tracker import ResourceTracker
from belay_actors.values import Value


class Session(Speaking, CodeRunner, FunctionRunner):
    """A scope of work on one board, with names of its own. Made by a manager.

    Any number of tasks may use it at once; their calls are served in the order in which they come,
    in fair turns with those of other sessions. One that was made by ``create_session`` is an async
    context manager, which ends it.

    Attributes:
        session_id: unique.
        device: that it is on.
        created_at: when it was opened (UTC).
        resources: what it holds.
    """

    __slots__ = (
        "_board_threads",
        "_capabilities",
        "_device_context",
        "_ending",
        "_executor_context",
        "_executors",
        "_file_system_context",
        "_memory_before",
        "_on_ended",
        "_report",
        "_seat",
        "_state",
        "created_at",
        "resources",
    )

    def __init__(
        self,
        device: Device,
        session_id: str,
        capabilities: DeviceCapabilities,
        options: SessionManagementOptions,
        *,
        observers: Observers,
        on_ended: Callable[["Session"], None],
    ) -> None:
        super().__init__(device, session_id, options, observers)
        self.created_at = datetime.now(UTC)
        self.resources = ResourceTracker(self, self._holdings)
        self._capabilities = capabilities
        self._on_ended = on_ended
        memory = device.memory if options.enable_session_metrics else None
        self._memory_before = None if memory is None else memory.used
        self._ending: Ending | None = None
        self._report: SessionReport | None = None
        # Made when they are asked for, to keep idle sessions small.
        self._state: SessionState | None = None
        self._board_threads: BoardThreads | None = None
        self._executor_context: ExecutorContext | None = None
        self._executors: Executors | None = None
        self._device_context: DeviceContext | None = None
        self._file_system_context: FileSystemContext | None = None
        self._seat = device.seat(self, session_id)

    def __repr__(self) -> str:
        return f"<Session {self.session_id} on {self.device.name} {self._phase.value}>"

    @property
    def capabilities(self) -> DeviceCapabilities:
        """What the board can do, as it was found when the session was opened."""
        return self._capabilities

    @property
    def has_leftovers(self) -> bool:
        """Whether it has ended, and could not give everything back."""
        return self._report is not None and not self._report.is_clean

    @property
    def report(self) -> SessionReport | None:
        """What it took and gave back; ``None`` until it has ended."""
        return self._report

    # Contexts.

    @property
    def state(self) -> SessionState:
        """The session's own data on the host, by typed keys."""
        self._state = self._state or SessionState(self._check_not_ended)
        return self._state

    @property
    def executor_context(self) -> ExecutorContext:
        """What executors need: deployed code, and threads."""
        if self._executor_context is None:
            self._executor_context = ExecutorContext(
                self,
                self.board_threads,
                self.resources,
                self.session_id,
                stop_timeout=self._options.resource_cleanup_timeout,
            )
        return self._executor_context

    @property
    def device_context(self) -> DeviceContext:
        """Which board it is, and how code travels to it."""
        if self._device_context is None:
            self._device_context = DeviceContext(
                self.device,
                self.session_id,
                self._capabilities,
                is_measuring=self._options.enable_session_metrics,
            )
        return self._device_context

    @property
    def file_system_context(self) -> FileSystemContext:
        """What is known of the board's files."""
        if self._file_system_context is None:
            self._file_system_context = FileSystemContext(self, self.session_id)
        return self._file_system_context

    # Calls.

    def _run(
        self,
        code: str,
        *,
        is_expression: bool,
        time_limit: float | None = None,
        is_idempotent: bool = False,
    ) -> Awaitable[tuple[Value, str]]:
        is_cleanup = self.begin_call()
        call = self.device.run_in(
            self._seat,
            code,
            is_expression=is_expression,
            is_urgent=is_cleanup,
            hear=self.hear_call,
            time_limit=time_limit,
            is_idempotent=is_idempotent,
        )
        if not self._observers.hears_calls:
            return call
        return self._observe("evaluate" if is_expression else "execute", call)

    def thread_ended(self, news: ThreadExit) -> None:
        """A thread has ended. Called by the device."""
        if self._output is not None:
            self._output.end_thread(news.thread_id)
        if self._board_threads is not None:
            self._board_threads.thread_ended(news)

    # What the tracker and the executor context ask for.

    @property
    def is_tracking(self) -> bool:
        """Whether books are kept of what the session holds."""
        return self._options.enable_resource_tracking

    @property
    def has_code(self) -> bool:
        """Whether what the session has sent is on the board now."""
        is_open = self.is_active or is_in_cleanup(self)
        return is_open and self._calls > 0 and self._seat.generation == self.device.generation

    @property
    def board_threads(self) -> BoardThreads:
        """Its threads of the board; for the library itself."""
        if self._board_threads is None:
            self._board_threads = BoardThreads(
                self, self._seat, self._options.resource_cleanup_timeout
            )
        return self._board_threads

    @property
    def executors(self) -> Executors:
        """What runs functions in it."""
        if self._executors is None:
            threads = self.board_threads
            self._executors = Executors(self, threads.executor, threads.provide_tools)
        return self._executors

    async def evaluate_call(
        self, expression: str, *, time_limit: float | None, is_idempotent: bool
    ) -> Value:
        """Evaluates the call of a function; use ``call``. Cancellation: as there."""
        value, output = await self._run(
            expression, is_expression=True, time_limit=time_limit, is_idempotent=is_idempotent
        )
        if output:
            self._keep_output(output)
        return value

    async def execute_again(self, code: str) -> None:
        """Runs statements that nobody minds if they run twice; for executors.

        Raises, cancellation: as ``execute``; its outcome does not count as unknown.
        """
        await self._run(code, is_expression=False, is_idempotent=True)

    async def stop_thread(self, thread_id: str) -> None:
        """Stops a thread; use ``resources.unregister_background_thread``."""
        await self.board_threads.stop_thread(thread_id)

    # The end.

    def _interrupt_calls(self) -> None:
        self._end_holds()
        self.device.interrupt(self._seat, self.refusal)
        self.device.leases.refuse(self.session_id, self.refusal)

    def abandon(self) -> None:
        super().abandon()
        if self._ending is not None:
            self._ending.abandon()

    async def _give_back(self, budget: float) -> None:
        self._ending = Ending(self.device, self._seat, self._holdings, budget)
        if self._is_abandoned:
            self._ending.abandon()
        try:
            self._interrupt_calls()
            measure = self._options.enable_session_metrics
            await self._ending.run(lambda: self._calls > 0, measure=measure)
        finally:
            self._finish(self._ending)

    def _finish(self, ending: Ending) -> None:
        self._ending = None
        self._report = self._make_report(ending)
        self.device.unseat(self._seat)
        self.device.leases.release_all(self.session_id)
        if self._state is not None:
            self._state.clear()
        if self._file_system_context is not None:
            self._file_system_context.forget()
        failures, name = ending.failures, self.device.name
        self._set_ended(make_cleanup_error(failures, name, self.session_id) if failures else None)
        if self._board_threads is not None:
            self._board_threads.end()
        if self._output is not None:
            self._output.end()
        self._on_ended(self)
        self._tell_ended(self._report, failures)

    def _make_report(self, ending: Ending) -> SessionReport:
        dropped = ending.dropped
        return SessionReport(
            session_id=self.session_id,
            device=self.device.name,
            created_at=self.created_at,
            calls=self._calls,
            resources_released=self.resources.released,
            names_dropped=dropped.names,
            modules_removed=dropped.modules_removed,
            modules_left=dropped.modules_left,
            timers_stopped=dropped.timers_stopped,
            memory_before=self._memory_before,
            memory_after=None if dropped.memory is None else dropped.memory.used,
            left=tuple(failure.leftover for failure in ending.failures),
        )

    def tell_failures(self, failures: Sequence[Failure]) -> None:
        """Tells the observers what could not be given back."""
        for failure in failures:
            self.tell(failure.event(self.session_id, self.device.name))

    def _tell_ended(self, report: SessionReport, failures: Sequence[Failure]) -> None:
        if self._observed_calls is not None:
            self._observed_calls.end_all(type(self.refusal()).__name__)
        self.tell_failures(failures)
        self.tell(
            SessionEnded(
                session_id=self.session_id,
                device=self.device.name,
                duration=trio.current_time() - self._opened_at,
                resources=len(report.resources_released),
                leftovers=len(report.left),
                error=self._ended_by,
            )
        )
