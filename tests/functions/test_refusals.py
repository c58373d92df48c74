"""What cannot run on a board is refused where it is decorated; the message says where and why."""

import ast
import functools
import textwrap
from collections.abc import Callable

import pytest

from belay_actors import Device, RemoteError
from belay_actors.errors import UnsupportedFunctionError
from belay_actors.functions import setup, task, teardown, thread
from belay_actors.functions._check import UNKNOWN_SYNTAX
from modules import load, task_of

# What MicroPython cannot compile, and a part of the message.
UNKNOWN = {
    "match": ("match n:\n    case 1:\n        pass", "match"),
    "except*": ("try:\n    pass\nexcept* ValueError:\n    pass", "except"),
    "type statement": ("type Number = int", "type statement"),
    "template string": ("x = t'{n}'", "template"),
    "async comprehension": ("async def f():\n    return [x async for x in n]", "async"),
    "star in a list": ("x = [*n, 1]", "in a list"),
    "star in a tuple": ("x = *n, 1", "in a list"),
    "star in a set": ("x = {*n}", "in a list"),
    "star in a return": ("return *n, 1", "in a list"),
    "star in an index": ("n[*n]", "index"),
    "star in a for": ("for x in *n, 1:\n    pass", "in a list"),
    "dict in a dict": ("x = {**n, 'a': 1}", "dict"),
    "ascii conversion": ("x = f'{n!a}'", "!r"),
    "keyword of a class": ("class A(metaclass=type):\n    pass", "keywords"),
    "star in bases": ("class A(*n):\n    pass", "bases"),
    "decorator that is an index": ("@n[0]\ndef f():\n    pass", "decorator"),
    "decorator that is called twice": ("@n(0)(1)\ndef f():\n    pass", "decorator"),
    "deleted list": ("x = y = n\ndel [x, y]", "del a, b"),
}


def module_of(body: str, decorator: str = "task", parameters: str = "n") -> str:
    head = f"@{decorator}\ndef f({parameters}):\n"
    return head + textwrap.indent(textwrap.dedent(body), "    ") + "\n"


def refusal_of(text: str) -> str:
    with pytest.raises(UnsupportedFunctionError) as caught:
        load(text)
    assert isinstance(caught.value, TypeError)
    return str(caught.value)


@pytest.mark.parametrize(("body", "message"), UNKNOWN.values(), ids=UNKNOWN.keys())
def test_syntax_that_micropython_does_not_know_is_refused(body: str, message: str) -> None:
    try:
        ast.parse(module_of(body))
    except SyntaxError:
        pytest.skip("this Python does not know it either")
    text = refusal_of(module_of(body))
    assert message in text
    place = text.partition(": ")[0]
    assert place.startswith("/modules/")
    assert int(place.rpartition(":")[2]) >= 3


@pytest.mark.parametrize("body", [body for body, _ in UNKNOWN.values()], ids=UNKNOWN.keys())
async def test_micropython_does_not_know_it_indeed(device: Device, body: str) -> None:
    with pytest.raises(RemoteError):
        await device.execute("def f(n):\n" + textwrap.indent(body, "    ") + "\nf([1])")


def test_each_row_of_the_table_is_tried() -> None:
    for _, problem in UNKNOWN_SYNTAX:
        assert any(message in problem for _, message in UNKNOWN.values()), problem


