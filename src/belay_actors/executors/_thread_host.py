"""What an executor of threads and its session ask of each other."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

from belay_actors.device import ThreadState
from belay_actors.observe import Event


class ThreadRunner(Protocol):
    """Runs a thread of the board, perhaps again and again; the session knows it by its id."""

    @property
    def thread_id(self) -> str:
        """Unique in the session."""
        ...

    @property
    def name(self) -> str:
        """Of what it runs."""
        ...

    @property
    def run(self) -> int:
        """The number of its present, or last, start."""
        ...

    @property
    def is_on_board(self) -> bool:
        """Whether that start is over, and no end of it is known."""
        ...

    def hear_end(self, state: ThreadState) -> None:
        """The present run has ended."""

    def hear_lost(self) -> None:
        """The board does not know the present run."""

    def end(self) -> None:
        """The session has ended."""

    async def give_back(self) -> None:
        """Stops the thread for good; returns when the board has confirmed that."""


class ThreadHost(Protocol):
    """What a session does for threads of its board."""

    @property
    def session_id(self) -> str:
        """Of the session."""
        ...

    @property
    def device_name(self) -> str:
        """Of its device."""
        ...

    @property
    def stop_timeout(self) -> float:
        """Seconds that a thread may take to stop."""
        ...

    @property
    def is_active(self) -> bool:
        """Whether the session takes calls."""
        ...

    def refusal(self) -> Exception:
        """The error for those who ask for more when it does not."""
        ...

    def allocate_thread_id(self, name: str) -> str:
        """Returns an id that no thread of the session has had."""
        ...

    def adopt(self, runner: ThreadRunner) -> None:
        """Takes a thread that is about to be started into the session's care."""

    def tell_started(self, runner: ThreadRunner) -> None:
        """Tells the observers of it; raises if the session is ending, and stops the thread."""

    def discard(self, runner: ThreadRunner, *, is_known: bool) -> None:
        """Forgets a thread that has ended; later on the board, too, if that knows it."""

    async def check_limits(self) -> None:
        """Raises ``DeviceCapabilityError`` if the board can run no more threads."""

    async def start(self, runner: ThreadRunner, code: str) -> None:
        """Starts the present run."""

    async def ask_to_stop(self, runner: ThreadRunner) -> ThreadState:
        """Asks it to stop; raises ``ResourceNotFoundError`` if the board does not know it."""
        ...

    async def refresh(self, max_age: float) -> Mapping[str, ThreadState]:
        """Asks the board for all threads, unless that was done so many seconds ago or less.

        Runners hear what is new. Returns what the board has answered last.
        """
        ...

    def start_soon(self, task: Callable[[], Awaitable[object]], *, name: str) -> None:
        """Starts a task that belongs to the session."""

    def tell(self, event: Event) -> None:
        """Tells the observers."""
