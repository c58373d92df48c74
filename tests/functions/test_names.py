"""Global names of board functions: what each kind becomes on a board, and which are refused."""

import doctest
import linecache
import re

import pytest

from belay_actors import Device
from belay_actors.errors import UnsupportedFunctionError
from belay_actors.functions import Task, Unit, closure, task
from modules import load, task_of, unit_of

PLACE = ("linux", "micropython")


def sources(unit: Unit) -> list[str]:
    return [part.full.source for part in closure(unit)]


async def value_of(device: Device, unit: Unit, call: str) -> object:
    for part in closure(unit):
        await device.execute(part.full.source)
    return await device.evaluate(call)


# Imports.


@pytest.mark.parametrize(
    ("statement", "used", "sent"),
    [
        ("import math", "math", "import math\n"),
        ("import math as m, gc", "m", "import math as m\n"),
        ("import os.path", "os", "import os.path\n"),
        ("import os.path\nimport os.other", "os", "import os.path\nimport os.other\n"),
        ("from math import (floor, ceil as up)", "up", "from math import ceil as up\n"),
        (
            "if TYPE_CHECKING:\n    from machine import Pin",
            "Pin",
            "from machine import Pin\n",
        ),
        (
            "try:\n    import machine\nexcept ImportError:\n    machine = None",
            "machine",
            "import machine\n",
        ),
        (
            "try:\n    import utime as time\nexcept ImportError:\n    import time",
            "time",
            "try:\n import utime as time\nexcept ImportError:\n import time\n",
        ),
    ],
)
def test_an_import_is_sent_as_it_is(statement: str, used: str, sent: str) -> None:
    text = statement.replace("import os.other", "if 0:\n    import os.other")
    text = f"TYPE_CHECKING = False\n{text}\n@task\ndef f():\n    return {used}\n"
    unit = unit_of(text)
    assert sources(unit) == [sent, f"def f():\n    return {used}\n"]
    imported = unit.needs[0]
    assert imported.name == used
    assert imported.origin == "; ".join(sent.splitlines())
    assert imported.small is imported.full
    first = next(i for i, line in enumerate(text.splitlines(), 1) if "import" in line)
    assert imported.full.lines == (first,) * sent.count("\n")


async def test_imports_work_on_a_board(device: Device) -> None:
    text = """
        try:
            import no_such_module as mathematics
        except ImportError:
            import math as mathematics
        from math import floor as down

        @task
        def f(x):
            return down(mathematics.sqrt(x))
        """
    assert await value_of(device, unit_of(text), "f(17)") == 4


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("from typing import cast as name", "is imported from typing"),
        ("from __future__ import annotations as name", "is imported from __future__"),
        ("from collections.abc import Iterator as name", "is imported from collections.abc"),
        ("from belay_actors import open_device as name", "is for the host"),
        ("import belay_actors.board as name", "is for the host"),
        ("if 0:\n    from . import name", "import it absolutely"),
    ],
)
def test_an_import_that_no_board_can_run_is_refused(statement: str, message: str) -> None:
    with pytest.raises(UnsupportedFunctionError, match=re.escape(message)) as caught:
        load(f"{statement}\n@task\ndef f():\n    return name\n")
    assert "f() uses 'name'" in str(caught.value)


# Other functions.


def test_functions_that_are_used_are_sent_too_each_once() -> None:
    unit = unit_of(
        """
        @task
        def f(x):
            return g(x) + h(x)

        @task
        def g(x):
            return h(x) + LIMIT

        @task
        def h(x):
            return LIMIT

        LIMIT = 5
        """
    )
    assert [part.name for part in closure(unit)] == ["LIMIT", "h", "g", "f"]
    assert [need.name for need in unit.needs] == ["g", "h"]
    assert [need.name for need in unit.needs[0].needs] == ["LIMIT", "h"]


async def test_functions_may_use_each_other_and_themselves(device: Device) -> None:
    unit = unit_of(
        """
        @task(name="is_even")
        def f(n):
            return n == 0 or odd(n - 1)

        @task
        def odd(n):
            return n != 0 and f(n - 1)

        @task
        def count(n):
            return n and 1 + count(n - 1)
        """
    )
    assert sorted(part.name for part in closure(unit)) == ["is_even", "odd"]
    assert "f(" not in unit.needs[0].full.source.replace("def odd(", "")
    assert await value_of(device, unit, "is_even(4), is_even(3)") == (True, False)


def test_a_function_that_calls_itself_needs_nothing_for_that() -> None:
    assert unit_of("@task\ndef f(n):\n    return n and f(n - 1)\n").needs == ()