KNOWN = {
    "walrus": "return (y := n) + y",
    "f-strings": "a = 2\nreturn f'{n!r:>{a}}{n=}{{}}{n!s}' + f\"{'x' + '}'}\"",
    "f-string without values": "return f'{{a}}'",
    "star in a call": "return max(*[n, 2], *[3], **{})",
    "star after a keyword": "def g(b, a):\n    return a\nreturn g(a=1, *[2])",
    "star in a target": "a, *b = [n, 2, 3]\nreturn b",
    "chained comparison": "return 1 < n < 3",
    "annotations": "x: int = n\ny: int\nclass A:\n    z: int = 3\n    w: int\nreturn x + A.z",
    "parameters by position": "def g(a, /, b, *, c=3):\n    return a + b + c\nreturn g(n, 2)",
    "lambda": "return (lambda a, *b, c=3, **d: (a, b, c, d))(1, 2, x=3)",
    "closures": "x = 1\ndef g():\n    nonlocal x\n    x += n\ng()\nreturn x",
    "class": "class A:\n    def f(self):\n        return n\nclass B(A):\n"
    "    def f(self):\n        return super().f() + 1\nreturn B().f()",
    "decorator": "def d(f):\n    return f\n@d\ndef g():\n    return n\nreturn g()",
    "decorator with arguments": "def d(a):\n    return lambda f: f\n@d(3)\ndef g():\n"
    "    return n\nreturn g()",
    "with": "class C:\n    def __enter__(self):\n        return 3\n    def __exit__(self, *a):\n"
    "        pass\nwith (C() as a, C()):\n    return a + n",
    "try": "try:\n    1 // 0\nexcept (ValueError, ZeroDivisionError) as e:\n    x = 1\nelse:\n"
    "    x = 2\nfinally:\n    x += 3\nreturn x + n",
    "loops": "for i in range(3):\n    if i == n:\n        break\nelse:\n    i = 9\n"
    "while i:\n    i -= 1\nelse:\n    i = 7\nreturn i",
    "comprehensions": "return [[a, b] for a in range(n) for b in range(a) if a if b], "
    "sorted({a for a in [1]}), {a: a for a in [1]}, list(a for a in [2])",
    "inner generator": "def g():\n    x = yield n\n    yield from [1, 2]\nreturn list(g())",
    "inner import": "import math as m, gc\nfrom sys import platform as p\nreturn m.floor(n), p",
    "texts": "return 'é\\n\\x00\\u20ac', b'\\xff', u'x', '''a\nb''', \"it's\"",
    "numbers": "return 1_000, 0xFF, 1e400, -2**2, (1).__class__ is int, 2j, 1e-7",
    "global": "global made_here\nmade_here = n\nmade_here += 1\nreturn made_here",
    "delete": "x = y = n\nz = [1, 2]\ndel x, z[0]\ndel (y)\nreturn z",
    "slices": "a = [1, 2, 3, 4]\nreturn a[::-1], a[1:], a[:2], a[-1]",
    "conditions": "return (1 if n else 2) if not n is None else 3",
    "assert": "assert n, 'a'\nreturn n",
    "nothing": "...",
    "ellipsis as a value": "return ... is ...",
    "docstring": "'''Text.'''\n'another'\nif n:\n    'alone'\nelse:\n    x: int\nreturn n",
    "tuples": "return (), (n,), (n, (n,))",
    "raise from": "try:\n    raise ValueError(n) from None\nexcept ValueError as e:\n"
    "    return str(e)",
}


@pytest.mark.parametrize("body", KNOWN.values(), ids=KNOWN.keys())
async def test_everything_else_runs_as_on_the_host(device: Device, body: str) -> None:
    function = task_of(load(module_of(body)))
    unit = function.unit("linux", "micropython")
    for text in (unit.full, unit.small):
        assert text.source.count("\n") == len(text.lines)
        await device.execute(text.source)
        assert await device.evaluate("f(2)") == function(2)


def test_the_syntax_of_a_newer_python_that_only_tells_types_is_left_out() -> None:
    text = "@task\ndef f[T](n: T) -> T:\n    def g[S](s: S):\n        return s\n    return g(n)\n"
    try:
        ast.parse(text)
    except SyntaxError:
        pytest.skip("this Python does not know it")
    function = task_of(load(text))
    assert function.unit("linux", "micropython").full.source.startswith("def f(n):\n    def g(s):")


# What is no function for a board.


def outer() -> Callable[[], int]:
    number = 3

    def inner() -> int:
        return number

    return inner


def decorated(function: Callable[[], None]) -> Callable[[], None]:
    @functools.wraps(function)
    def wrapper() -> None:
        function()

    return wrapper


