"""What the global names of a function stand for, and what it takes to have them on a board.

A name is looked up in the function's program, if it is a member of one, and then in the source of
its module: what an import binds is imported on the board, a board function is sent there, a
constant is written down, and what is only annotated a setup has to make. Values are looked at as
late as a function is first used, since its module may bind them after it.
"""

import ast
from collections.abc import Mapping
from types import FunctionType, ModuleType
from typing import Protocol

import attrs

from belay_actors.errors import UnsupportedFunctionError
from belay_actors.functions._builtins import BOARD_BUILTINS
from belay_actors.functions._constants import has_constant_name, is_constant, write_value
from belay_actors.functions._imports import import_problem, import_statements, tool_of
from belay_actors.functions._names import Names, Use
from belay_actors.functions._source import Binding, FunctionSource
from belay_actors.functions._unit import Unit, UnitSource, statement_unit

_MISSING = object()
_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


class Program(Protocol):
    """What a function needs to know of the program that it is a member of."""

    def find_member(self, name: str) -> UnitSource | None:
        """The member of that name."""
        ...

    def has_made(self, name: str) -> bool:
        """Whether one of the program's setups makes that name."""
        ...

    def is_called(self, name: str) -> bool:
        """Whether that is the name of the program's class, or of one that it is derived from."""
        ...

    def attribute(self, name: str) -> object:
        """The value of an attribute of the class; raises ``AttributeError`` if it has none."""
        ...


@attrs.define(eq=False)
class Resolved:
    """What the global names of a function have come to.

    Attributes:
        renamed: what names are called on the board, where that is something else.
        functions: other board functions that it uses.
        statements: imports and constants that it uses.
        wants: names that a setup must have made.
        tools: which of the tools of boards it uses.
    """

    renamed: dict[str, str] = attrs.field(factory=dict[str, str])
    functions: list[UnitSource] = attrs.field(factory=list[UnitSource])
    statements: list[Unit] = attrs.field(factory=list[Unit])
    wants: set[str] = attrs.field(factory=set[str])
    tools: set[str] = attrs.field(factory=set[str])