async def test_a_function_is_found_under_any_name(device: Device) -> None:
    unit = unit_of(
        """
        @task(name="other_name")
        def g(x):
            return x + 1

        alias = g

        @task
        def f(x):
            return alias(x) + g(x)
        """
    )
    assert unit.full.source == "def f(x):\n    return other_name(x) + other_name(x)\n"
    assert await value_of(device, unit, "f(1)") == 4


def test_a_variable_may_not_hide_a_function_of_another_name() -> None:
    text = """
        @task(name="total")
        def g(x):
            return x

        @task
        def f(x):
            total = g(x)
            return total
        """
    with pytest.raises(UnsupportedFunctionError, match="is called 'total' on the board"):
        unit_of(text)


@pytest.mark.parametrize(
    "definition", ["def g():\n    pass", "class g:\n    pass", "async def g():\n    pass"]
)
def test_what_is_not_decorated_is_refused_at_once(definition: str) -> None:
    text = f"@task\ndef f():\n    return g()\n\n{definition}\n"
    with pytest.raises(UnsupportedFunctionError, match=r"py:3: f\(\) uses 'g'.*decorate it"):
        load(text)


def test_what_is_decorated_by_something_else_is_refused_when_it_is_used() -> None:
    text = """
        @task
        def f():
            return g()

        @str
        def g():
            pass
        """
    with pytest.raises(UnsupportedFunctionError, match="decorate it with @task"):
        unit_of(text)


@pytest.mark.parametrize("decorator", ["setup", "teardown"])
def test_a_setup_cannot_be_called(decorator: str) -> None:
    text = f"@{decorator}\ndef g():\n    pass\n\n@task\ndef f():\n    g()\n"
    with pytest.raises(UnsupportedFunctionError, match="call a @task instead"):
        load(text)


def test_a_failed_link_leaves_nothing_half_done() -> None:
    names = load(
        """
        @task
        def f():
            return g()

        @task
        def g():
            return f() + LIMIT

        LIMIT = []
        """
    )
    function = task_of(names)
    for _ in range(2):
        with pytest.raises(UnsupportedFunctionError, match="LIMIT"):
            function.unit(*PLACE)
    names["LIMIT"] = 3
    assert [part.name for part in closure(function.unit(*PLACE))] == ["LIMIT", "g", "f"]


# Constants.


@pytest.mark.parametrize(
    "value",
    [
        *("5", "0.1", "'text'", "b'\\xff'", "None", "True", "(1, (2.5, 'a'))", "range(3)", "3 * 7"),
        *("float('inf')", "(-float('inf'), 1)", "frozenset({1})", "frozenset()", "1e-9", "2j"),
    ],
)
async def test_a_constant_has_its_value_on_the_board(device: Device, value: str) -> None:
    unit = unit_of(f"A_LIMIT: object = {value}\n@task\ndef f():\n    return A_LIMIT\n")
    assert await value_of(device, unit, "f()") == eval(value)
    assert unit.needs[0].name == "A_LIMIT"


def test_the_value_of_a_constant_is_that_of_the_first_use() -> None:
    names = load("@task\ndef f():\n    return LIMIT\nLIMIT = 5\nLIMIT = LIMIT + 1\n")
    function = task_of(names)
    assert function.unit(*PLACE).needs[0].full.source == "LIMIT = 6\n"
    names["LIMIT"] = 7
    assert function.unit(*PLACE).needs[0].full.source == "LIMIT = 6\n"


@pytest.mark.parametrize("statement", ["limit = 5", "for limit in range(3):\n    pass"])
def test_a_variable_of_the_module_is_refused_at_once(statement: str) -> None:
    with pytest.raises(UnsupportedFunctionError, match="pass it as an argument"):
        load(f"{statement}\n@task\ndef f():\n    return limit\n")


def test_a_variable_of_another_function_is_not_one_of_the_module() -> None:
    text = (
        "counter = 0\n@task\ndef other():\n    counter = 3\n@task\ndef f():\n    return counter\n"
    )
    with pytest.raises(UnsupportedFunctionError, match="pass it as an argument"):
        load(text)


def test_the_body_of_a_class_is_no_scope_for_its_methods() -> None:
    text = """
        @task
        def f():
            class A:
                foo = 3
                def g(self):
                    return foo
        """
    with pytest.raises(UnsupportedFunctionError, match=r":7: f\(\) uses 'foo'"):
        load(text)