@decorated
def wrapped() -> None: ...


async def sleep() -> None: ...


@pytest.mark.parametrize("decorator", [task, thread, setup, teardown])
@pytest.mark.parametrize(
    ("function", "message"),
    [
        (print, "made by def"),
        (lambda: None, "made by def"),
        (functools.partial(print), "made by def"),
        (type, "made by def"),
        (3, "made by def"),
        (sleep, "not async"),
        (outer(), "uses 'number' of the function around it"),
        (wrapped, "other decorators"),
        (eval("lambda: None"), "made by def"),
    ],
    ids=["builtin", "lambda", "partial", "class", "number", "async", "closure", "wrapped", "eval"],
)
def test_only_a_plain_function_is_taken(
    decorator: Callable[[object], object], function: object, message: str
) -> None:
    with pytest.raises(UnsupportedFunctionError, match=message):
        decorator(function)


def test_without_a_source_a_function_is_refused() -> None:
    names: dict[str, object] = {"task": task}
    with pytest.raises(UnsupportedFunctionError, match="no source"):
        exec("@task\ndef f(): ...", names)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (module_of("return 1", parameters="self"), "has no 'self'"),
        (module_of("return 1", parameters="self, n"), "@staticmethod"),
        (module_of("return 1", parameters="cls"), "has no 'cls'"),
        (module_of("pass", parameters="a, /, **b"), "positional-only"),
        (module_of("from . import x"), "import it absolutely"),
        (module_of("from belay_actors.board import sleep_ms"), "at the top of the module"),
        (module_of("from typing import cast"), "boards do not have"),
        (module_of("yield 1", "setup", ""), "only a task"),
        (module_of("yield 1", "teardown", ""), "only a task"),
        (module_of("yield from [1]", "thread", ""), "only a task"),
        (module_of("return 3", "thread", ""), "nobody would get it"),
        (module_of("if 1:\n    return 3", "setup", ""), "nobody would get it"),
        ("@task\ndef print():\n    pass\n", "would hide"),
        ("@task(name='should_stop')\ndef f():\n    pass\n", "would hide"),
        ("@thread\ndef __belay__():\n    pass\n", "would hide"),
        (
            module_of("size = 1\nclass A:\n    size = 2\n    def f(self):\n        return size"),
            "hides",
        ),
    ],
)
def test_what_has_no_place_on_a_board_is_refused(text: str, message: str) -> None:
    with pytest.raises(UnsupportedFunctionError, match=message):
        load(text)


# Threads that nobody could stop.

TOOLS = "from belay_actors.board import should_stop, sleep_ms as pause\nimport time\n"


@pytest.mark.parametrize(
    "body",
    [
        "while True:\n    time.sleep(1)",
        "while 1:\n    for i in range(3):\n        break",
        "while True:\n    while True:\n        break",
        "while True:\n    def g():\n        return 3\n    g()",
        "while True:\n    def g():\n        should_stop()",
        "for i in range(3):\n    while 'x':\n        pass",
    ],
)
def test_a_thread_that_never_ends_is_refused(body: str) -> None:
    text = TOOLS + module_of(body, "thread", "")
    with pytest.raises(UnsupportedFunctionError, match=r"never ends.*should_stop"):
        load(text)


@pytest.mark.parametrize(
    "body",
    [
        "while not should_stop():\n    time.sleep(1)",
        "while True:\n    pause(3)",
        "while True:\n    if should_stop():\n        break",
        "while True:\n    for i in range(3):\n        pass\n    else:\n        break",
        "while True:\n    try:\n        pass\n    except ValueError:\n        break",
        "while True:\n    for i in range(3):\n        return",
        "while True:\n    raise ValueError",
        "while 0:\n    pass",
        "for i in range(3):\n    pass",
    ],
)
def test_a_thread_that_may_end_is_taken(body: str) -> None:
    load(TOOLS + module_of(body, "thread", ""))


def test_a_task_may_run_for_ever() -> None:
    load(module_of("while True:\n    pass", "task", ""))
