"""Functions of notebooks and of examples in texts.

Each cell is a source of its own, and what others bind is known by its value alone.
"""

import doctest
import linecache

import pytest

from belay_actors import Device
from belay_actors.errors import UnsupportedFunctionError
from belay_actors.functions import Unit, closure, task
from modules import task_of

PLACE = ("linux", "micropython")


async def value_of(device: Device, unit: Unit, call: str) -> object:
    for part in closure(unit):
        await device.execute(part.full.source)
    return await device.evaluate(call)


def cell(names: dict[str, object], number: int, text: str) -> None:
    file = f"/cells/{number}"
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    exec(compile(text, file, "exec"), names)


async def test_what_other_cells_bind_is_found(device: Device) -> None:
    names: dict[str, object] = {"task": task, "__name__": "__main__"}
    cell(names, 1, "import math as m\nLIMIT = 3\nled: int\nthings = []\n")
    cell(names, 2, "@task\ndef g(x):\n    return m.floor(x) + LIMIT\n")
    cell(names, 3, "@task\ndef f(x):\n    return g(x)\n@task\ndef h():\n    return led\n")
    function = task_of(names)
    assert await value_of(device, function.unit(*PLACE), "f(2.5)") == 5
    with_led = task_of(names, "h")
    assert with_led.unit(*PLACE).wants == {"led"}
    with pytest.raises(UnsupportedFunctionError, match="pass it as an argument"):
        cell(names, 4, "@task\ndef k():\n    return things\n")


EXAMPLES = """
>>> from belay_actors.functions import closure, task
>>> LIMIT = 3
>>> @task
... def g(x):
...     return x + LIMIT
>>> @task
... def f(x):
...     return g(x)
>>> [unit.name for unit in closure(f.unit("linux", "micropython"))]
['LIMIT', 'g', 'f']
>>> f(4)
7
"""


def test_examples_in_a_text_are_sources_too() -> None:
    test = doctest.DocTestParser().get_doctest(EXAMPLES, {}, "examples", None, 0)
    assert doctest.DocTestRunner().run(test).failed == 0


def test_a_function_that_is_defined_anew_is_another() -> None:
    names: dict[str, object] = {"task": task, "__name__": "__main__"}
    cell(names, 1, "@task\ndef f():\n    return 1\n")
    first = task_of(names)
    cell(names, 1, "@task\ndef f():\n    return 2\n")
    second = task_of(names)
    one, two = first.unit(*PLACE), second.unit(*PLACE)
    assert one.origin == two.origin == "__main__.f"
    assert one.code_hash != two.code_hash
    assert "return 1" in one.full.source
