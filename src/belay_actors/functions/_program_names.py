"""How members of a program are written in the code of another: by the class, or bare.

Type checkers know ``Rig.mean``; on the board there is no class, and the member is just ``mean``.
"""

import ast

from belay_actors.functions._names import find_names
from belay_actors.functions._resolve import Program
from belay_actors.functions._source import FunctionSource
from belay_actors.values import encode


def use_bare_names(tree: ast.FunctionDef, program: Program, source: FunctionSource) -> None:
    """Replaces each attribute of the program's class by what it is on the board.

    Members, and names that setups make, become bare names; other attributes become their values.

    Raises:
        UnsupportedFunctionError: the class has no such attribute, or one that cannot be sent.
    """
    names = find_names(tree)
    classes = {use.node for use in names.global_uses() if program.is_called(use.name)}
    if classes:
        _Replacer(classes, program, source).visit(tree)


class _Replacer(ast.NodeTransformer):
    def __init__(self, classes: set[ast.AST], program: Program, source: FunctionSource) -> None:
        self._classes = classes
        self._program = program
        self._source = source

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        if node.value not in self._classes:
            self.generic_visit(node)
            return node
        assert isinstance(node.value, ast.Name)
        name = node.attr
        if self._program.find_member(name) is not None or self._program.has_made(name):
            return ast.copy_location(ast.Name(name, node.ctx), node)
        if not isinstance(node.ctx, ast.Load):
            raise self._source.refuse(f"{node.value.id}.{name} stays on the host", node)
        try:
            text = encode(self._program.attribute(name))
        except (AttributeError, TypeError, ValueError) as error:
            raise self._source.refuse(
                f"{node.value.id}.{name} cannot be sent to a board: {error}", node
            ) from error
        return ast.copy_location(ast.parse(text, mode="eval").body, node)
