"""What cannot run on a board, and is refused as soon as a function is decorated.

The table of syntax holds exactly what MicroPython 1.29 cannot compile, and what it would take for
something else; a test tries each row on the real one. (f-strings are sent as ``str.format``, and
annotations, type parameters and the mark of positional-only parameters are left out, so these do
not matter.)
"""

import ast
import enum
import inspect
from collections.abc import Iterator
from types import FunctionType

from belay_actors.functions._source import FunctionSource, refusal
from belay_actors.functions._walk import walk_code, walk_own_code


class Role(enum.Enum):
    """What a function is for."""

    TASK = "task"
    THREAD = "thread"
    SETUP = "setup"
    TEARDOWN = "teardown"


_NOT_ASYNC = (
    "a board's function is not async: write a plain def, and call it with await on the host"
)
_UNKNOWN_NODES = {
    "Match": "MicroPython knows no match: use if and elif",
    "TryStar": "MicroPython knows no except*: use except",
    "TypeAlias": "MicroPython knows no type statement: write it outside of the function",
    "TemplateStr": "MicroPython knows no template strings: use str.format",
    "AsyncFunctionDef": _NOT_ASYNC,
    "AsyncFor": _NOT_ASYNC,
    "AsyncWith": _NOT_ASYNC,
    "Await": _NOT_ASYNC,
}
_ASCII = ord("a")  # the conversion in f"{x!a}"
_SELF = {"self", "cls"}
_THREAD_TOOLS = {"should_stop", "sleep_ms"}


def _unknown_syntax(node: ast.AST) -> str | None:
    """What MicroPython cannot compile in one node, and what to write instead."""
    match node:
        case ast.List() | ast.Tuple() | ast.Set() if _has_star(node):
            return "MicroPython knows no * in a list, tuple, set or index: add them up with +"
        case ast.Dict(keys=keys) if None in keys:
            return "MicroPython knows no ** in a dict: use update()"
        case ast.FormattedValue(conversion=conversion) if conversion == _ASCII:
            return "MicroPython knows no !a: use !r"
        case ast.comprehension(is_async=1):
            return _NOT_ASYNC
        case ast.ClassDef(keywords=[_, *_]):
            return "MicroPython's classes take no keywords: leave them out"
        case ast.ClassDef(bases=bases) if any(isinstance(base, ast.Starred) for base in bases):
            return "MicroPython knows no * in the bases of a class: name them"
        case ast.FunctionDef(decorator_list=decorators) | ast.ClassDef(decorator_list=decorators):
            if not all(map(_is_plain_decorator, decorators)):
                return "MicroPython takes a name for a decorator, which may be called: assign it"
        case ast.List(ctx=ast.Del()):
            return "MicroPython cannot delete a list of names: use del a, b"
        case _:
            pass
    return _UNKNOWN_NODES.get(type(node).__name__)


def _has_star(node: ast.List | ast.Tuple | ast.Set) -> bool:
    is_target = isinstance(node, ast.List | ast.Tuple) and isinstance(node.ctx, ast.Store)
    return not is_target and any(isinstance(item, ast.Starred) for item in node.elts)


def _is_plain_decorator(decorator: ast.expr) -> bool:
    if isinstance(decorator, ast.Call):
        decorator = decorator.func
    while isinstance(decorator, ast.Attribute):
        decorator = decorator.value
    return isinstance(decorator, ast.Name)


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
        problem = _unknown_syntax(node) or _misplaced_import(node)
        if problem is not None:
            raise source.refuse(problem, node)
    _check_parameters(source)
    if role is not Role.TASK:
        _check_no_value(source, role)
    if role is Role.THREAD:
        _check_loops(source, tools)


def _misplaced_import(node: ast.AST) -> str | None:
    if not isinstance(node, ast.ImportFrom):
        return None
    if node.level:
        return "a board has no packages of the host: a relative import does not work there"
    if (node.module or "").partition(".")[0] == "belay_actors":
        return "import it at the top of the module: it is there on every board"
    return None


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
