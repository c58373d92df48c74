"""What a program's instance calls its functions through: the session, seen from below."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, ClassVar, ParamSpec, Protocol, TypeVar, cast

from belay_actors.functions._function import BoardFunction
from belay_actors.functions._thread_state import ThreadHandleState

if TYPE_CHECKING:
    from belay_actors.functions._generator import GeneratorTask
    from belay_actors.functions._task import Task
    from belay_actors.functions._thread import ThreadFunction

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")


class RunningThread(Protocol):
    """A thread of a board, as whoever has started it sees it.

    Attributes:
        thread_id: unique in the session.
        name: of the function.
    """

    thread_id: str
    name: str

    @property
    def state(self) -> ThreadHandleState:
        """What is known of it now; the board is not asked."""
        ...

    async def stop(self) -> None:
        """Stops it, and waits until the board says that it has ended."""

    async def wait(self) -> None:
        """Waits until it has ended."""


class FunctionCaller(Protocol):
    """What a session does with board functions."""

    async def call(self, function: "Task[P, R]", /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Calls a task on the board."""
        ...

    def stream(
        self, function: "GeneratorTask[P, T]", /, *args: P.args, **kwargs: P.kwargs
    ) -> AbstractAsyncContextManager[AsyncIterator[T]]:
        """Runs a generator on the board; gives its items."""
        ...

    async def start_thread(
        self, function: "ThreadFunction[P]", /, *args: P.args, **kwargs: P.kwargs
    ) -> RunningThread:
        """Starts a thread on the board."""
        ...


class ProgramInstance:
    """A program in a session."""

    views: ClassVar[Mapping[BoardFunction[..., object], BoardFunction[..., object]]] = {}

    def __init__(self, session: FunctionCaller) -> None:
        self._session = session

    @property
    def session(self) -> FunctionCaller:
        """The session that it is in."""
        return self._session


F = TypeVar("F", bound=BoardFunction[..., object])


def view(function: F, owner: type) -> F:
    """Returns a function as it is in a program; itself, in any other class."""
    if not issubclass(owner, ProgramInstance):
        return function
    return cast(F, owner.views.get(function, function))
