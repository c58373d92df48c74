"""Threads of the board as one session has them: started, heard of, and stopped for certain.

Two kinds come through here. Those of ``ExecutorContext.start_thread`` are only started and
stopped. Those of executors are *run* by somebody (``ThreadRunner``), who hears here of each end,
and asks for all of them at once (``refresh``).
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol, TypeVarTuple

import trio

from belay_actors.device import Device, Seat, ThreadExit, ThreadState, stop_and_confirm
from belay_actors.executors import ThreadExecutor, ThreadRunner
from belay_actors.observe import Event
from belay_actors.session._children import BoardThread
from belay_actors.session._executor_context import ExecutorContext
from belay_actors.session._tracker import ResourceTracker

Ts = TypeVarTuple("Ts")

_MOST_FORGOTTEN = 20  # ids in one call; what is more has to wait for the next one


class ThreadOwner(Protocol):
    """What a session's threads ask of it."""

    session_id: str
    device: Device
    resources: ResourceTracker

    @property
    def is_active(self) -> bool:
        """Whether it takes calls."""
        ...

    @property
    def executor_context(self) -> ExecutorContext:
        """Its own."""
        ...

    def check_active(self) -> None:
        """Raises if it takes no calls."""

    def refusal(self) -> Exception:
        """The error for that."""
        ...

    def begin_call(self) -> bool:
        """Counts a call, if one may be made. Returns whether it is part of the cleanup."""
        ...

    def start_soon(
        self, task: Callable[[*Ts], Awaitable[object]], *args: *Ts, name: str | None = None
    ) -> None:
        """Starts a task that belongs to the session."""

    def tell(self, event: Event) -> None:
        """Tells the observers."""


class BoardThreads:
    """The threads of one session. Made when they are first needed.

    Args:
        owner: the session.
        seat: its place on the device.
        stop_timeout: seconds that a thread may take to stop.

    Attributes:
        executor: starts those that are run by somebody.
        stop_timeout: as given.
    """

    def __init__(self, owner: ThreadOwner, seat: Seat, stop_timeout: float) -> None:
        self.stop_timeout = stop_timeout
        self.executor = ThreadExecutor(self)
        self._owner = owner
        self._seat = seat
        self._runners: dict[str, tuple[ThreadRunner, BoardThread]] = {}
        self._ended: list[str] = []  # ids that the board knows, though it need not any more
        self._states: Mapping[str, ThreadState] = {}
        self._asked_at: float | None = None

    # By their ids.

    async def start_thread(self, thread_id: str, code: str, *, run: int = 0) -> None:
        """Starts code in a thread of the board; raises as ``Device.start_thread``.

        Cancellation: see there.
        """
        self._owner.check_active()
        self._owner.begin_call()
        forgotten = self._ended[:_MOST_FORGOTTEN]
        await self._owner.device.start_thread(
            self._seat, thread_id, code, run=run, forgotten=forgotten
        )
        self._ended = [name for name in self._ended if name not in forgotten]

    async def stop_thread(self, thread_id: str) -> None:
        """Stops a thread, and waits until it has ended; raises as ``stop_and_confirm``.

        Cancellation: see there.
        """
        self._owner.begin_call()
        await stop_and_confirm(self._owner.device, self._seat, thread_id)

    async def get_thread_states(self) -> Mapping[str, ThreadState]:
        """Asks the board for its threads; raises, and may be cancelled, as any call."""
        self._owner.begin_call()
        return await self._owner.device.thread_states(self._seat)

    async def provide_tools(self) -> None:
        """Puts ``should_stop`` and ``sleep_ms`` into the session's namespace.

        Raises, cancellation: as any call.
        """
        is_urgent = self._owner.begin_call()
        await self._owner.device.provide_thread_tools(self._seat, is_urgent=is_urgent)

    # For those that are run by somebody.

    @property
    def session_id(self) -> str:
        """Of the session."""
        return self._owner.session_id

    @property
    def device_name(self) -> str:
        """Of its device."""
        return self._owner.device.name

    @property
    def is_active(self) -> bool:
        """Whether the session takes calls."""
        return self._owner.is_active

    def refusal(self) -> Exception:
        """The error for those who ask for more when it does not."""
        return self._owner.refusal()

    def allocate_thread_id(self, name: str) -> str:
        """Returns an id that no thread of the session has had."""
        return self._owner.executor_context.allocate_thread_id(name)

    def adopt(self, runner: ThreadRunner) -> None:
        """Takes a thread that is about to be started into the session's care.

        Raises:
            SessionError: the session is ending or has ended.
        """
        thread = self._owner.resources.adopt_thread(
            runner.thread_id, runner.name, None, stop=lambda _: runner.give_back()
        )
        self._runners[runner.thread_id] = runner, thread

    def tell_started(self, runner: ThreadRunner) -> None:
        """Tells the observers of a thread.

        Raises:
            SessionError: the session is ending or has ended, and has stopped it.
        """
        self._owner.resources.tell_started(runner.thread_id, runner.name)

    def discard(self, runner: ThreadRunner, *, is_known: bool) -> None:
        """Forgets a thread that has ended; with the next start on the board, too."""
        found = self._runners.pop(runner.thread_id, None)
        if found is not None:
            self._owner.resources.discard_thread(found[1])
            if is_known:
                self._ended.append(runner.thread_id)

    async def check_limits(self) -> None:
        """Raises, and may be cancelled, as ``Device.check_thread_limits``."""
        self._owner.check_active()
        await self._owner.device.check_thread_limits(self._seat)

    async def start(self, runner: ThreadRunner, code: str) -> None:
        """Starts the present run; raises, and may be cancelled, as ``Device.start_thread``."""
        await self.start_thread(runner.thread_id, code, run=runner.run)

    async def ask_to_stop(self, runner: ThreadRunner) -> ThreadState:
        """Asks a thread to stop; raises, and may be cancelled, as ``Device.stop_thread``."""
        self._owner.begin_call()
        return await self._owner.device.stop_thread(self._seat, runner.thread_id)

    async def refresh(self, max_age: float) -> Mapping[str, ThreadState]:
        """Asks the board for all threads, unless that was done so many seconds ago or less.

        Runners hear what is new.

        Returns:
            What the board has answered last.

        Raises, cancellation: as for any call; harmless.
        """
        now = trio.current_time()
        if self._asked_at is not None and now - self._asked_at < max_age:
            await trio.lowlevel.checkpoint()
            return self._states
        self._asked_at = now
        asked = [(each, each.run) for each, _ in self._runners.values() if each.is_on_board]
        self._states = await self.get_thread_states()
        for runner, run in asked:
            if runner.is_on_board and runner.run == run:
                self._tell(runner, self._states.get(runner.thread_id))
        return self._states

    def _tell(self, runner: ThreadRunner, state: ThreadState | None) -> None:
        if state is None or state.run != runner.run:
            runner.hear_lost()
        elif not state.is_running:
            runner.hear_end(state)

    def start_soon(self, task: Callable[[], Awaitable[object]], *, name: str) -> None:
        """Starts a task that belongs to the session."""
        self._owner.start_soon(task, name=name)

    def tell(self, event: Event) -> None:
        """Tells the observers."""
        self._owner.tell(event)

    # What the board and the session tell.

    def thread_ended(self, news: ThreadExit) -> None:
        """A thread has ended; called by the session, as the board tells it."""
        runner, _ = self._runners.get(news.thread_id, (None, None))
        if runner is not None and runner.run == news.run:
            runner.hear_end(news.state)

    def end(self) -> None:
        """The session has ended."""
        for runner, _ in [*self._runners.values()]:
            runner.end()
