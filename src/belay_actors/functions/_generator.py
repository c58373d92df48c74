"""Generator tasks: functions that a board runs and that yield values, one after the other."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager
from typing import Generic, ParamSpec, Self, TypeVar, overload

from belay_actors.functions._caller import FunctionCaller, ProgramInstance, view
from belay_actors.functions._check import Role
from belay_actors.functions._function import BoardFunction
from belay_actors.functions._options import TaskOptions

P = ParamSpec("P")
T_co = TypeVar("T_co", covariant=True)


class GeneratorTask(BoardFunction[P, T_co]):
    """A task that yields. ``async with session.stream(samples, 10) as items`` runs it on a board.

    Attributes:
        options: what was set where it was decorated.
    """

    role = Role.TASK
    _yields = True

    def __init__(self, function: Callable[P, Iterator[T_co]], options: TaskOptions) -> None:
        super().__init__(function, options.name)
        self._call: Callable[P, Iterator[T_co]] = function
        self.options = options

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Iterator[T_co]:
        """Runs the Python function on the host."""
        return self._call(*args, **kwargs)

    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...

    @overload
    def __get__(self, instance: ProgramInstance, owner: type) -> "BoundGeneratorTask[P, T_co]": ...

    @overload
    def __get__(self, instance: object, owner: type) -> Self: ...

    def __get__(self, instance: object, owner: type) -> "Self | BoundGeneratorTask[P, T_co]":
        """Gives a program's own, and an instance's that is bound to its session."""
        member = view(self, owner)
        if isinstance(instance, ProgramInstance):
            return BoundGeneratorTask(member, instance.session)
        return member


class BoundGeneratorTask(Generic[P, T_co]):
    """A generator task of a program in a session.

    Attributes:
        task: the task itself.
    """

    def __init__(self, task: GeneratorTask[P, T_co], caller: FunctionCaller) -> None:
        self.task = task
        self._caller = caller

    def __call__(
        self, *args: P.args, **kwargs: P.kwargs
    ) -> AbstractAsyncContextManager[AsyncIterator[T_co]]:
        """Runs it on the board; the scope gives its items. As ``session.stream``."""
        return self._caller.stream(self.task, *args, **kwargs)
