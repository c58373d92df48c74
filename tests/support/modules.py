"""Modules that are texts: run on the host, with a source that can be found as that of a file."""

import itertools
import linecache
import textwrap
from typing import cast

from belay_actors.functions import (
    BoardFunction,
    GeneratorTask,
    Setup,
    Task,
    Unit,
    setup,
    task,
    teardown,
    thread,
)

_numbers = itertools.count(1)


def load(text: str) -> dict[str, object]:
    """Runs the text of a module, which finds the decorators as they are, and returns its names.

    ``__file__`` is what it takes for its file.
    """
    text = textwrap.dedent(text)
    file = f"/modules/{next(_numbers)}.py"
    code = compile(text, file, "exec")
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    decorators = {"task": task, "thread": thread, "setup": setup, "teardown": teardown}
    names: dict[str, object] = {**decorators, "__name__": "a_module", "__file__": file}
    exec(code, names)
    return names


def task_of(names: dict[str, object], name: str = "f") -> Task[..., object]:
    """Returns a task of a module."""
    function = names[name]
    assert isinstance(function, Task)
    return cast("Task[..., object]", function)


def generator_of(names: dict[str, object], name: str = "f") -> GeneratorTask[..., object]:
    """Returns a generator task of a module."""
    function = names[name]
    assert isinstance(function, GeneratorTask)
    return cast("GeneratorTask[..., object]", function)


def setup_of(names: dict[str, object], name: str = "f") -> Setup[...]:
    """Returns a setup of a module."""
    function = names[name]
    assert isinstance(function, Setup)
    return function


def unit_of(text: str, name: str = "f") -> Unit:
    """Returns the unit of a function of a module, for the unix port."""
    function = load(text)[name]
    assert isinstance(function, BoardFunction)
    return function.unit("linux", "micropython")
