"""What a session may be asked to do in the machine, and what it must see then.

Each kind of call knows the code that it runs, and what comes of it in a namespace whose names are
known. There are few names, so that sessions use the same ones, and few values, so that programs
stay readable. Names hold numbers, or functions that read another name of their namespace.
"""

import abc
from collections.abc import Awaitable, Callable

import attrs
import trio

from belay_actors.device import CodeRunner
from belay_actors.errors import RemoteError, UnsupportedValueError


class IsolationError(AssertionError):
    """A session saw, or left, something else than it must."""


@attrs.frozen
class Function:
    """A function on the board that takes nothing and returns what a name holds."""

    reads: str


@attrs.frozen
class Raised:
    """An error, as the outcome of a call."""

    type_name: str
    message: str | None = None


NAMES = ("a", "b", "c")
SLEEP = "__import__('time').sleep(1000)"  # leaves no name
Names = dict[str, int | Function]
_UNSUPPORTED = Raised("UnsupportedValueError")
_NAME_ERROR = Raised("NameError")


class Call(abc.ABC):
    """Something to do in a session."""

    @property
    @abc.abstractmethod
    def code(self) -> str:
        """What runs on the board."""

    @abc.abstractmethod
    async def perform(self, runner: CodeRunner, names: Names) -> int:
        """Does it and checks what comes of it.

        Args:
            runner: the session, or the device.
            names: what its namespace holds; changed as the call changes it.

        Returns:
            How many calls were made.

        Raises:
            IsolationError: something else came of it.
            DeviceError, SessionError: the device or the session could not do it.
        """


def check(what: object, seen: object, expected: object) -> None:
    """Raises ``IsolationError`` if something is not as it must be."""
    if seen != expected:
        raise IsolationError(f"{what}: {seen!r} instead of {expected!r}")


async def get_outcome(
    method: Callable[[str], Awaitable[object]], code: str, *, with_message: bool = False
) -> object:
    """What a call gives, or the error that its code raises."""
    try:
        return await method(code)
    except RemoteError as error:
        return Raised(error.type_name, error.remote_message if with_message else None)
    except UnsupportedValueError:
        return _UNSUPPORTED


def look_up(names: Names, name: str) -> object:
    """What comes of evaluating a name."""
    value = names.get(name, _NAME_ERROR)
    return _UNSUPPORTED if isinstance(value, Function) else value


@attrs.frozen
class Assign(Call):
    """Gives a name a value."""

    name: str
    value: int

    @property
    def code(self) -> str:
        """An assignment."""
        return f"{self.name} = {self.value}"

    async def perform(self, runner: CodeRunner, names: Names) -> int:
        """Does it."""
        check(self, await get_outcome(runner.execute, self.code), "")
        names[self.name] = self.value
        return 1


@attrs.frozen
class Delete(Call):
    """Deletes a name."""

    name: str

    @property
    def code(self) -> str:
        """A ``del``."""
        return f"del {self.name}"

    async def perform(self, runner: CodeRunner, names: Names) -> int:
        """Does it."""
        seen = await get_outcome(runner.execute, self.code)
        if names.pop(self.name, None) is not None:
            check(self, seen, "")
        elif seen != Raised("KeyError"):  # which is what many firmwares raise here
            check(self, seen, _NAME_ERROR)
        return 1


@attrs.frozen
class Evaluate(Call):
    """Asks for what a name holds."""

    name: str

    @property
    def code(self) -> str:
        """The name."""
        return self.name

    async def perform(self, runner: CodeRunner, names: Names) -> int:
        """Does it."""
        seen = await get_outcome(runner.evaluate, self.code)
        check(self, seen, look_up(names, self.name))
        return 1


@attrs.frozen
class Define(Call):
    """Defines a function."""

    name: str
    reads: str

    @property
    def code(self) -> str:
        """A ``def``."""
        return f"def {self.name}(): return {self.reads}"

    async def perform(self, runner: CodeRunner, names: Names) -> int:
        """Does it."""
        check(self, await get_outcome(runner.execute, self.code), "")
        names[self.name] = Function(self.reads)
        return 1


@attrs.frozen
class CallFunction(Call):
    """Calls a function."""

    name: str

    @property
    def code(self) -> str:
        """The call."""
        return f"{self.name}()"

    async def perform(self, runner: CodeRunner, names: Names) -> int:
        """Does it."""
        seen = await get_outcome(runner.evaluate, self.code)
        check(self, seen, self._expect(names))
        return 1

    def _expect(self, names: Names) -> object:
        match names.get(self.name):
            case None:
                return _NAME_ERROR
            case Function(reads):
                return look_up(names, reads)
            case _:
                return Raised("TypeError")


@attrs.frozen
class Execute(Call):
    """Prints a text."""

    text: str

    @property
    def code(self) -> str:
        """A print."""
        return f"print({self.text!r})"

    async def perform(self, runner: CodeRunner, names: Names) -> int:
        """Does it."""
        del names  # it needs none
        check(self, await get_outcome(runner.execute, self.code), f"{self.text}\n")
        return 1


@attrs.frozen
class Fail(Call):
    """Gives a name a value, and then raises."""

    name: str
    value: int
    error: str

    @property
    def code(self) -> str:
        """An assignment and a ``raise``."""
        return f"{self.name} = {self.value}; raise {self.error}('{self.value}')"

    async def perform(self, runner: CodeRunner, names: Names) -> int:
        """Does it."""
        seen = await get_outcome(runner.execute, self.code, with_message=True)
        check(self, seen, Raised(self.error, str(self.value)))
        names[self.name] = self.value
        return 1


@attrs.frozen
class Cancel(Call):
    """Counts in a name without end, and is cancelled; or earlier, before it begins.

    Attributes:
        name: that counts.
        seconds: after which it is cancelled.
    """

    name: str
    seconds: float

    @property
    def code(self) -> str:
        """A loop."""
        return f"{self.name} = 100\nwhile True: {self.name} += 1"

    async def perform(self, runner: CodeRunner, names: Names) -> int:
        """Does it."""
        with trio.move_on_after(self.seconds) as scope:
            await runner.execute(self.code)
        check(f"{self} was cancelled", scope.cancelled_caught, True)
        seen = await get_outcome(runner.evaluate, self.name)
        if type(seen) is int and seen >= 100:  # noqa: PLR2004  # it had begun
            names[self.name] = seen
        check(f"{self}, and then {self.name}", seen, look_up(names, self.name))
        return 2


@attrs.frozen
class CancelSleep(Call):
    """Sleeps for long, and is cancelled."""

    seconds: float

    @property
    def code(self) -> str:
        """A sleep that leaves no name."""
        return SLEEP

    async def perform(self, runner: CodeRunner, names: Names) -> int:
        """Does it."""
        del names  # it needs none
        with trio.move_on_after(self.seconds) as scope:
            await runner.execute(self.code)
        check(f"{self} was cancelled", scope.cancelled_caught, True)
        check(f"{self}, and then a call", await get_outcome(runner.evaluate, "6 * 7"), 42)
        return 2
