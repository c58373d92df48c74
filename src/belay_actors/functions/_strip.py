"""Makes the tree of a function into one that MicroPython compiles, and that holds only what runs.

Gone are annotations, docstrings and other constants that stand alone, the function's own
decorators, and the mark of positional-only parameters. An f-string becomes the ``str.format`` that
MicroPython would make of it: its own f-strings do not take everything, and old ones know none.
"""

import ast
import copy

_CONVERSIONS = {-1: "", ord("s"): "!s", ord("r"): "!r"}


def strip(function: ast.FunctionDef) -> ast.FunctionDef:
    """Returns a new tree of a function, which is the caller's to change.

    Each statement still knows its line.
    """
    bare = copy.copy(function)
    bare.decorator_list = []
    stripped = _Stripper().visit(copy.deepcopy(bare))
    assert isinstance(stripped, ast.FunctionDef)
    return stripped


class _Stripper(ast.NodeTransformer):
    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        node.returns = None
        self.generic_visit(node)
        return node

    def visit_arguments(self, node: ast.arguments) -> ast.arguments:
        node.args = [*node.posonlyargs, *node.args]
        node.posonlyargs = []
        self.generic_visit(node)
        return node

    def visit_arg(self, node: ast.arg) -> ast.arg:
        node.annotation = None
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.Assign | None:
        if node.value is None:
            return None
        self.generic_visit(node)
        return ast.copy_location(ast.Assign([node.target], node.value), node)

    def visit_Expr(self, node: ast.Expr) -> ast.Expr | None:
        if isinstance(node.value, ast.Constant):
            return None
        self.generic_visit(node)
        return node

    def visit_JoinedStr(self, node: ast.JoinedStr) -> ast.expr:
        values: list[ast.expr] = []
        template = ast.Constant(_template(node, values))
        if not values:
            template.value = "".join(str(part.value) for part in _constants(node))
            return ast.copy_location(template, node)
        method = ast.Attribute(template, "format", ast.Load())
        return ast.copy_location(
            ast.Call(method, [self.visit(value) for value in values], []), node
        )


def _constants(node: ast.JoinedStr) -> list[ast.Constant]:
    return [part for part in node.values if isinstance(part, ast.Constant)]


def _template(node: ast.JoinedStr, values: list[ast.expr], *, is_spec: bool = False) -> str:
    """Returns what ``format`` is called on, and adds what it is called with, in order."""
    text = ""
    for part in node.values:
        if isinstance(part, ast.FormattedValue):
            values.append(part.value)
            spec = part.format_spec
            text += "{" + _CONVERSIONS[part.conversion]
            text += (
                f":{_template(spec, values, is_spec=True)}"
                if isinstance(spec, ast.JoinedStr)
                else ""
            )
            text += "}"
        elif isinstance(part, ast.Constant):
            literal = str(part.value)
            text += literal if is_spec else literal.replace("{", "{{").replace("}", "}}")
    return text
