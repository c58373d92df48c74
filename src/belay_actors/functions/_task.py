"""Tasks: functions that a board runs and that return a value."""

import inspect
from collections.abc import Callable, Iterator
from typing import Generic, ParamSpec, Protocol, Self, TypeVar, overload

from belay_actors.functions._caller import FunctionCaller, ProgramInstance, view
from belay_actors.functions._check import Role, check_callable
from belay_actors.functions._function import BoardFunction
from belay_actors.functions._generator import GeneratorTask
from belay_actors.functions._options import TaskOptions

P = ParamSpec("P")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)
T = TypeVar("T")


class Task(BoardFunction[P, R_co]):
    """A function that returns a value. ``await session.call(mean, 10)`` runs it on a board.

    Attributes:
        options: what was set where it was decorated.
    """

    role = Role.TASK

    def __init__(self, function: Callable[P, R_co], options: TaskOptions) -> None:
        super().__init__(function, options.name)
        if self.says_that_it_yields:
            raise self.refuse(f"{self.name}() returns an iterator: yield its items instead")
        self._call: Callable[P, R_co] = function
        self.options = options

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R_co:
        """Runs the Python function on the host."""
        return self._call(*args, **kwargs)

    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...

    @overload
    def __get__(self, instance: ProgramInstance, owner: type) -> "BoundTask[P, R_co]": ...

    @overload
    def __get__(self, instance: object, owner: type) -> Self: ...

    def __get__(self, instance: object, owner: type) -> "Self | BoundTask[P, R_co]":
        """Gives a program's own, and an instance's that is bound to its session."""
        member = view(self, owner)
        if isinstance(instance, ProgramInstance):
            return BoundTask(member, instance.session)
        return member


class BoundTask(Generic[P, R_co]):
    """A task of a program in a session.

    Attributes:
        task: the task itself.
    """

    def __init__(self, task: Task[P, R_co], caller: FunctionCaller) -> None:
        self.task = task
        self._caller = caller

    async def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R_co:
        """Calls it on the board. As ``session.call``."""
        return await self._caller.call(self.task, *args, **kwargs)


class TaskDecorator(Protocol):
    """What ``@task`` with options is."""

    @overload
    def __call__(  # type: ignore[overload-overlap]
        self, function: Callable[P, Iterator[T]], /
    ) -> GeneratorTask[P, T]: ...

    @overload
    def __call__(self, function: Callable[P, R], /) -> Task[P, R]: ...


@overload
def task(  # type: ignore[overload-overlap]
    function: Callable[P, Iterator[T]], /
) -> GeneratorTask[P, T]: ...


@overload
def task(function: Callable[P, R], /) -> Task[P, R]: ...


@overload
def task(
    *,
    name: str | None = None,
    timeout: float | None = None,
    exclusive: bool = False,
    idempotent: bool = False,
    cache_result: float | None = None,
) -> TaskDecorator: ...


def task(
    function: Callable[..., object] | None = None,
    /,
    *,
    name: str | None = None,
    timeout: float | None = None,  # of each call, set where it is written
    exclusive: bool = False,
    idempotent: bool = False,
    cache_result: float | None = None,
) -> object:
    """Decorates a function that boards are to run; a generator function becomes a stream.

    The function must be complete in itself, but for names of its module: what is imported there,
    other tasks, constants in capitals, and what a ``@setup`` makes, which is annotated there
    (``led: Pin``). Its source is sent when it is first called in a session, without annotations.

    Args:
        function: the function, where no option is given.
        name: on the board; by default the function's own.
        timeout: seconds that a call may run.
        exclusive: nothing of other sessions runs in the course of a call.
        idempotent: a call may be made again if nobody knows whether it was done.
        cache_result: seconds for which a result may stand for another call with the same arguments
            on the same device.

    Raises:
        UnsupportedFunctionError: a board cannot run it; the message says where, why, and what to
            write instead.
        TypeError, ValueError: an option makes no sense.
    """
    options = TaskOptions(
        name=name,
        timeout=timeout,
        exclusive=exclusive,
        idempotent=idempotent,
        cache_result=cache_result,
    )

    def decorate(function: Callable[..., object]) -> object:
        if inspect.isgeneratorfunction(check_callable(function, Role.TASK)):
            return GeneratorTask(function, options)  # type: ignore[arg-type]
        return Task(function, options)

    return decorate if function is None else decorate(function)
