"""What cannot run on a board, and is refused as soon as a function is decorated.

The table of syntax holds exactly what MicroPython 1.29 cannot compile, and what it would take for
something else; a test tries each row on the real one. (f-strings are sent as ``str.format``, and
annotations, type parameters and the mark of positional-only parameters are left out, so these do
not matter.)
"""

import ast
import enum
import inspect
from collections.abc import Callable, Iterator
from types import FunctionType

from belay_actors.functions._imports import import_problem
from belay_actors.functions._names import find_names
from belay_actors.functions._source import FunctionSource, refusal
from belay_actors.functions._walk import walk_code, walk_own_code


class Role(enum.Enum):
    """What a function is for."""

    TASK = "task"
    THREAD = "thread"
    SETUP = "setup"
    TEARDOWN = "teardown"


_NOT_ASYNC = "a board's function is not async: write a plain def; on the host, its call is awaited"
_ASCII = ord("a")  # the conversion in f"{x!a}"
_SELF = {"self", "cls"}


def _has_star(node: ast.AST) -> bool:
    if not isinstance(node, ast.List | ast.Tuple | ast.Set):
        return False
    if isinstance(node, ast.List | ast.Tuple) and isinstance(node.ctx, ast.Store):
        return False  # first, *rest = ...
    return any(isinstance(item, ast.Starred) for item in node.elts)


def _has_star_base(node: ast.AST) -> bool:
    return isinstance(node, ast.ClassDef) and any(
        isinstance(base, ast.Starred) for base in node.bases
    )


def _has_odd_decorator(node: ast.AST) -> bool:
    if not isinstance(node, ast.FunctionDef | ast.ClassDef):
        return False
    return not all(map(_is_plain_decorator, node.decorator_list))


def _is_plain_decorator(decorator: ast.expr) -> bool:
    if isinstance(decorator, ast.Call):
        decorator = decorator.func
    while isinstance(decorator, ast.Attribute):
        decorator = decorator.value
    return isinstance(decorator, ast.Name)


def _is_a(*kinds: str) -> Callable[[ast.AST], bool]:
    """Whether a node is of some kind, which this Python need not know."""
    return lambda node: type(node).__name__ in kinds


UNKNOWN_SYNTAX: tuple[tuple[Callable[[ast.AST], bool], str], ...] = (
    (_is_a("Match"), "MicroPython knows no match: use if and elif"),
    (_is_a("TryStar"), "MicroPython knows no except*: use except"),
    (_is_a("TypeAlias"), "MicroPython knows no type statement: write it outside of the function"),
    (_is_a("TemplateStr"), "MicroPython knows no template strings: use str.format"),
    (_is_a("AsyncFunctionDef", "AsyncFor", "AsyncWith", "Await"), _NOT_ASYNC),
    (lambda node: isinstance(node, ast.comprehension) and bool(node.is_async), _NOT_ASYNC),
    (_has_star, "MicroPython knows no * in a list, tuple, set or index: add them up with +"),
    (
        lambda node: isinstance(node, ast.Dict) and None in node.keys,
        "MicroPython knows no ** in a dict: use update()",
    ),
    (
        lambda node: isinstance(node, ast.FormattedValue) and node.conversion == _ASCII,
        "MicroPython knows no !a: use !r",
    ),
    (
        lambda node: isinstance(node, ast.ClassDef) and bool(node.keywords),
        "MicroPython's classes take no keywords: leave them out",
    ),
    (_has_star_base, "MicroPython knows no * in the bases of a class: name them"),
    (
        _has_odd_decorator,
        "MicroPython takes a name for a decorator, which may be called: give it a name",
    ),
    (
        lambda node: isinstance(node, ast.List) and isinstance(node.ctx, ast.Del),
        "MicroPython cannot delete a list of names: use del a, b",
    ),
)
"""What MicroPython cannot compile, and what to write instead."""


def check_callable(function: object, role: Role) -> FunctionType:
    """Returns the Python function behind what was decorated.

    Raises:
        UnsupportedFunctionError: it is something else than a function made by ``def``, or a
            closure.
    """
    if isinstance(function, staticmethod):
        function = function.__func__
    if not isinstance(function, FunctionType) or function.__name__ == "<lambda>":
        raise _refuse_object(function, f"@{role.value} takes a function that is made by def")
    if hasattr(function, "__wrapped__"):
        raise _refuse_object(
            function, f"other decorators do not run on a board: leave only @{role.value}"
        )
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        raise _refuse_object(function, _NOT_ASYNC)
    free = function.__code__.co_freevars
    if free:
        raise _refuse_object(
            function,
            f"{function.__name__}() uses {', '.join(map(repr, free))} of the function around it, "
            "which a board does not have: pass it as an argument",
        )
    return function


