"""The life of a thread on a board, all of its runs together, as the host follows it.

It is moved on by events: the board tells a run's end by a frame, the session its own end. A frame
may be lost, so whoever waits asks the board now and then, too. It needs no task of its own; one
that is to be restarted, or has a time limit, has (``_thread_tending.py``).

``run`` counts the starts. A run is started by one call, which is never made twice: if nobody knows
what came of it, the board is asked, and what is there is stopped.
"""

import math
from collections.abc import Callable
from contextlib import suppress

import trio

from belay_actors.device import ThreadState, ThreadStatus
from belay_actors.errors import (
    BelayError,
    DeviceCapabilityError,
    RemoteError,
    ResourceNotFoundError,
    SessionError,
    UnstoppableThreadError,
)
from belay_actors.executors._thread_host import ThreadHost
from belay_actors.functions import ThreadHandleState, ThreadHandleStatus
from belay_actors.observe import ThreadEnded, ThreadFailed

# Seconds between questions while it is to stop. An actor that was asked something listens to nobody
# for some 20 ms, so the first ones are quicker than the board's own word.
_FIRST_STOP_POLL, _LONGEST_STOP_POLL = 0.005, 1.0

MakeError = Callable[[], BelayError]
Status = ThreadHandleStatus


class ThreadLife:
    """One thread of a session.

    Args:
        host: the session.
        name: of what it runs.
        code: that a run runs.
        poll: seconds between questions to the board, whose own word should have come.
        map_traceback: what to make of a board's traceback.
        on_end: is called when it has ended for good, or will never begin.
    """

    def __init__(
        self,
        host: ThreadHost,
        name: str,
        code: str,
        *,
        poll: float,
        map_traceback: Callable[[str], str],
        on_end: Callable[[], None],
    ) -> None:
        self.host = host
        self.name = name
        self.thread_id = host.allocate_thread_id(name)
        self.run = 0
        self._code = code
        self._poll = poll
        self._map_traceback = map_traceback
        self._on_end = on_end
        self._is_tended = False  # somebody will start it again
        self._tending: trio.CancelScope | None = None  # of whoever does, or limits its time
        self._is_starting = False
        self._may_run = False  # on the board
        self._is_stopping = self._is_stopped_by_session = self._is_unstoppable = False
        self._is_timed_out = False
        self._is_told = False  # observers know of it
        self._final: Status | None = None
        self._make_failure: MakeError | None = None  # of the last run
        self._last = ThreadState(ThreadStatus.ENDED)  # where the board need not be asked any more
        self._make_loss: Callable[[], Exception] = host.refusal
        self._began_at = -math.inf
        self._sign_of_life = -math.inf  # on trio's clock
        self._news = trio.Event()

    # What is known of it.

    @property
    def state(self) -> ThreadHandleState:
        """All at once."""
        return ThreadHandleState(
            status=self._status,
            restarts=max(self.run - 1, 0),
            error=None if self._make_failure is None else self._make_failure(),
            is_timed_out=self._is_timed_out,
        )

    @property
    def _status(self) -> Status:
        if self._final is not None:
            return self._final
        if self._is_stopping:
            return Status.UNSTOPPABLE if self._is_unstoppable else Status.STOPPING
        if self.is_on_board:
            return Status.RUNNING
        return Status.STARTING if self._is_starting and self.run == 1 else Status.RESTARTING

    @property
    def is_over(self) -> bool:
        """Whether it has ended for good."""
        return self._final is not None

    @property
    def is_on_board(self) -> bool:
        """Whether its present start is over, and no end of it is known."""
        return self._may_run and not self._is_starting

    def make_end_error(self) -> Exception | None:
        """Returns what those get who have waited for its end."""
        if self._final is Status.FAILED and self._make_failure is not None:
            return self._make_failure()
        if self._final is Status.LOST or self._is_stopped_by_session:
            return self._make_loss()
        return None

    # Its runs.

    async def start(self) -> None:
        """Starts it, for the first time. Raises as the session's ``start``.

        Cancellation: what was started is stopped again, within the session's time for that.
        """
        self.host.adopt(self)
        try:
            await self._start_run()
        except BaseException:
            # What cannot be stopped now is the session's, which tries again when it ends.
            if self._may_run:
                with trio.move_on_after(self.host.stop_timeout, shield=True), suppress(BelayError):
                    await self.give_back()
            if not self._may_run and not self.is_over:
                self.host.discard(self, is_known=False)
                self._on_end()
            raise
        self.host.tell_started(self)
        self._is_told = True
        if self._final is not None:
            self._tell_end(self._final)

    async def _start_run(self) -> None:
        self.run += 1
        self._is_starting = self._may_run = True
        self._make_failure = None
        try:
            await self.host.start(self, self._code)
        except (RemoteError, DeviceCapabilityError, ValueError):  # it was not started
            self._may_run = False
            raise
        finally:
            self._is_starting = False
            self._began_at = self._sign_of_life = trio.current_time()
            self._tell_news()

    def hear_end(self, state: ThreadState) -> None:
        """The present run has ended. Called by the session."""
        if not self._may_run:
            return
        self._may_run = False
        self._last = state
        if state.status is not ThreadStatus.FAILED:
            self._finish(Status.STOPPED if self._is_stopping else Status.RETURNED)
            return
        traceback = self._map_traceback(state.traceback)
        about = traceback, self.host.device_name, self.host.session_id
        self._fail(lambda: state.make_error(*about))

    def hear_lost(self) -> None:
        """The board does not know the present run. Called by the session."""
        if not self._may_run:
            return
        self._may_run = False
        if self._is_stopping:  # it had not begun
            self._finish(Status.STOPPED)
            return
        self._make_failure = self._make_loss = lambda: SessionError(
            f"the board does not know the thread {self.thread_id!r}; its start may have failed, or "
            "a program has changed the library's own code there",
            device=self.host.device_name,
            session_id=self.host.session_id,
        )
        if not self._is_tended:
            self._finish(Status.LOST)
        self._tell_news()

    def end(self) -> None:
        """The session has ended. Called by it."""
        if not self.is_over:
            self._may_run = False
            self._make_loss = self.host.refusal
            self._finish(Status.LOST)

    def _fail(self, make_failure: MakeError) -> None:
        self._make_failure = make_failure
        if self._is_stopping or not self._is_tended or not self.host.is_active:
            self._finish(Status.FAILED)
        self._tell_news()

    def _finish(self, status: Status) -> None:
        self._final = status
        self._is_unstoppable = False
        if self._tending is not None:
            self._tending.cancel()
        self.host.discard(self, is_known=True)
        self._on_end()
        self._tell_end(status)
        self._tell_news()

    def _tell_news(self) -> None:
        self._news.set()
        self._news = trio.Event()

    # Waiting.

    async def wait_over(self) -> None:
        """Waits until it has ended for good. Cancellation: harmless."""
        await trio.lowlevel.checkpoint()
        while not self.is_over:
            if not await self._hears_news(self._poll):
                with suppress(BelayError):  # its session will end, and tell
                    await self._refresh(self._poll / 2)

    async def _hears_news(self, seconds: float) -> bool:
        """Waits for news; returns whether they came in time."""
        with trio.move_on_after(seconds):
            await self._news.wait()
            return True
        return False

    async def _refresh(self, max_age: float) -> ThreadState | None:
        """Asks the board, as the session's ``refresh``; returns what it says of this thread."""
        states = await self.host.refresh(max_age)
        state = states.get(self.thread_id)
        if state is not None:
            self._note_beat(state)
        return state

    def _note_beat(self, state: ThreadState) -> None:
        self._sign_of_life = trio.current_time() - state.last_beat

    async def ask(self) -> ThreadState:
        """Asks the board for it, unless it has ended for good; see ``ThreadHandle.get_state``."""
        await trio.lowlevel.checkpoint()
        return (None if self.is_over else await self._refresh(0.0)) or self._last

    # Its end.

    async def stop(self) -> None:
        """Stops it for good, in the session's time for that; see ``ThreadHandle.stop``."""
        with trio.move_on_after(self.host.stop_timeout):
            try:
                await self.give_back()
            except BelayError:
                if self.host.is_active:
                    raise
                await self.wait_over()  # the session's end stops it
        if self._final is Status.LOST:
            raise self._make_loss()
        if not self.is_over:
            self._is_unstoppable = True
            raise self._make_unstoppable()

    async def give_back(self) -> None:
        """Stops it for good, and waits for that without a limit. For the session, too.

        Raises:
            BelayError: the board, or the session, does not do it.

        Cancellation: it was asked to stop, and will not be started again.
        """
        if not self.is_over:
            self._is_stopping = True
            self._is_stopped_by_session = not self.host.is_active
            self._make_loss = self.host.refusal
            if self._tending is not None:
                self._tending.cancel()
        while self._is_starting:
            await self._news.wait()
        if self._may_run:
            await self._stop_run()
        elif not self.is_over:
            self._finish(Status.STOPPED)
        await trio.lowlevel.checkpoint()

    async def _stop_run(self) -> None:
        try:
            state = await self.host.ask_to_stop(self)
        except ResourceNotFoundError:
            self.hear_lost()
            return
        if state.run != self.run:  # this one has not begun, and never will
            self.hear_lost()
            return
        self._note_beat(state)
        if not state.is_running:
            self.hear_end(state)
        pause = _FIRST_STOP_POLL
        while not self.is_over:
            if not await self._hears_news(pause):
                await self._refresh(pause / 2)
            pause = min(2 * pause, _LONGEST_STOP_POLL)

    def _make_unstoppable(self) -> UnstoppableThreadError:
        last_beat = trio.current_time() - self._sign_of_life
        return UnstoppableThreadError(
            f"the thread {self.thread_id!r} was asked to stop, and still runs after "
            f"{self.host.stop_timeout:g} s; its last sign of life was {last_beat:.1f} s ago. Only "
            "a reset of the board ends a thread that calls neither should_stop() nor sleep_ms()",
            thread_id=self.thread_id,
            last_beat=last_beat,
            device=self.host.device_name,
            session_id=self.host.session_id,
        )

    # What observers hear.

    @property
    def _failure_name(self) -> str:
        error = None if self._make_failure is None else self._make_failure()
        return error.type_name if isinstance(error, RemoteError) else type(error).__name__

    def _tell_end(self, status: Status) -> None:
        if not self._is_told:
            return
        if status is Status.FAILED:
            self.host.tell(
                ThreadFailed(
                    session_id=self.host.session_id,
                    device=self.host.device_name,
                    thread_id=self.thread_id,
                    method_name=self.name,
                    restarts=self.run - 1,
                    error=self._failure_name,
                )
            )
        else:
            self.host.tell(
                ThreadEnded(
                    session_id=self.host.session_id,
                    device=self.host.device_name,
                    thread_id=self.thread_id,
                    method_name=self.name,
                    status=status.value,
                    restarts=self.run - 1,
                )
            )
