"""The small text of functions runs on every kind of board, the smallest and oldest included."""

import textwrap

import pytest

from belay_actors import Device, RemoteError
from belay_actors.functions import SentText, closure, host_traceback
from modules import load, setup_of, task_of

# What fits on a micro:bit, whose stack has 1.8 KB: no nested comprehensions or format fields.
PLACE = ("microbit", "micropython")
BODIES = {
    "f-string": "text = f'{n:>6}|{n!r}|{{}}'\nreturn text + f'{n=}'",
    "annotations": "total: int = n\nother: int\nreturn total",
    "docstring": "'''Tells nothing.'''\nreturn n",
    "parameters by position": "def helper(first, /, second):\n    return first - second\n"
    "return helper(n, 1)",
    "closure": "total = 0\ndef add(number):\n    nonlocal total\n    total += number\n"
    "for number in range(n):\n    add(number)\nreturn total",
    "comprehension": "return [number * n for number in range(n) if number]",
    "class": "class Thing:\n    def __init__(self, size):\n        self.size = size\n"
    "    def double(self):\n        return self.size * 2\nreturn Thing(n).double()",
    "with": "class Context:\n    def __enter__(self):\n        return n\n"
    "    def __exit__(self, *error):\n        pass\n"
    "with (Context() as first, Context() as second):\n    return first + second",
    "try": "try:\n    return 1 // (n - n)\nexcept (ZeroDivisionError, ValueError) as problem:\n"
    "    result = 'caught'\nfinally:\n    n += 1\nreturn result, n",
    "generator": "def numbers():\n    for number in range(n):\n        yield number\n"
    "return list(numbers())",
    "constants": "return LIMIT, NAMES, n",
    "other function": "return double(n) + double(n=1)",
    "default": "return (lambda number=LIMIT: number)()",
    "texts": "return 'it\\'s \"so\" \\n\\x00', b'\\xff\\x00', u'x'",
    "numbers": "return 0xFF, 1_000, -n, 2**10, 1.5",
}
HEAD = """\
LIMIT = 7
NAMES = ("a", "b")


@task
def double(n):
    return 2 * n


@task
def f(n, extra=LIMIT):
"""


async def send(device: Device, text: str) -> list[SentText]:
    sent: list[SentText] = []
    for unit in closure(task_of(load(text)).unit(*PLACE)):
        await device.execute(unit.small.source)
        sent.append(SentText(unit.file, unit.small))
    return sent


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
async def test_a_function_runs_as_on_the_host(device: Device, body: str) -> None:
    text = HEAD + textwrap.indent(body, "    ") + "\n"
    await send(device, text)
    assert await device.evaluate("f(3)") == task_of(load(text))(3)


async def test_a_setup_leaves_its_names(device: Device) -> None:
    setup = setup_of(load("@setup\ndef f(pin):\n    led = pin + 1\n    text = f'{led:>3}'\n"))
    await device.execute(setup.unit(*PLACE).small.source)
    await device.execute("f(2)\ndel f")
    assert await device.evaluate("(led, text)") == (3, "  3")


async def test_a_traceback_shows_the_lines_of_the_host(device: Device) -> None:
    text = HEAD + (
        "    '''Fails.'''\n    numbers = [\n        n,\n    ]\n\n    def helper(number):\n"
        "        # by zero\n        return number // 0\n\n    return helper(numbers[0])\n"
    )
    sent = await send(device, text)
    with pytest.raises(RemoteError) as caught:
        await device.execute("f(3)")
    traceback = host_traceback(caught.value.traceback, sent)
    assert f'File "{sent[-1].file}", line 21, in f\n' in traceback
    assert f'File "{sent[-1].file}", line 19, in helper\n' in traceback