def _refuse_object(function: object, problem: str) -> Exception:
    code = getattr(inspect.unwrap(function) if callable(function) else function, "__code__", None)
    if code is None:
        return refusal(type(function).__name__, 0, f"{problem}, not {function!r}")
    return refusal(code.co_filename, code.co_firstlineno, problem)


def check_code(source: FunctionSource, role: Role, tools: frozenset[str]) -> None:
    """Checks that a board can run a function.

    Args:
        source: of the function.
        role: what it is for.
        tools: its names for ``should_stop`` and ``sleep_ms``.

    Raises:
        UnsupportedFunctionError: the first thing that it cannot.
    """
    for node in walk_code(source.node):
        for is_unknown, problem in UNKNOWN_SYNTAX:
            if is_unknown(node):
                raise source.refuse(problem, node)
        _check_import(source, node)
    _check_parameters(source)
    _check_classes(source)
    if role is not Role.TASK:
        _check_no_value(source, role)
    if role is Role.THREAD:
        _check_loops(source, tools)


def _check_import(source: FunctionSource, node: ast.AST) -> None:
    if isinstance(node, ast.Import | ast.ImportFrom):
        for alias in node.names:
            problem = import_problem(alias, node)
            if problem is not None:
                raise source.refuse(f"{alias.name!r} {problem}", node)


def _check_parameters(source: FunctionSource) -> None:
    arguments = source.node.args
    first = [*arguments.posonlyargs, *arguments.args][:1]
    if first and first[0].arg in _SELF:
        raise source.refuse(
            f"{source.node.name}() runs on a board, which has no {first[0].arg!r}: leave it out "
            "(put @staticmethod below the decorator if your type checker asks for it), and use "
            "names that a @setup has made"
        )
    if arguments.posonlyargs and arguments.kwarg is not None:
        raise source.refuse("MicroPython cannot tell positional-only parameters from those of **")


def _check_classes(source: FunctionSource) -> None:
    for use in find_names(source.node).uses:
        if use.is_hidden:
            raise source.refuse(
                f"a class in {source.node.name}() has a {use.name!r} of its own, which hides the "
                "function's from MicroPython: give one of them another name",
                use.node,
            )


def _check_no_value(source: FunctionSource, role: Role) -> None:
    for node in walk_own_code(source.node.body):
        if isinstance(node, ast.Yield | ast.YieldFrom):
            raise source.refuse(f"a {role.value} cannot yield: only a task can", node)
        if isinstance(node, ast.Return) and not _is_none(node.value):
            raise source.refuse(f"a {role.value} cannot return a value: nobody would get it", node)


def _is_none(value: ast.expr | None) -> bool:
    return value is None or (isinstance(value, ast.Constant) and value.value is None)


def _check_loops(source: FunctionSource, tools: frozenset[str]) -> None:
    for node in walk_code(source.node):
        if (
            isinstance(node, ast.While)
            and isinstance(node.test, ast.Constant)
            and node.test.value
            and not _can_end(node, tools)
        ):
            raise source.refuse(
                "this loop never ends, and nothing can stop a thread from outside: write `while "
                "not should_stop():`, from belay_actors.board import should_stop",
                node,
            )


def _can_end(loop: ast.While, tools: frozenset[str]) -> bool:
    if any(isinstance(node, ast.Return | ast.Raise) for node in walk_own_code(loop.body)):
        return True
    calls = (node for node in walk_own_code(loop.body) if isinstance(node, ast.Call))
    if any(isinstance(call.func, ast.Name) and call.func.id in tools for call in calls):
        return True
    return any(isinstance(node, ast.Break) for node in _outside_of_loops(loop.body))


def _outside_of_loops(statements: list[ast.stmt]) -> Iterator[ast.AST]:
    """Yields the statements whose ``break`` ends the loop around them."""
    for statement in statements:
        yield statement
        if isinstance(statement, ast.For | ast.While):
            yield from _outside_of_loops(statement.orelse)
        elif not isinstance(statement, ast.FunctionDef | ast.ClassDef):
            for block in ("body", "orelse", "finalbody", "handlers"):
                yield from _outside_of_loops(getattr(statement, block, []))