@pytest.mark.parametrize("value", ["[]", "{}", "object()", "(1, [])", "int", "bytearray(1)"])
def test_what_can_change_is_no_constant(value: str) -> None:
    with pytest.raises(UnsupportedFunctionError, match="a constant is made of"):
        unit_of(f"LIMIT = {value}\n@task\ndef f():\n    return LIMIT\n")


def test_a_constant_that_was_never_bound_is_refused_when_it_is_used() -> None:
    with pytest.raises(UnsupportedFunctionError, match="no value yet"):
        unit_of("if 0:\n    LIMIT = 3\n@task\ndef f():\n    return LIMIT\n")


# What a setup makes, the board's tools, and builtins.


@pytest.mark.parametrize(
    "declaration",
    [
        "led: 'Pin'",
        "if 1:\n    led: 'Pin'",
        "@setup\ndef pins():\n    led = 3",
        "@setup\ndef pins():\n    global led\n    led = 3",
        "led = None\n@setup(critical=False)\ndef pins():\n    for led in range(3):\n        pass",
        "@task\ndef other():\n    global led\n    led = 3",
    ],
)
def test_what_a_setup_makes_is_wanted(declaration: str) -> None:
    unit = unit_of(f"{declaration}\n@task\ndef f():\n    return led\n")
    assert unit.wants == {"led"}
    assert unit.needs == ()


def test_what_a_function_makes_itself_is_not_wanted() -> None:
    unit = unit_of(
        "state: int\n@task\ndef f():\n    global state\n    state = 1\n    return state\n"
    )
    assert unit.wants == frozenset()
    unit = unit_of("state: int\n@task\ndef f():\n    global state\n    state += 1\n")
    assert unit.wants == {"state"}


def test_the_tools_of_boards_are_not_sent() -> None:
    unit = unit_of(
        """
        from belay_actors.board import should_stop as is_over, sleep_ms

        @thread
        def f():
            while not is_over():
                sleep_ms(100)
        """
    )
    assert unit.tools == {"should_stop", "sleep_ms"}
    assert unit.needs == ()
    assert unit.wants == frozenset()
    assert "while not should_stop():" in unit.full.source


def test_the_tools_of_boards_do_not_run_on_the_host() -> None:
    function = load(
        """
        from belay_actors.board import sleep_ms, should_stop

        @task
        def f():
            sleep_ms(1)

        @task
        def g():
            return should_stop()
        """
    )
    for name in "fg":
        with pytest.raises(RuntimeError, match="runs on a board only"):
            function[name]()  # type: ignore[operator]


def test_builtins_need_nothing() -> None:
    unit = unit_of("@task\ndef f(x):\n    return sum(map(int, x)), const(3), __name__\n")
    assert (unit.needs, unit.wants) == ((), frozenset())


def test_a_name_of_the_module_comes_before_a_builtin() -> None:
    with pytest.raises(UnsupportedFunctionError, match=r"'max'.*decorate it"):
        load("def max(*x):\n    return 3\n@task\ndef f(x):\n    return max(x)\n")


@pytest.mark.parametrize(
    "text",
    [
        "@task\ndef f():\n    return foo\n",
        "@task\ndef f():\n    return [foo for x in range(3)]\n",
        "@task\ndef f():\n    def g(foo=foo):\n        pass\n",
        "@task\ndef f():\n    class A(foo):\n        foo = 1\n",
        "@task\ndef f():\n    foo.bar = 1\n",
        "@task\ndef f():\n    x = lambda: foo\n",
        "@task\ndef f():\n    return [foo for foo in foo]\n",
    ],
)
def test_a_name_that_is_nowhere_is_reported_at_once(text: str) -> None:
    with pytest.raises(UnsupportedFunctionError, match=r":3: f\(\) uses 'foo', which is defined"):
        load(text)


@pytest.mark.parametrize(
    "body",
    [
        "foo = 1\n    return foo",
        "for foo in []:\n        foo",
        "import foo\n    foo.bar",
        "def foo():\n        return foo()",
        "return [foo for foo in []]",
        "return (foo := 1)",
        "with x as foo:\n        foo",
        "try:\n        pass\n    except E as foo:\n        foo",
        "lambda foo: foo",
        "x.foo = x.foo(foo=3)",
        "y: foo = 3",
    ],
)
def test_names_that_are_not_global_are_nobodys_business(body: str) -> None:
    text = f"x: object\nE: type\n@task\ndef f():\n    {body}\n"
    assert isinstance(load(text)["f"], Task)


# Notebooks: each cell is a source of its own, and what others bind is known by its value alone.


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
