"""Changes to the tree of a function that have to do with global names."""

import ast
from collections.abc import Mapping

from belay_actors.functions._names import Names, find_names


def make_names_global(setup: ast.FunctionDef) -> None:
    """Makes all names global that a setup binds, so that other functions find them.

    Its own ``global`` statements give way to one for all; what a function in it calls nonlocal is
    global now, too.
    """
    names = find_names(setup)
    made = sorted((names.scope.bound | names.scope.declared_global) - names.parameters)
    _Redeclarer(names).visit(setup)
    if made:
        setup.body.insert(0, ast.copy_location(ast.Global(made), setup))


class _Redeclarer(ast.NodeTransformer):
    def __init__(self, names: Names) -> None:
        self._names = names

    def visit_Global(self, node: ast.Global) -> ast.Global | None:
        return None if self._names.declarations[node] is self._names.scope else node

    def visit_Nonlocal(self, node: ast.Nonlocal) -> list[ast.stmt]:
        scope = self._names.declarations[node]
        theirs = [name for name in node.names if scope.owner_of(name) is not self._names.scope]
        ours = [name for name in node.names if name not in theirs]
        statements: list[ast.stmt] = []
        if ours:
            statements.append(ast.copy_location(ast.Global(ours), node))
        if theirs:
            statements.append(ast.copy_location(ast.Nonlocal(theirs), node))
        return statements


def rename_globals(names: Names, renamed: Mapping[str, str]) -> None:
    """Gives global names the names that they have on the board."""
    for use in [*names.global_uses()]:
        if isinstance(use.node, ast.Name):
            use.node.id = renamed.get(use.node.id, use.node.id)
