"""From one Python function to its unit: the tree for the board, with its global names resolved."""

import ast
import copy
from types import FunctionType

import attrs

from belay_actors.functions._check import Role, check_code
from belay_actors.functions._constants import write_value
from belay_actors.functions._globals import make_names_global, rename_globals
from belay_actors.functions._imports import tool_names
from belay_actors.functions._names import find_names
from belay_actors.functions._program_names import use_bare_names
from belay_actors.functions._resolve import Program, Resolved, Resolver
from belay_actors.functions._signature import Signature
from belay_actors.functions._small import write_small
from belay_actors.functions._source import find_source, names_made
from belay_actors.functions._strip import strip
from belay_actors.functions._text import write
from belay_actors.functions._unit import Unit


@attrs.frozen(eq=False)
class Draft:
    """A function that is ready to be sent, but not yet connected with what it uses.

    Attributes:
        unit: what is to be sent.
        resolved: what its global names stand for.
    """

    unit: Unit
    resolved: Resolved


class Body:
    """A Python function that may be sent to a board.

    Attributes:
        function: the function itself.
        source: of it.
        signature: of it.

    Raises:
        UnsupportedFunctionError: a board cannot run it, or there is no source.
    """

    def __init__(self, function: FunctionType, role: Role) -> None:
        self.function = function
        self.source = find_source(function)
        self.signature = Signature(function, self.source)
        self._role = role
        check_code(self.source, role, tool_names(self.source.module))

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing but a docstring or an ellipsis in it."""
        return all(
            isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
            for statement in self.source.node.body
        )

    @property
    def names_made(self) -> frozenset[str]:
        """The names that it makes on the board, as a setup."""
        return names_made(self.source.node)

    def check_names(self, name: str, program: Program | None) -> None:
        """Checks the global names, as far as they can be known when a function is decorated.

        Raises:
            UnsupportedFunctionError: a name that no board can have.
        """
        self._resolve(name, program, is_late=False)

    def draft(self, name: str, origin: str, program: Program | None) -> Draft:
        """Makes it ready to be sent.

        Args:
            name: on the board.
            origin: for messages.
            program: that it is a member of.

        Raises:
            UnsupportedFunctionError: a name that no board can have.
        """
        tree, resolved = self._resolve(name, program, is_late=True)
        unit = Unit(
            name=name,
            origin=origin,
            file=self.source.file,
            full=write(tree),
            make_small=lambda: write_small(copy.deepcopy(tree)),
            wants=frozenset(resolved.wants),
            tools=frozenset(resolved.tools),
        )
        return Draft(unit, resolved)

    def _resolve(
        self, name: str, program: Program | None, *, is_late: bool
    ) -> tuple[ast.FunctionDef, Resolved]:
        tree = strip(self.source.node)
        tree.name = name
        self._write_defaults(tree)
        if self._role is Role.SETUP:
            make_names_global(tree)
        if program is not None:
            use_bare_names(tree, program, self.source)
        names = find_names(tree)
        resolver = Resolver(self.function, self.source, names, program, name, is_late=is_late)
        resolved = resolver.resolve()
        rename_globals(names, resolved.renamed)
        return tree, resolved

    def _write_defaults(self, tree: ast.FunctionDef) -> None:
        """Gives parameters the defaults that they have on the host, whatever made them."""
        arguments = tree.args
        defaults = self.function.__defaults__ or ()
        parameters = arguments.args[len(arguments.args) - len(defaults) :]
        for index, (parameter, value) in enumerate(zip(parameters, defaults, strict=True)):
            arguments.defaults[index] = self._default(
                parameter.arg, arguments.defaults[index], value
            )
        named = self.function.__kwdefaults__ or {}
        for index, parameter in enumerate(arguments.kwonlyargs):
            node = arguments.kw_defaults[index]
            if node is not None:
                value = named[parameter.arg]
                arguments.kw_defaults[index] = self._default(parameter.arg, node, value)

    def _default(self, name: str, node: ast.expr, value: object) -> ast.expr:
        try:
            ast.literal_eval(node)
        except ValueError:
            pass
        else:
            return node
        try:
            text = write_value(self.signature.to_plain(name, value))
        except (TypeError, ValueError) as error:
            raise self.source.refuse(
                f"the default of {name!r} cannot be sent to a board: {error}", node
            ) from error
        return ast.parse(text, mode="eval").body
