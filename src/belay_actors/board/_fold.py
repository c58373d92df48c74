"""Makes a variant of board code: what depends on a fact that the host knows is decided here.

So a board is not sent, and does not keep, what is for others. Like shrinking it works on parsed
code, and the program may be run as it is, too, with the fact as a variable.
"""

import ast


def fold(source: str, name: str, value: bool) -> str:
    """Returns a program with every ``if`` on a name decided.

    Args:
        source: the text of a module. Its conditions are the bare name, or ``not`` and the name.
        name: that the conditions are about; it must not be used for anything else.
        value: of it.
    """
    return ast.unparse(_Folder(name, value).visit(ast.parse(source)))


class _Folder(ast.NodeTransformer):
    def __init__(self, name: str, value: bool) -> None:
        self._name = name
        self._value = value

    def _decide(self, test: ast.expr) -> bool | None:
        match test:
            case ast.Name(id=self._name):
                return self._value
            case ast.UnaryOp(op=ast.Not(), operand=ast.Name(id=self._name)):
                return not self._value
            case _:
                return None

    def visit_If(self, node: ast.If) -> ast.AST | list[ast.stmt]:
        self.generic_visit(node)
        decided = self._decide(node.test)
        if decided is None:
            return node
        return node.body if decided else node.orelse

    def visit_IfExp(self, node: ast.IfExp) -> ast.AST:
        self.generic_visit(node)
        decided = self._decide(node.test)
        if decided is None:
            return node
        return node.body if decided else node.orelse

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.args.args = [each for each in node.args.args if each.arg != self._name]
        self.generic_visit(node)
        return node
