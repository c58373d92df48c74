"""Imports of a module that its board functions use: the board runs the very same statements."""

import ast
from collections.abc import Sequence

from belay_actors.board import BOARD_TOOLS
from belay_actors.functions._source import ModuleSource

_OWN = "belay_actors"
_TOOLS_MODULE = "belay_actors.board"
_FOR_CHECKERS = {"__future__", "typing", "typing_extensions", "collections.abc"}


def tool_of(name: str, module: ModuleSource) -> str | None:
    """The tool of boards that a name is imported as, under its own name; ``None`` if it is none."""
    for binding in module.bindings.get(name, ()):
        if isinstance(binding, ast.alias) and binding.name in BOARD_TOOLS:
            statement = module.imports[binding]
            if isinstance(statement, ast.ImportFrom) and statement.module == _TOOLS_MODULE:
                return binding.name
    return None


def tool_names(module: ModuleSource) -> frozenset[str]:
    """What a module calls the tools of boards."""
    return frozenset(name for name in module.bindings if tool_of(name, module) is not None)


def import_problem(alias: ast.alias, statement: ast.Import | ast.ImportFrom) -> str | None:
    """Why a board cannot run an import; ``None`` if it may be able to.

    Args:
        alias: one name of the statement.
        statement: the statement; not one that imports a tool of boards into a module.
    """
    if isinstance(statement, ast.ImportFrom) and statement.level:
        return "is imported from a package of the host; a board has none: import it absolutely"
    if isinstance(statement, ast.ImportFrom) and statement.module == _TOOLS_MODULE:
        return "is there on every board: import it at the top of the module, for type checkers"
    source = statement.module if isinstance(statement, ast.ImportFrom) else alias.name
    if source in _FOR_CHECKERS:
        return f"is imported from {source}, which boards do not have: use it in annotations only"
    if source is not None and source.partition(".")[0] == _OWN:
        return (
            f"is imported from {source}, which is for the host; only should_stop and sleep_ms are "
            f"for boards: from {_TOOLS_MODULE} import should_stop, sleep_ms"
        )
    return None


def import_statements(aliases: Sequence[ast.alias], module: ModuleSource) -> str:
    """Writes imports of one name: each if those before it fail, as a module would do it.

    ``import a.b`` and ``import a.c`` bind one name, too, but both are needed.
    """
    texts = [*dict.fromkeys(_write(alias, module.imports[alias]) for alias in aliases)]
    if all(text.startswith("import ") and " as " not in text for text in texts):
        return "".join(f"{text}\n" for text in texts)
    return "".join(_alternatives(texts, ""))


def _write(alias: ast.alias, statement: ast.Import | ast.ImportFrom) -> str:
    if isinstance(statement, ast.Import):
        return ast.unparse(ast.Import([alias]))
    return ast.unparse(ast.ImportFrom(statement.module, [alias], statement.level))


def _alternatives(texts: Sequence[str], indent: str) -> list[str]:
    if len(texts) == 1:
        return [f"{indent}{texts[0]}\n"]
    return [
        f"{indent}try:\n",
        f"{indent} {texts[0]}\n",
        f"{indent}except ImportError:\n",
        *_alternatives(texts[1:], f"{indent} "),
    ]
