"""Makes the tree of a function small: the names that only it knows become single letters.

A name is renamed wherever it stands, or nowhere; and no two get the same. So the program stays the
same as long as a renamed name is, in every place, one of a variable of a function: neither global,
nor an attribute of a class, nor looked up by text. Parameters keep their names, since arguments may
be passed by them, from anywhere; so do functions, for tracebacks.
"""

import ast
import itertools
import string
from collections.abc import Iterable, Iterator

from belay_actors.board import join_tokens
from belay_actors.functions._builtins import BOARD_BUILTINS
from belay_actors.functions._names import Names, ScopeKind, find_names
from belay_actors.functions._text import to_text, write_lines
from belay_actors.functions._unit import BoardText

# What looks names up by text.
_LOOK_UP = {"exec", "eval", "locals", "vars", "dir", "globals"}
_RENAMED = (ast.Name, ast.ExceptHandler, ast.Nonlocal)


def write_small(function: ast.FunctionDef) -> BoardText:
    """Writes a function in as few bytes as that takes; changes its tree.

    Args:
        function: with nothing in it that has no place on a board.
    """
    names = find_names(function)
    if not any(use.name in _LOOK_UP for use in names.uses):
        _rename(names, function)
    lines = [line._replace(text=join_tokens(line.text)) for line in write_lines(function)]
    return to_text(function, lines, indent=" ")


def _rename(names: Names, function: ast.FunctionDef) -> None:
    counts: dict[str, int] = {}
    for use in names.uses:
        counts[use.name] = counts.get(use.name, 0) + 1
    kept = {*_kept(names)}
    long = [name for name in counts if name not in kept and len(name) > 1]
    long.sort(key=lambda name: -counts[name] * len(name))
    declared = {name for node in names.declarations for name in node.names}
    taken = {*counts, function.name, *BOARD_BUILTINS, *declared}
    new = dict(zip(long, _short_names(taken), strict=False))
    for use in names.uses:
        _set_name(use.node, new)
    for node in names.declarations:
        if isinstance(node, ast.Nonlocal):
            node.names = [new.get(name, name) for name in node.names]


def _kept(names: Names) -> Iterator[str]:
    """Yields the names that must stay as they are."""
    for use in names.uses:
        owner = use.scope.owner_of(use.name)
        if owner is None or owner.kind is ScopeKind.CLASS or not isinstance(use.node, _RENAMED):
            yield use.name


def _set_name(node: ast.AST, new: dict[str, str]) -> None:
    match node:
        case ast.Name():
            node.id = new.get(node.id, node.id)
        case ast.ExceptHandler(name=str(name)):
            node.name = new.get(name, name)
        case _:
            pass


def _short_names(taken: Iterable[str]) -> Iterator[str]:
    return (
        name
        for name in itertools.chain(string.ascii_lowercase, string.ascii_uppercase)
        if name not in taken
    )
