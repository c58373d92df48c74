"""Walks through the code of a function: what runs, without annotations and its own decorators."""

import ast
from collections.abc import Iterable, Iterator
from typing import cast

_NO_CODE = {"annotation", "returns", "type_params"}
_INNER = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)


def walk_code(function: ast.FunctionDef) -> Iterator[ast.AST]:
    """Yields every node that runs with a function: of its parameters, its body, functions in it."""
    return _walk([function.args, *function.body], enters=True)


def walk_own_code(nodes: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """Yields every node of these, without the insides of functions and classes in them."""
    return _walk(nodes, enters=False)


def _walk(nodes: Iterable[ast.AST], *, enters: bool) -> Iterator[ast.AST]:
    todo = [*nodes][::-1]
    while todo:
        node = todo.pop()
        yield node
        if enters or not isinstance(node, _INNER):
            todo += [*_parts(node)][::-1]


def _parts(node: ast.AST) -> Iterator[ast.AST]:
    for field, value in ast.iter_fields(node):
        if field not in _NO_CODE:
            parts = cast("list[object]", value) if isinstance(value, list) else [value]
            yield from (part for part in parts if isinstance(part, ast.AST))
