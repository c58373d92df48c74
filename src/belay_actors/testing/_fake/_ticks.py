"""Compiles code so that it can be suspended: every loop, function and ``except`` reports first.

The syntax tree is changed, not the text, so line numbers stay. What is called is found among the
builtins by names that no program can write, since they start with a dot:

* ``.tick()`` at the start of every loop body, function, comprehension round and ``finally``;
* ``name = .caught(name)`` at the start of every ``except … as name``; without a name, ``.tick()``;
* ``.show(value)`` around every expression that is a statement, at the friendly prompt.

A program that is to end is thus sent on from every place where it could stay.
"""

import ast
import contextlib
import functools
import warnings
from types import CodeType
from typing import Literal, cast

TICK = ".tick"
CAUGHT = ".caught"
SHOW = ".show"

Mode = Literal["exec", "eval", "prompt"]
_CACHED = 512  # sources; a test that is run again and again sends the same ones
_LONG = 200  # characters


def compile_code(source: str, filename: str, mode: Mode) -> tuple[CodeType, ...]:
    """Returns the code of a source, with reports; to be run one after the other.

    Args:
        source: text.
        filename: for tracebacks.
        mode: statements, an expression, or statements that show the values of expressions.

    Raises:
        SyntaxError, ValueError, MemoryError, RecursionError: Python cannot compile it.
    """
    end = source.rfind("\n") + 1
    if mode == "exec" and end > _LONG:
        # Often only the last line differs from a source that came before: so it is with the core.
        last = "\n" * source.count("\n") + source[end:]
        with contextlib.suppress(SyntaxError):  # then they belong together
            return _compile(source[:end], filename, mode), _compile(last, filename, mode)
    return (_compile(source, filename, mode),)


@functools.lru_cache(_CACHED)
def _compile(source: str, filename: str, mode: Mode) -> CodeType:
    kind = "eval" if mode == "eval" else "exec"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a board gives none
        tree = cast(ast.Module | ast.Expression, ast.parse(source, filename, kind))
        if mode == "prompt":
            _show_values(tree)
        _instrument(tree)
        return compile(tree, filename, kind)


def _show_values(tree: ast.AST) -> None:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Expr):
            node.value = _call(SHOW, node.value, node.value)


def _instrument(node: ast.AST) -> None:
    for name in node._fields:
        child: object = getattr(node, name, None)
        for item in cast("list[object]", child) if isinstance(child, list) else (child,):
            if isinstance(item, ast.AST):
                _instrument(item)
    match node:
        case ast.For() | ast.AsyncFor() | ast.While() | ast.FunctionDef() | ast.AsyncFunctionDef():
            node.body.insert(0, _tick(node.body[0]))
        case ast.Lambda():
            values = [_call(TICK, node.body), node.body]
            node.body = ast.copy_location(ast.BoolOp(ast.And(), values), node.body)
        case ast.comprehension():
            node.ifs.insert(0, _call(TICK, node.iter))
        case ast.ExceptHandler():
            _change_handler(node)
        case ast.Try() if node.finalbody:
            node.finalbody.insert(0, _tick(node.finalbody[0]))
        case _:
            pass


def _call(name: str, place: ast.expr | ast.stmt, *arguments: ast.expr) -> ast.Call:
    function = ast.copy_location(ast.Name(name, ast.Load()), place)
    return ast.copy_location(ast.Call(function, [*arguments], []), place)


def _tick(place: ast.stmt) -> ast.Expr:
    return ast.copy_location(ast.Expr(_call(TICK, place)), place)


def _change_handler(node: ast.ExceptHandler) -> None:
    place = node.body[0]
    if node.name is None:
        node.body.insert(0, _tick(place))
        return
    caught = ast.copy_location(ast.Name(node.name, ast.Load()), place)
    target = ast.copy_location(ast.Name(node.name, ast.Store()), place)
    change = ast.Assign([target], _call(CAUGHT, place, caught))
    node.body.insert(0, ast.copy_location(change, place))
