"""Which names a function binds and uses, and whose they are: by Python's scoping rules.

A name belongs to the innermost function (or lambda, or comprehension) around it that binds it; the
body of a class is a scope of its own that functions in it do not see; what nobody binds is global.
"""

import ast
import enum
from collections.abc import Iterator, Mapping

import attrs

_Comprehension = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
_Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


class ScopeKind(enum.Enum):
    """What makes a scope."""

    FUNCTION = "function"
    CLASS = "class"
    COMPREHENSION = "comprehension"


@attrs.define(eq=False)
class Scope:
    """One scope.

    Attributes:
        kind: of what it is the scope.
        parent: the scope around it; ``None`` for the function itself.
        bound: names that it binds.
        declared_global: names that it declares global.
        declared_nonlocal: names that it declares nonlocal.
    """

    kind: ScopeKind
    parent: "Scope | None"
    bound: set[str] = attrs.field(factory=set[str])
    declared_global: set[str] = attrs.field(factory=set[str])
    declared_nonlocal: set[str] = attrs.field(factory=set[str])

    def owner_of(self, name: str) -> "Scope | None":
        """The scope that a name used here belongs to; ``None`` if it is global."""
        scope: Scope | None = self
        while scope is not None:
            if scope.kind is not ScopeKind.CLASS or scope is self:
                if name in scope.declared_global:
                    return None
                if name in scope.bound and name not in scope.declared_nonlocal:
                    return scope
            scope = scope.parent
        return None


@attrs.frozen(eq=False)
class Use:
    """One place where a name stands.

    Attributes:
        name: as it is written.
        scope: that it stands in.
        node: what holds the name.
        is_load: whether it is read there.
    """

    name: str
    scope: Scope
    node: ast.AST
    is_load: bool

    @property
    def is_hidden(self) -> bool:
        """Whether a class with such a name stands between it and the variable that it is."""
        owner = self.scope.owner_of(self.name)
        scope = self.scope if owner is not None else None
        while scope is not None and scope is not owner:
            scope = scope.parent
            if scope is not None and scope.kind is ScopeKind.CLASS and self.name in scope.bound:
                return True
        return False

    @property
    def is_global(self) -> bool:
        """Whether the name is a global one."""
        return self.scope.owner_of(self.name) is None


@attrs.frozen(eq=False)
class Names:
    """All names of a function.

    Attributes:
        uses: the places of the names, in the order of the source, the function's own excluded.
        declarations: the ``global`` and ``nonlocal`` statements, each with the scope it stands in.
        scope: of the function's own body.
        parameters: of the function itself.
    """

    uses: tuple[Use, ...]
    declarations: Mapping[ast.Global | ast.Nonlocal, Scope]
    scope: Scope
    parameters: frozenset[str]

    def global_uses(self) -> Iterator[Use]:
        """Yields the places of global names."""
        return (use for use in self.uses if use.is_global)


def find_names(function: ast.FunctionDef) -> Names:
    """Finds all names in a function, without those in its annotations and its own decorators."""
    finder = _Finder()
    scope = finder.enter_function(function, None)
    parameters = frozenset(parameter.arg for parameter in parameters_of(function.args))
    return Names(tuple(finder.uses), finder.declarations, scope, parameters)


def parameters_of(arguments: ast.arguments) -> Iterator[ast.arg]:
    """Yields all parameters, in order."""
    yield from (*arguments.posonlyargs, *arguments.args)
    if arguments.vararg is not None:
        yield arguments.vararg
    yield from arguments.kwonlyargs
    if arguments.kwarg is not None:
        yield arguments.kwarg


class _Finder(ast.NodeVisitor):
    def __init__(self) -> None:
        self.uses: list[Use] = []
        self.declarations: dict[ast.Global | ast.Nonlocal, Scope] = {}
        self._scope = Scope(ScopeKind.FUNCTION, None)

    def _bind(self, name: str, node: ast.AST, *, is_load: bool = False) -> None:
        self._scope.bound.add(name)
        self.uses.append(Use(name, self._scope, node, is_load))

    def _visit_in(self, scope: Scope, nodes: list[ast.AST]) -> None:
        outer, self._scope = self._scope, scope
        for node in nodes:
            self.visit(node)
        self._scope = outer

    def enter_function(self, node: _Function, outside: Scope | None) -> Scope:
        """Visits the inside of a function."""
        scope = Scope(ScopeKind.FUNCTION, outside)
        parameters: list[ast.AST] = [*parameters_of(node.args)]
        body: list[ast.AST] = [node.body] if isinstance(node, ast.Lambda) else [*node.body]
        self._visit_in(scope, parameters + body)
        return scope

    def _visit_defaults(self, arguments: ast.arguments) -> None:
        for default in (*arguments.defaults, *arguments.kw_defaults):
            if default is not None:
                self.visit(default)

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        for decorator in node.decorator_list:
            self.visit(decorator)
        self._visit_defaults(node.args)
        self._bind(node.name, node)
        self.enter_function(node, self._scope)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self.visit_FunctionDef(node)

    def visit_Lambda(self, node: ast.Lambda) -> None:
        self._visit_defaults(node.args)
        self.enter_function(node, self._scope)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        for part in (*node.decorator_list, *node.bases, *node.keywords):
            self.visit(part)
        self._bind(node.name, node)
        self._visit_in(Scope(ScopeKind.CLASS, self._scope), [*node.body])

    def visit_ListComp(self, node: _Comprehension) -> None:
        first = node.generators[0]
        self.visit(first.iter)  # where the comprehension stands; all else is inside of it
        inside: list[ast.AST] = [first.target, *first.ifs]
        for generator in node.generators[1:]:
            inside += [generator.target, generator.iter, *generator.ifs]
        parts = [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
        self._visit_in(Scope(ScopeKind.COMPREHENSION, self._scope), [*inside, *parts])

    visit_SetComp = visit_DictComp = visit_GeneratorExp = visit_ListComp  # noqa: N815

    def visit_NamedExpr(self, node: ast.NamedExpr) -> None:
        self.visit(node.value)
        inside = self._scope
        while self._scope.kind is ScopeKind.COMPREHENSION:
            assert self._scope.parent is not None
            self._scope = self._scope.parent
        self.visit(node.target)
        self._scope = inside

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Load):
            self.uses.append(Use(node.id, self._scope, node, is_load=True))
        else:
            self._bind(node.id, node)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        if isinstance(node.target, ast.Name):
            self._bind(node.target.id, node.target, is_load=True)
        else:
            self.visit(node.target)
        self.visit(node.value)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        self.visit(node.target)
        if node.value is not None:
            self.visit(node.value)

    def visit_arg(self, node: ast.arg) -> None:
        self._bind(node.arg, node)

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> None:
        if node.name is not None:
            self._bind(node.name, node)
        self.generic_visit(node)

    def visit_Global(self, node: ast.Global) -> None:
        self._scope.declared_global.update(node.names)
        self.declarations[node] = self._scope

    def visit_Nonlocal(self, node: ast.Nonlocal) -> None:
        self._scope.declared_nonlocal.update(node.names)
        self.declarations[node] = self._scope
        self.uses += [Use(name, self._scope, node, is_load=True) for name in node.names]

    def visit_Import(self, node: ast.Import | ast.ImportFrom) -> None:
        for alias in node.names:
            self._bind(alias.asname or alias.name.partition(".")[0], alias)

    visit_ImportFrom = visit_Import  # noqa: N815