class Resolver:
    """Looks up the global names of one function.

    Args:
        function: the Python function.
        source: of it.
        names: that are in what is sent of it.
        program: that it is a member of.
        board_name: that it has on the board.
        is_late: whether values are looked at; else only what can be known when it is decorated.
    """

    def __init__(
        self,
        function: FunctionType,
        source: FunctionSource,
        names: Names,
        program: Program | None,
        board_name: str,
        *,
        is_late: bool,
    ) -> None:
        self._function = function
        self._board_name = board_name
        self._globals: Mapping[str, object] = function.__globals__
        self._source = source
        self._module = source.module
        self._uses: dict[str, list[Use]] = {}
        for use in names.global_uses():
            self._uses.setdefault(use.name, []).append(use)
        self._program = program
        self._is_late = is_late
        self._resolved = Resolved()

    def resolve(self) -> Resolved:
        """Looks up all names.

        Raises:
            UnsupportedFunctionError: a name that no board can have.
        """
        for name in self._uses:
            self._look_up(name)
        return self._resolved

    def _refuse(self, name: str, problem: str) -> UnsupportedFunctionError:
        text = f"{self._function.__name__}() uses {name!r}, which {problem}"
        return self._source.refuse(text, self._uses[name][0].node)

    def _look_up(self, name: str) -> None:
        value = self._globals.get(name, _MISSING)
        member = None if self._program is None else self._program.find_member(name)
        tool = tool_of(name, self._module)
        if member is not None:
            self._add_function(name, member)
        elif self._program is not None and self._program.has_made(name):
            self._want(name)
        elif isinstance(value, UnitSource):
            self._add_function(name, value)
        elif value is self._function:
            self._rename(name, self._board_name)
        elif tool is not None:
            self._resolved.tools.add(tool)
            self._rename(name, tool)
        elif name in self._module.bindings:
            self._look_at(name, self._module.bindings[name], value)
        elif value is not _MISSING and not name.startswith("__"):  # as __name__ does
            self._look_at_value(name, value)
        elif name in self._module.made_global or self._is_annotated_elsewhere(name):
            self._want(name)
        elif name not in BOARD_BUILTINS:
            raise self._refuse(
                name,
                "is defined nowhere: import it at the top of the module, or, if a @setup makes it, "
                f"say so there by `{name}: <its type>`",
            )

    def _is_annotated_elsewhere(self, name: str) -> bool:
        """Whether another cell of a notebook has annotated it."""
        annotations = self._globals.get("__annotations__")
        return isinstance(annotations, dict) and name in annotations

    def _want(self, name: str) -> None:
        if all(use.is_load for use in self._uses[name]):  # else it makes the name itself
            self._resolved.wants.add(name)

    def _add_function(self, name: str, function: UnitSource) -> None:
        if not function.is_callable:
            raise self._refuse(name, "a session runs by itself, once: call a @task instead")
        self._resolved.functions.append(function)
        self._rename(name, function.name)

    def _rename(self, name: str, board_name: str) -> None:
        if name == board_name:
            return
        for use in self._uses[name]:
            if use.scope.owner_of(board_name) is not None:
                raise self._refuse(
                    name,
                    f"is called {board_name!r} on the board, and so is a variable of the function: "
                    "give the variable another name",
                )
        self._resolved.renamed[name] = board_name

    def _look_at(self, name: str, bindings: tuple[Binding, ...], value: object) -> None:
        imports = [binding for binding in bindings if isinstance(binding, ast.alias)]
        if imports:
            self._add_imports(name, imports)
        elif any(isinstance(binding, _DEFINITIONS) for binding in bindings):
            if self._is_late or not any(map(_is_decorated, bindings)):
                raise self._refuse(
                    name, "stays on the host: decorate it with @task, or define it inside"
                )
        elif name in self._module.made_by_setups or all(map(_is_bare, bindings)):
            self._want(name)
        else:
            self._add_constant(name, value, bindings[-1].lineno)

    def _look_at_value(self, name: str, value: object) -> None:
        """A name of another cell of a notebook, of whose source only the value is known."""
        line = self._source.node.lineno
        if isinstance(value, ModuleType):
            self._add_statement(name, f"import {value.__name__} as {name}\n", line)
        else:
            self._add_constant(name, value, line)

    def _add_imports(self, name: str, aliases: list[ast.alias]) -> None:
        for alias in aliases:
            problem = import_problem(alias, self._module.imports[alias])
            if problem is not None:
                raise self._refuse(name, problem)
        statements = import_statements(aliases, self._module)
        self._add_statement(name, statements, aliases[0].lineno)

    def _add_constant(self, name: str, value: object, line: int) -> None:
        if not has_constant_name(name):
            raise self._refuse(
                name,
                "is a variable of the host's module: pass it as an argument; a constant has a name "
                "in capitals, and what a @setup makes is only annotated in the module",
            )
        if not self._is_late:
            return
        if value is _MISSING:
            raise self._refuse(name, "has no value yet")
        if not is_constant(value):
            raise self._refuse(
                name,
                f"is a {type(value).__name__}: a constant is made of None, bool, numbers, str, "
                "bytes, range, tuple and frozenset; pass anything else as an argument",
            )
        statement = f"{name} = {write_value(value)}\n"
        self._add_statement(name, statement, line, origin=f"{name} of {self._source.file}")

    def _add_statement(
        self, name: str, statements: str, line: int, *, origin: str | None = None
    ) -> None:
        origin = origin or "; ".join(statements.splitlines())
        unit = statement_unit(name, statements, self._source.file, line, origin=origin)
        self._resolved.statements.append(unit)


def _is_decorated(binding: Binding) -> bool:
    return isinstance(binding, _DEFINITIONS) and bool(binding.decorator_list)


def _is_bare(binding: Binding) -> bool:
    return isinstance(binding, ast.AnnAssign) and binding.value is None
