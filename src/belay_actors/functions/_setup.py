"""Setups and teardowns: what a session runs on the board when it begins, and when it ends."""

from collections.abc import Callable
from typing import ParamSpec, Self, overload

from belay_actors.functions._caller import view
from belay_actors.functions._check import Role
from belay_actors.functions._function import BoardFunction
from belay_actors.functions._options import SetupOptions

P = ParamSpec("P")


class _Frame(BoardFunction[P, None]):
    """What a setup and a teardown have in common."""

    is_callable = False

    def __init__(self, function: Callable[P, None]) -> None:
        super().__init__(function, None)
        self._call: Callable[P, None] = function

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> None:
        """Runs the Python function on the host."""
        self._call(*args, **kwargs)

    def __get__(self, instance: object, owner: type) -> Self:
        """Gives a program's own."""
        return view(self, owner)


class Setup(_Frame[P]):
    """A function that a session runs once, before all else.

    Attributes:
        options: what was set where it was decorated.
    """

    role = Role.SETUP

    def __init__(self, function: Callable[P, None], options: SetupOptions) -> None:
        super().__init__(function)
        self.options = options


class Teardown(_Frame[P]):
    """A function that a session runs when it ends, whatever way it does."""

    role = Role.TEARDOWN


@overload
def setup(function: Callable[P, None], /) -> Setup[P]: ...


@overload
def setup(*, critical: bool = True) -> Callable[[Callable[P, None]], Setup[P]]: ...


def setup(
    function: Callable[P, None] | None = None, /, *, critical: bool = True
) -> Setup[P] | Callable[[Callable[P, None]], Setup[P]]:
    """Decorates a function that a session runs on the board when it begins.

    All names that it binds are global on the board: tasks, threads and teardowns use them by name.
    In a ``DeviceProgram``, its parameters are given the class's attributes of the same names.

    Args:
        function: the function, where no option is given.
        critical: whether the session cannot go on if it fails.

    Raises:
        UnsupportedFunctionError: a board cannot run it; the message says where, why, and what to
            write instead.
        TypeError: an option makes no sense.
    """
    options = SetupOptions(critical=critical)

    def decorate(function: Callable[P, None]) -> Setup[P]:
        return Setup(function, options)

    return decorate if function is None else decorate(function)


def teardown(function: Callable[P, None], /) -> Teardown[P]:
    """Decorates a function that a session runs on the board when it ends.

    In a ``DeviceProgram``, its parameters are given the class's attributes of the same names.

    Args:
        function: the function.

    Raises:
        UnsupportedFunctionError: a board cannot run it; the message says where, why, and what to
            write instead.
    """
    return Teardown(function)
