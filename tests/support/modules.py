"""Modules that are texts: run on the host, with a source that can be found as that of a file."""

import itertools
import linecache
import textwrap

from belay_actors.functions import setup, task, teardown, thread

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
    exec(code, names)  # noqa: S102
    return names
