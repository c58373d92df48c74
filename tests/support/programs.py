"""The programs that stand in the documentation, to be run as they stand there."""

import linecache
import re
from pathlib import Path

_DOCS = Path(__file__).parents[2] / "docs"


def blocks_of(page: str, language: str = "python") -> list[str]:
    """Returns what stands in the fenced blocks of a page, in their order."""
    text = (_DOCS / page).read_text("utf-8")
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def run_program(program: str, names: dict[str, object] | None = None) -> dict[str, object]:
    """Runs a program, but not as the main one; returns all its names."""
    names = {} if names is None else names
    names["__name__"] = "program"
    file = f"<program {hash(program)}>"  # functions for boards are read from where they stand
    linecache.cache[file] = (len(program), None, program.splitlines(keepends=True), file)
    exec(compile(program, file, "exec"), names)
    return names
