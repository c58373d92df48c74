"""Programs: setups, tasks, threads and teardowns that belong together, as a class."""

import inspect
from typing import TypeVar

from belay_actors.errors import UnsupportedFunctionError
from belay_actors.functions._caller import ProgramInstance
from belay_actors.functions._function import BoardFunction
from belay_actors.functions._generator import GeneratorTask
from belay_actors.functions._setup import Setup, Teardown
from belay_actors.functions._task import Task
from belay_actors.functions._thread import ThreadFunction

Member = BoardFunction[..., object]
M = TypeVar("M")

_MISSING = object()
_RESERVED = "session"


class DeviceProgram(ProgramInstance):
    """The base of programs: classes whose members run on a board, in one session.

    Members have no ``self``; they use names that setups of the class, or of those it is derived
    from, have made, and each other, by ``Rig.mean(10)`` or just ``mean(10)``. A member takes the
    place of one of the same name in a class that it is derived from.

    Args:
        session: that the program is in.

    Raises:
        UnsupportedFunctionError: when a class is derived from it: its members do not fit together.
    """

    def __init_subclass__(cls, **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)
        names = _ProgramNames(cls)
        collected = _collect(cls)
        cls.views = {member: member.in_program(names) for member in collected.values()}
        names.members = {name: cls.views[member] for name, member in collected.items()}
        names.check()


def setups_of(program: type[DeviceProgram]) -> tuple[Setup[...], ...]:
    """Returns the setups of a program in their order: those of base classes come first."""
    return _members_of(program, Setup)


def teardowns_of(program: type[DeviceProgram]) -> tuple[Teardown[...], ...]:
    """Returns the teardowns of a program, those of base classes first: to be run backwards."""
    return _members_of(program, Teardown)


def tasks_of(
    program: type[DeviceProgram],
) -> tuple[Task[..., object] | GeneratorTask[..., object], ...]:
    """Returns the tasks of a program, those of base classes first."""
    return tuple(
        member for member in program.views.values() if isinstance(member, Task | GeneratorTask)
    )


def threads_of(program: type[DeviceProgram]) -> tuple[ThreadFunction[...], ...]:
    """Returns the thread functions of a program, those of base classes first."""
    return _members_of(program, ThreadFunction)


def _members_of(program: type[DeviceProgram], kind: type[M]) -> tuple[M, ...]:
    return tuple(member for member in program.views.values() if isinstance(member, kind))


def arguments_for(program: type[DeviceProgram], member: Member) -> dict[str, object]:
    """Returns the arguments of a setup or teardown: attributes of the program's class.

    Args:
        program: whose setup it is.
        member: the setup or teardown.

    Raises:
        UnsupportedFunctionError: the class has no value for a parameter that needs one.
    """
    arguments: dict[str, object] = {}
    for name, is_required in member.parameters.items():
        value = getattr(program, name, _MISSING)
        if value is not _MISSING:
            arguments[name] = value
        elif is_required:
            raise _missing_attribute(program, member, name)
    return arguments


def _missing_attribute(
    program: type[DeviceProgram], member: Member, name: str
) -> UnsupportedFunctionError:
    return member.refuse(
        f"{member.name}() needs {name!r}, and {program.__name__} has no such attribute: give the "
        "class one"
    )


def _collect(program: type[DeviceProgram]) -> dict[str, Member]:
    """Finds the members by name: those of base classes first, in order of definition."""
    members: dict[str, Member] = {}
    for base in reversed(program.__mro__):
        for name, value in vars(base).items():
            if isinstance(value, BoardFunction):
                members[name] = value
            elif name in members:
                del members[name]
    return members


class _ProgramNames:
    """The names of a program, as its members use them.

    Attributes:
        members: by the names that they have in the class.
    """

    def __init__(self, program: type[DeviceProgram]) -> None:
        self._program = program
        self.members: dict[str, Member] = {}

    def find_member(self, name: str) -> Member | None:
        """The member of that name."""
        return self.members.get(name)

    def has_made(self, name: str) -> bool:
        """Whether one of the program's setups makes that name."""
        return any(
            name in member.names_made
            for member in self.members.values()
            if isinstance(member, Setup)
        )

    def is_called(self, name: str) -> bool:
        """Whether that is the name of the program's class, or of one that it is derived from."""
        bases = (base for base in self._program.__mro__ if issubclass(base, DeviceProgram))
        return any(name == base.__name__ for base in bases)

    def attribute(self, name: str) -> object:
        """The value of an attribute of the class; raises ``AttributeError`` if it has none."""
        return inspect.getattr_static(self._program, name)

    def check(self) -> None:
        """Checks that the members fit together.

        Raises:
            UnsupportedFunctionError: they do not.
        """
        by_name: dict[str, Member] = {}
        for name, member in self.members.items():
            if name == _RESERVED:
                raise member.refuse(f"a program's {name!r} is the session that it is in")
            other = by_name.setdefault(member.name, member)
            if other is not member:
                raise member.refuse(f"{other.qualname} is called {member.name!r} on the board, too")
            if self.has_made(member.name):
                raise member.refuse(f"a setup makes a {member.name!r}, too: give one another name")
            if isinstance(member, Setup | Teardown):
                self._check_parameters(member)
        for member in self.members.values():
            member.check_names()

    def _check_parameters(self, member: Member) -> None:
        declared = {
            name for base in self._program.__mro__ for name in vars(base).get("__annotations__", ())
        }
        for name, is_required in member.parameters.items():
            if is_required and name not in declared and not hasattr(self._program, name):
                raise _missing_attribute(self._program, member, name)
