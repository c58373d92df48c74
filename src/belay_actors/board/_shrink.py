"""Makes board code small before it is sent: the same program, without what only a reader needs.

Every byte costs time on a slow line and memory on a small board (a micro:bit takes sources of
1 to 1.5 KB). First the syntax tree: docstrings go, and names that only exist inside of functions
become single letters. Then the tokens: indentation beyond one space a level and spaces that
separate nothing go. Both work on parsed code, never on text, so strings are safe.
"""

import ast
import builtins
import io
import itertools
import string
import tokenize
from collections.abc import Iterator

_FUNCTIONS = (ast.FunctionDef, ast.Lambda)
_WORDS = (tokenize.NAME, tokenize.NUMBER)


def shrink(source: str) -> str:
    """Returns ``source`` without everything that the interpreter does not need.

    Args:
        source: the text of a module, without f-strings, ``global`` and ``nonlocal``.

    Returns:
        An equivalent program. Its line numbers and the names of local variables differ; a local
        name that is also used as a keyword argument somewhere in the module is kept, and one that
        begins with two underscores.
    """
    tree = ast.parse(source)
    _drop_docstrings(tree)
    _Renamer(_short_names(tree)).visit(tree)
    return _drop_spaces(ast.unparse(tree))


def replace_function(source: str, other: str) -> str:
    """Puts another version of a function into a program.

    Args:
        source: the text of a module; one of its functions has a function in it to be replaced.
        other: the text of a module that ends with a function of the same name. All of it but its
            docstring takes the place of the first.
    """
    tree, new = ast.parse(source), ast.parse(other)
    _drop_docstrings(new)
    for outer in ast.walk(tree):
        statements = outer.body if isinstance(outer, ast.FunctionDef) else []
        for place, inner in enumerate(statements):
            if _name_of(inner) == _name_of(new.body[-1]):
                statements[place : place + 1] = new.body
                return ast.unparse(tree)
    raise ValueError("there is no such function")


def _name_of(statement: ast.stmt) -> str | None:
    return statement.name if isinstance(statement, ast.FunctionDef) else None


def _drop_docstrings(tree: ast.Module) -> None:
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.FunctionDef) and ast.get_docstring(node) is not None:
            del node.body[0]


def _short_names(tree: ast.Module) -> dict[str, str]:
    local: dict[str, None] = {}
    kept = {node.arg for node in ast.walk(tree) if isinstance(node, ast.keyword)}
    kept |= {name for statement in tree.body for name in _bound_here(statement)}
    for function in ast.walk(tree):
        if isinstance(function, _FUNCTIONS):
            local |= dict.fromkeys(
                name for node in ast.walk(function) for name in _bound_here(node)
            )
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)} | set(dir(builtins))
    short = (name for name in string.ascii_letters if name not in used | local.keys())
    long = (name for name in local if name not in kept and not name.startswith("__"))
    return dict(zip(long, short, strict=False))


def _bound_here(node: ast.AST) -> Iterator[str]:
    """Yields the names that this one node binds in the scope around it."""
    match node:
        case ast.Name(id=name, ctx=ast.Store()) | ast.FunctionDef(name=name) | ast.arg(arg=name):
            yield name
        case ast.ExceptHandler(name=str(name)):
            yield name
        case ast.Import() | ast.ImportFrom():
            yield from (alias.asname or alias.name for alias in node.names)
        case _:
            pass


class _Renamer(ast.NodeTransformer):
    def __init__(self, names: dict[str, str]) -> None:
        self._names = names

    def _new(self, name: str) -> str:
        return self._names.get(name, name)

    def visit_Name(self, node: ast.Name) -> ast.Name:
        node.id = self._new(node.id)
        return node

    def visit_arg(self, node: ast.arg) -> ast.arg:
        node.arg = self._new(node.arg)
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        node.name = self._new(node.name)
        self.generic_visit(node)
        return node

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> ast.ExceptHandler:
        node.name = node.name and self._new(node.name)
        self.generic_visit(node)
        return node

    def visit_alias(self, node: ast.alias) -> ast.alias:
        bound = node.asname or node.name
        node.asname = self._names.get(bound, node.asname)
        return node


def _drop_spaces(source: str) -> str:
    lines = [(depth, _join(tokens)) for depth, tokens in _logical_lines(source)]
    return "".join(f"{' ' * depth}{line}\n" for depth, line in _fold(lines))


def join_tokens(line: str) -> str:
    """Returns one logical line without the spaces in it that separate nothing."""
    return "".join(_join(tokens) for _, tokens in _logical_lines(line))


def _logical_lines(source: str) -> Iterator[tuple[int, list[tokenize.TokenInfo]]]:
    depth = 0
    line: list[tokenize.TokenInfo] = []
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.INDENT:
            depth += 1
        elif token.type == tokenize.DEDENT:
            depth -= 1
        elif token.type == tokenize.NEWLINE:
            yield depth, line
            line = []
        elif token.type not in (tokenize.NL, tokenize.ENDMARKER):
            line.append(token)


def _join(tokens: list[tokenize.TokenInfo]) -> str:
    spaced = (
        f" {right.string}" if _must_part(left, right) else right.string
        for left, right in itertools.pairwise(tokens)
    )
    return tokens[0].string + "".join(spaced)


def _must_part(left: tokenize.TokenInfo, right: tokenize.TokenInfo) -> bool:
    if left.type == tokenize.NUMBER and right.string == ".":  # the attribute of an integer
        return True
    return left.type in _WORDS and right.type in _WORDS


def _fold(lines: list[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    """Joins runs of simple statements with ``;``, and a block of nothing else with its header."""
    runs: list[tuple[int, str]] = []
    for depth, line in lines:
        if runs and runs[-1][0] == depth and not _is_header(runs[-1][1]) and not _is_header(line):
            runs[-1] = depth, f"{runs[-1][1]};{line}"
        else:
            runs.append((depth, line))
    ends = [*runs[1:], (0, ""), (0, "")]
    folded = False
    for index, (depth, line) in enumerate(runs):
        (next_depth, body), (after_depth, _) = ends[index], ends[index + 1]
        if folded:
            folded = False
        elif _is_header(line) and not _is_header(body) and after_depth < next_depth:
            folded = True
            yield depth, line + body
        else:
            yield depth, line


def _is_header(line: str) -> bool:
    return line.endswith(":")
