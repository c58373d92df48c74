"""Thread functions: functions that run in a thread of the board, beside all else."""

from collections.abc import Callable
from typing import Generic, ParamSpec, Self, overload

from belay_actors.functions._caller import FunctionCaller, ProgramInstance, RunningThread, view
from belay_actors.functions._check import Role
from belay_actors.functions._function import BoardFunction
from belay_actors.functions._options import ThreadOptions

P = ParamSpec("P")


class ThreadFunction(BoardFunction[P, None]):
    """A function for a thread. ``await session.start_thread(blink, 100)`` starts one on a board.

    Attributes:
        options: what was set where it was decorated.
    """

    role = Role.THREAD

    def __init__(self, function: Callable[P, None], options: ThreadOptions) -> None:
        super().__init__(function, options.name)
        self._call: Callable[P, None] = function
        self.options = options

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> None:
        """Runs the Python function on the host."""
        self._call(*args, **kwargs)

    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...

    @overload
    def __get__(self, instance: ProgramInstance, owner: type) -> "BoundThreadFunction[P]": ...

    @overload
    def __get__(self, instance: object, owner: type) -> Self: ...

    def __get__(self, instance: object, owner: type) -> "Self | BoundThreadFunction[P]":
        """Gives a program's own, and an instance's that is bound to its session."""
        member = view(self, owner)
        if isinstance(instance, ProgramInstance):
            return BoundThreadFunction(member, instance.session)
        return member


class BoundThreadFunction(Generic[P]):
    """A thread function of a program in a session.

    Attributes:
        thread: the thread function itself.
    """

    def __init__(self, thread: ThreadFunction[P], caller: FunctionCaller) -> None:
        self.thread = thread
        self._caller = caller

    async def __call__(self, *args: P.args, **kwargs: P.kwargs) -> RunningThread:
        """Starts it on the board. As ``session.start_thread``."""
        return await self._caller.start_thread(self.thread, *args, **kwargs)


@overload
def thread(function: Callable[P, None], /) -> ThreadFunction[P]: ...


@overload
def thread(
    *, name: str | None = None, auto_restart: bool = False, max_runtime: float | None = None
) -> Callable[[Callable[P, None]], ThreadFunction[P]]: ...


def thread(
    function: Callable[P, None] | None = None,
    /,
    *,
    name: str | None = None,
    auto_restart: bool = False,
    max_runtime: float | None = None,
) -> ThreadFunction[P] | Callable[[Callable[P, None]], ThreadFunction[P]]:
    """Decorates a function that is to run in a thread of boards.

    Nothing can stop a thread from outside: the function asks ``should_stop()`` again and again, and
    sleeps by ``sleep_ms()`` (``from belay_actors.board import should_stop, sleep_ms``). What else
    it may use is as for ``@task``.

    Args:
        function: the function, where no option is given.
        name: on the board; by default the function's own.
        auto_restart: whether a thread that fails is started again, after a pause.
        max_runtime: seconds after which it is stopped.

    Raises:
        UnsupportedFunctionError: a board cannot run it, or could never stop it; the message says
            where, why, and what to write instead.
        TypeError, ValueError: an option makes no sense.
    """
    options = ThreadOptions(name=name, auto_restart=auto_restart, max_runtime=max_runtime)

    def decorate(function: Callable[P, None]) -> ThreadFunction[P]:
        return ThreadFunction(function, options)

    return decorate if function is None else decorate(function)
