"""Writes the tree of a function, statement by statement, and notes where each line comes from.

Every simple statement, and every head of a block, is one line: so the line of a board's traceback
is known on the host. Only the host's first line of a statement is, where it has several.
"""

import ast
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from belay_actors.functions._unit import BoardText

_INNER_NAMES: dict[type[ast.AST], str] = {
    ast.ListComp: "<listcomp>",
    ast.SetComp: "<setcomp>",
    ast.DictComp: "<dictcomp>",
    ast.GeneratorExp: "<genexpr>",
    ast.Lambda: "<lambda>",
}


class Line(NamedTuple):
    """One line for the board.

    Attributes:
        depth: how far it is indented.
        text: without its indentation.
        host_line: in the host's file.
    """

    depth: int
    text: str
    host_line: int


def write(function: ast.FunctionDef, *, indent: str = "    ") -> BoardText:
    """Writes a function.

    Args:
        function: with nothing in it that has no place on a board.
        indent: for each level.
    """
    return to_text(function, write_lines(function), indent=indent)


def to_text(function: ast.FunctionDef, lines: Sequence[Line], *, indent: str) -> BoardText:
    """Puts the lines of a function together."""
    source = "".join(f"{indent * line.depth}{line.text}\n" for line in lines)
    return BoardText(source, tuple(line.host_line for line in lines), _defined(function))


def _defined(function: ast.FunctionDef) -> frozenset[str]:
    """What tracebacks may call the functions in a tree."""
    names: set[str] = set()
    for node in ast.walk(function):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif type(node) in _INNER_NAMES:
            names.add(_INNER_NAMES[type(node)])
    return frozenset(names)


def write_lines(function: ast.FunctionDef) -> list[Line]:
    """Writes a function as separate lines."""
    return [*_statement(function, 0)]


def _block(depth: int, statements: Sequence[ast.stmt], head_line: int) -> Iterator[Line]:
    if not statements:
        yield Line(depth, "pass", head_line)
    for statement in statements:
        yield from _statement(statement, depth)


def _statement(node: ast.stmt, depth: int) -> Iterator[Line]:
    match node:
        case ast.FunctionDef() | ast.ClassDef():
            for decorator in node.decorator_list:
                yield Line(depth, f"@{ast.unparse(decorator)}", decorator.lineno)
            yield from _headed(depth, _definition(node), node.body, node.lineno)
        case ast.If():
            yield from _if(node, depth, "if")
        case ast.While():
            head = f"while {ast.unparse(node.test)}"
            yield from _headed(depth, head, node.body, node.lineno)
            yield from _tail(depth, "else", node.orelse)
        case ast.For():
            head = f"for {ast.unparse(node.target)} in {ast.unparse(node.iter)}"
            yield from _headed(depth, head, node.body, node.lineno)
            yield from _tail(depth, "else", node.orelse)
        case ast.With():
            head = f"with {', '.join(map(ast.unparse, node.items))}"
            yield from _headed(depth, head, node.body, node.lineno)
        case ast.Try():
            yield from _try(node, depth)
        case _:
            yield Line(depth, ast.unparse(node), node.lineno)


def _headed(depth: int, head: str, body: Sequence[ast.stmt], line: int) -> Iterator[Line]:
    yield Line(depth, f"{head}:", line)
    yield from _block(depth + 1, body, line)


def _tail(depth: int, word: str, body: Sequence[ast.stmt]) -> Iterator[Line]:
    if body:
        yield from _headed(depth, word, body, body[0].lineno)


def _definition(node: ast.FunctionDef | ast.ClassDef) -> str:
    if isinstance(node, ast.FunctionDef):
        return f"def {node.name}({ast.unparse(node.args)})"
    bases = ", ".join(map(ast.unparse, node.bases))
    return f"class {node.name}({bases})" if bases else f"class {node.name}"


def _if(node: ast.If, depth: int, word: str) -> Iterator[Line]:
    yield from _headed(depth, f"{word} {ast.unparse(node.test)}", node.body, node.lineno)
    if len(node.orelse) == 1 and isinstance(node.orelse[0], ast.If):
        yield from _if(node.orelse[0], depth, "elif")
    else:
        yield from _tail(depth, "else", node.orelse)


def _try(node: ast.Try, depth: int) -> Iterator[Line]:
    yield from _headed(depth, "try", node.body, node.lineno)
    for handler in node.handlers:
        kind = f" {ast.unparse(handler.type)}" if handler.type is not None else ""
        name = f" as {handler.name}" if handler.name is not None else ""
        yield from _headed(depth, f"except{kind}{name}", handler.body, handler.lineno)
    yield from _tail(depth, "else", node.orelse)
    yield from _tail(depth, "finally", node.finalbody)
