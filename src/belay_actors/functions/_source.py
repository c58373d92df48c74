"""Where a function is written: its file, its syntax tree, and the names that its module binds.

Everything is read from the source by ``ast``; nothing is imported or run for it. Trees are shared
by all who ask, so nobody may change them.
"""

import ast
import functools
import linecache
from collections.abc import Iterable, Iterator, Mapping
from types import FunctionType

import attrs

from belay_actors.errors import UnsupportedFunctionError
from belay_actors.functions._names import find_names

Binding = ast.stmt | ast.alias
"""What binds a name in a module; an alias is one name of an import statement."""

_BLOCKS = ("body", "orelse", "finalbody")
_SETUP = "setup"


@attrs.frozen(eq=False)
class ModuleSource:
    """The source of a module, or of what stands for one, such as the cell of a notebook.

    Attributes:
        functions: by first line (decorators included) and name.
        bindings: what binds each global name, in order of appearance.
        imports: the import statement of each alias in ``bindings``.
        made_global: names that functions of the module make global.
        made_by_setups: those of them that setups make, which make all their names global.
    """

    functions: Mapping[tuple[int, str], ast.FunctionDef]
    bindings: Mapping[str, tuple[Binding, ...]]
    imports: Mapping[ast.alias, ast.Import | ast.ImportFrom]
    made_global: frozenset[str]
    made_by_setups: frozenset[str]


@attrs.frozen(eq=False)
class FunctionSource:
    """A function as it is written.

    Attributes:
        file: that it is in, as tracebacks name it.
        module: that it is in.
        node: its definition.
    """

    file: str
    module: ModuleSource
    node: ast.FunctionDef

    @property
    def returns(self) -> str:
        """The last word of the annotation of its result, without what is in brackets."""
        annotation = self.node.returns
        if annotation is None:
            return ""
        return ast.unparse(annotation).partition("[")[0].rpartition(".")[2].strip("'\"")

    def refuse(self, problem: str, node: ast.AST | None = None) -> UnsupportedFunctionError:
        """Makes the error that says where this function cannot be used, and why."""
        return refusal(self.file, getattr(node or self.node, "lineno", self.node.lineno), problem)


def refusal(file: str, line: int, problem: str) -> UnsupportedFunctionError:
    """Makes the error about a place in a source."""
    return UnsupportedFunctionError(f"{file}:{line}: {problem}")


def find_source(function: FunctionType) -> FunctionSource:
    """Finds the definition of a function.

    Raises:
        UnsupportedFunctionError: there is no source, or another one than when it was loaded.
    """
    code = function.__code__
    file, line = code.co_filename, code.co_firstlineno
    text = "".join(linecache.getlines(file, function.__globals__))
    if not text:
        raise refusal(
            file,
            line,
            f"there is no source of {code.co_name}(), and a board needs it; write the function in "
            "a file, or in a notebook",
        )
    try:
        module = _parse(text)
        return FunctionSource(file, module, module.functions[line, code.co_name])
    except (SyntaxError, KeyError) as error:
        raise refusal(
            file,
            line,
            f"{code.co_name}() is not here; its file has been changed since it was loaded, so load "
            "it again",
        ) from error


@functools.lru_cache(maxsize=64)
def _parse(text: str) -> ModuleSource:
    tree = ast.parse(text)
    functions: dict[tuple[int, str], ast.FunctionDef] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            functions.setdefault((_first_line(node), node.name), node)
    bindings: dict[str, list[Binding]] = {}
    imports: dict[ast.alias, ast.Import | ast.ImportFrom] = {}
    for statement in _module_level(tree.body):
        for name, binding in _bound_by(statement):
            bindings.setdefault(name, []).append(binding)
            if isinstance(binding, ast.alias):
                assert isinstance(statement, ast.Import | ast.ImportFrom)
                imports[binding] = statement
    setups = [function for function in functions.values() if _is_setup(function)]
    by_setups = {name for function in setups for name in names_made(function)}
    declared = {name for function in functions.values() for name in _declared_global(function)}
    frozen = {name: tuple(found) for name, found in bindings.items()}
    return ModuleSource(
        functions, frozen, imports, frozenset(declared | by_setups), frozenset(by_setups)
    )


def _first_line(node: ast.FunctionDef) -> int:
    return min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])


def _module_level(statements: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """Yields the statements that run in the module itself, those in blocks included."""
    for statement in statements:
        yield statement
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        for block in _BLOCKS:
            yield from _module_level(getattr(statement, block, ()))
        for part in (*getattr(statement, "handlers", ()), *getattr(statement, "cases", ())):
            yield from _module_level(part.body)


def _bound_by(statement: ast.stmt) -> Iterator[tuple[str, Binding]]:
    """Yields the names that a statement binds by itself, without the blocks in it."""
    match statement:
        case ast.Import(names=aliases) | ast.ImportFrom(names=aliases):
            for alias in aliases:
                yield alias.asname or alias.name.partition(".")[0], alias
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            yield name, statement
        case _:
            for name in _stored_names(statement):
                yield name, statement


def _stored_names(statement: ast.stmt) -> Iterator[str]:
    todo: list[ast.AST] = [statement]
    while todo:
        node = todo.pop()
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar) and node.name:
            yield node.name
        todo += [
            child
            for child in ast.iter_child_nodes(node)
            if not isinstance(child, ast.stmt | ast.Lambda | ast.comprehension)
        ]


def _declared_global(function: ast.FunctionDef) -> Iterator[str]:
    for statement in _module_level(function.body):
        if isinstance(statement, ast.Global):
            yield from statement.names


def names_made(setup: ast.FunctionDef) -> frozenset[str]:
    """The names that a setup makes: all that it binds, except its parameters."""
    names = find_names(setup)
    return frozenset((names.scope.bound | names.scope.declared_global) - names.parameters)


def _is_setup(function: ast.FunctionDef) -> bool:
    return any(_last_word(decorator) == _SETUP for decorator in function.decorator_list)


def _last_word(decorator: ast.expr) -> str:
    if isinstance(decorator, ast.Call):
        decorator = decorator.func
    return getattr(decorator, "attr", getattr(decorator, "id", ""))
