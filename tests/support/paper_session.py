"""A session without a board, for executors of threads: its board is a table in this process.

Ends come when the test says so, or as the board's settings say; calls take no time unless told to.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping

import attrs
import trio

from belay_actors import ResourceNotFoundError, SessionClosedError, ThreadState, ThreadStatus
from belay_actors.executors import ThreadRunner
from belay_actors.observe import Event

RUNNING = ThreadState(ThreadStatus.RUNNING)
ENDED = ThreadState(ThreadStatus.ENDED)
FAILED = ThreadState(ThreadStatus.FAILED, "ValueError", "no", "Traceback")


@attrs.define(eq=False)
class PaperBoard:
    """Threads that only stand in a table.

    Attributes:
        states: by thread id.
        begun_at: when the present run has begun.
        runs: how many runs have begun.
        starts: the same, by thread id.
        refusals: what the next starts raise, and whether the run begins in spite of that.
        loses_news: whether ends are not told.
        is_stubborn: whether threads do not stop.
        reply_time: seconds from a run's beginning to the reply of its start.
        fails_after: seconds after which each run fails.
    """

    nursery: trio.Nursery
    states: dict[str, ThreadState] = attrs.field(factory=dict[str, ThreadState])
    begun_at: dict[str, float] = attrs.field(factory=dict[str, float])
    runners: dict[str, ThreadRunner] = attrs.field(factory=dict[str, ThreadRunner])
    runs: int = 0
    starts: Counter[str] = attrs.field(factory=Counter[str])
    refusals: list[tuple[Exception, bool]] = attrs.field(factory=list[tuple[Exception, bool]])
    loses_news: bool = False
    is_stubborn: bool = False
    reply_time: float = 0.0
    fails_after: float | None = None
    _news: trio.Event = attrs.field(factory=trio.Event)

    @property
    def running(self) -> list[str]:
        """Ids of the threads that run."""
        return [name for name, state in self.states.items() if state.is_running]

    def begin(self, runner: ThreadRunner) -> None:
        """A run begins."""
        assert runner.thread_id not in self.running, "two runs of one thread"
        self.states[runner.thread_id] = attrs.evolve(RUNNING, run=runner.run)
        self.begun_at[runner.thread_id] = trio.current_time()
        self.runners[runner.thread_id] = runner
        self.runs += 1
        self.starts[runner.thread_id] += 1
        self._news.set()
        self._news = trio.Event()
        if self.fails_after is not None:
            self.nursery.start_soon(self._fail_later, runner.thread_id, self.fails_after)

    async def _fail_later(self, thread_id: str, seconds: float) -> None:
        runs = self.runs
        await trio.sleep(seconds)
        if runs == self.runs:
            self.end(thread_id, FAILED)

    def end(self, thread_id: str, state: ThreadState = ENDED) -> None:
        """A run ends, if it runs."""
        if thread_id in self.running:
            state = attrs.evolve(state, run=self.states[thread_id].run)
            self.states[thread_id] = state
            if not self.loses_news:
                self.runners[thread_id].hear_end(state)

    async def has_begun(self, runs: int) -> None:
        """Waits until so many runs have begun."""
        while self.runs < runs:
            await self._news.wait()


@attrs.define(eq=False)
class PaperSession:
    """A session for threads, and nothing else.

    Attributes:
        nursery: of its tasks.
        held: threads in its care.
        told: names of the kinds of events.
        started: ids of the threads that observers were told of.
        children: how many tasks it has.
    """

    nursery: trio.Nursery
    session_id: str = "s"
    device_name: str = "paper"
    stop_timeout: float = 30.0
    is_active: bool = True
    held: dict[str, ThreadRunner] = attrs.field(factory=dict[str, ThreadRunner])
    told: list[str] = attrs.field(factory=list[str])
    started: list[str] = attrs.field(factory=list[str])
    children: int = 0
    board: PaperBoard = attrs.field(init=False)
    _number: int = 0
    _asked_at: float | None = None
    _scopes: list[trio.CancelScope] = attrs.field(factory=list[trio.CancelScope])

    def __attrs_post_init__(self) -> None:
        self.board = PaperBoard(self.nursery)

    def check_active(self) -> None:
        if not self.is_active:
            raise self.refusal()

    def refusal(self) -> Exception:
        return SessionClosedError("it has ended", session_id=self.session_id)

    def allocate_thread_id(self, name: str) -> str:
        self._number += 1
        return f"{name}-{self._number}"

    def adopt(self, runner: ThreadRunner) -> None:
        self.check_active()
        self.held[runner.thread_id] = runner

    def tell_started(self, runner: ThreadRunner) -> None:
        self.check_active()
        self.started.append(runner.thread_id)

    def discard(self, runner: ThreadRunner, *, is_known: bool) -> None:
        self.held.pop(runner.thread_id, None)

    async def check_limits(self) -> None:
        await trio.lowlevel.checkpoint()

    async def start(self, runner: ThreadRunner, code: str) -> None:
        self.check_active()
        await trio.lowlevel.checkpoint()
        if self.board.refusals:
            error, begins_anyway = self.board.refusals.pop(0)
            if begins_anyway:
                self.board.begin(runner)
            raise error
        self.board.begin(runner)
        await trio.sleep(self.board.reply_time)

    async def ask_to_stop(self, runner: ThreadRunner) -> ThreadState:
        await trio.lowlevel.checkpoint()
        state = self.board.states.get(runner.thread_id)
        if state is None:
            raise ResourceNotFoundError("no such thread")
        if state.is_running and not self.board.is_stubborn:
            self.board.end(runner.thread_id)
        return self._told(runner.thread_id)

    def _told(self, thread_id: str) -> ThreadState:
        age = trio.current_time() - self.board.begun_at[thread_id]
        return attrs.evolve(self.board.states[thread_id], last_beat=age)

    async def refresh(self, max_age: float) -> Mapping[str, ThreadState]:
        await trio.lowlevel.checkpoint()
        self.check_active()
        asked = [(runner, runner.run) for runner in self.held.values() if runner.is_on_board]
        for runner, run in asked:
            if runner.is_on_board and runner.run == run:
                state = self.board.states.get(runner.thread_id)
                if state is None or state.run != run:
                    runner.hear_lost()
                elif not state.is_running:
                    runner.hear_end(state)
        return {thread_id: self._told(thread_id) for thread_id in self.board.states}

    def start_soon(self, task: Callable[[], Awaitable[object]], *, name: str) -> None:
        self.check_active()
        self.children += 1
        self.nursery.start_soon(self._run, task)

    async def _run(self, task: Callable[[], Awaitable[object]]) -> None:
        scope = trio.CancelScope()
        self._scopes.append(scope)
        try:
            with scope:
                await task()
        finally:
            self.children -= 1

    def cancel_children(self) -> None:
        """Cancels all tasks."""
        for scope in self._scopes:
            scope.cancel()

    def tell(self, event: Event) -> None:
        self.told.append(type(event).__name__)

    def end(self) -> None:
        """Ends, without a word of the board."""
        self.cancel_children()
        for runner in [*self.held.values()]:
            runner.end()
