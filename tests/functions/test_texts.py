"""The texts of a unit: nothing that only a reader needs, and the host's line for each of theirs."""

import hashlib
import textwrap

import pytest

from belay_actors import Device
from modules import load, task_of, unit_of

PLACE = ("linux", "micropython")


LONG = '''\
import math


@task(
    name="mean",
)
def f(
    values: "list[float]",
    /,
    scale: float = 1.0,
) -> "float":
    """Takes the mean."""
    # a comment
    total: float = 0.0
    count: int
    count = 0; other = 1
    for value in values:
        # another

        total += (
            value
            * scale
        )
        count += 1
    if count == 0:
        return math.nan
    elif count == 1:
        return (
            total
        )

    else:
        try:
            text = f"""{total}
            {count!r:>5}"""
        except (ValueError,
                TypeError) as error:
            raise
        finally:
            other = 2

        @staticmethod
        def helper(x: int) -> int:
            "Helps."
            return x
    return total / count
'''


def test_the_full_text_is_readable() -> None:
    text = unit_of(LONG).full
    assert text.source == textwrap.dedent(
        """\
        def mean(values, scale=1.0):
            total = 0.0
            count = 0
            other = 1
            for value in values:
                total += value * scale
                count += 1
            if count == 0:
                return math.nan
            elif count == 1:
                return total
            else:
                try:
                    text = '{}\\n            {!r:>5}'.format(total, count)
                except (ValueError, TypeError) as error:
                    raise
                finally:
                    other = 2
                @staticmethod
                def helper(x):
                    return x
            return total / count
        """
    )


def test_each_line_knows_its_line_on_the_host() -> None:
    # "else" and "finally" have the line of their first statement: the tree tells no other.
    unit = unit_of(LONG)
    assert unit.full.lines == (
        7, 14, 16, 16, 17, 20, 24, 25, 26, 27, 28, 33, 33, 34, 36, 38, 40, 40, 42, 43, 45, 46
    )  # fmt: skip
    assert unit.small.lines == unit.full.lines


def test_the_small_text_has_a_statement_a_line_and_short_names() -> None:
    text = unit_of(LONG).small
    assert text.source == textwrap.dedent(
        """\
        def mean(values,scale=1.0):
         b=0.0
         a=0
         c=1
         for d in values:
          b+=d*scale
          a+=1
         if a==0:
          return math.nan
         elif a==1:
          return b
         else:
          try:
           f='{}\\n            {!r:>5}'.format(b,a)
          except(ValueError,TypeError)as e:
           raise
          finally:
           c=2
          @staticmethod
          def helper(x):
           return x
         return b/a
        """
    )


def test_a_text_names_what_tracebacks_may_name() -> None:
    unit = unit_of(
        """
        @task(name="mean")
        def f(x):
            def helper():
                return [1 for i in x]
            class A:
                y = {1: 2 for i in x}
            return lambda: {i for i in list(j for j in x)}
        """
    )
    names = {"helper", "A", "<listcomp>", "<dictcomp>", "<lambda>", "<setcomp>", "<genexpr>"}
    assert unit.full.defines == names | {"mean"}
    assert unit.small.defines == unit.full.defines


def test_a_unit_is_made_once_and_says_what_it_is() -> None:
    names = load("@task\ndef f():\n    return 1\n")
    function = task_of(names)
    unit = function.unit(*PLACE)
    assert function.unit(*PLACE) is unit
    assert unit.small is unit.small
    assert (unit.name, unit.origin, unit.file) == ("f", "a_module.f", names["__file__"])
    assert repr(unit) == "<Unit f of a_module.f>"
    assert unit.code_hash == hashlib.sha256(b"f\n" + unit.full.source.encode()).digest()


def test_the_hash_is_that_of_the_code_alone() -> None:
    one = unit_of("@task\ndef f(x: int):\n    '''One.'''\n    return x + 1\n")
    two = unit_of("import math\n# a comment\n@task(timeout=3)\ndef f(x):\n    return (x+1)\n")
    three = unit_of("@task(name='g')\ndef f(x):\n    return x + 1\n")
    assert one.code_hash == two.code_hash
    assert one.code_hash != three.code_hash


# Defaults are the host's values.

DEFAULTS = """
    import enum
    NUMBER = 3
    NUMBER += 1

    def later():
        return 7

    class Mode(enum.Enum):
        FAST = "fast"

    @task
    def f(x, y: KIND = DEFAULT, *, z=[NUMBER]):
        return y
    """


@pytest.mark.parametrize(
    ("kind", "default", "sent"),
    [
        ("int", "3", "3"),
        ("object", "-1.5", "-1.5"),
        ("object", "(1, 'a')", "(1, 'a')"),
        ("int", "NUMBER", "4"),
        ("object", "[NUMBER, None]", "[4, None]"),
        ("object", "later()", "7"),
        ("Mode", "Mode.FAST", "'fast'"),
        ("Mode", "Mode['FAST']", "'fast'"),
    ],
)
def test_a_default_is_the_value_that_it_has_on_the_host(kind: str, default: str, sent: str) -> None:
    unit = unit_of(DEFAULTS.replace("KIND", kind).replace("DEFAULT", default))
    assert unit.full.source.startswith(f"def f(x, y={sent}, *, z=[4]):\n")


def test_a_default_that_cannot_be_sent_is_refused_at_once() -> None:
    with pytest.raises(TypeError, match=r"py:2: the default of 'x' cannot be sent"):
        load("@task\ndef f(x=object()):\n    return x\n")


# Small texts: names.


@pytest.mark.parametrize(
    ("body", "kept", "gone"),
    [
        ("number = x\nreturn number", ["x"], ["number"]),
        ("def helper(number):\n    return number\nreturn helper(x)", ["helper", "number"], []),
        ("def helper(number):\n    return number\nreturn helper(number=x)", ["number"], []),
        (
            "def helper(*, number):\n    return number\nreturn helper(**{'number': x})",
            ["number"],
            [],
        ),
        ("def helper(number):\n    return number\nreturn helper(**{'number': x})", ["number"], []),
        (
            "helper = lambda number, *others: number + x\nreturn helper(1)",
            ["number", "others"],
            ["helper"],
        ),
        ("class A:\n    number = x\nnumber = A.number\nreturn number", ["number"], []),
        ("class A:\n    size = x\nnumber = A.size\nreturn number", ["size"], ["number"]),
        ("number = 3\nreturn eval('4') + number", ["number"], []),
        ("number = 3\nreturn sorted(locals()) and number", ["number"], []),
        ("global number\nnumber = x\nother = number\nreturn other", ["number"], ["other"]),
        (
            "number = x\ndef helper():\n    global number\n    number = 3\nhelper()\nreturn number",
            ["number"],
            [],
        ),
        (
            "number = x\ndef helper():\n    nonlocal number\n    number = 3\nhelper()\n"
            "return number",
            ["helper"],
            ["number"],
        ),
        ("import math as mathematics\nreturn mathematics.floor(x)", ["mathematics"], []),
        ("number = [number for number in range(x)]\nreturn number", [], ["number"]),
        (
            "try:\n    1 // 0\nexcept ValueError as number:\n    pass\nreturn (number := 3)",
            [],
            ["number"],
        ),
        ("number = x\nreturn f'{number} {number=}'", ["number="], []),
        ("a = b = x\nnumber = a + b\nreturn number", [], ["number"]),
        ("number = 3\nreturn number.real if hasattr(number, 'real') else 3", ["real"], ["number"]),
        ("number = 3\nreturn (1).__class__ is int and number", [], ["number"]),
    ],
)
async def test_only_names_that_nobody_else_knows_are_shortened(
    device: Device, body: str, kept: list[str], gone: list[str]
) -> None:
    text = "@task\ndef f(x):\n" + textwrap.indent(body, "    ") + "\n"
    names = load(text)
    function = task_of(names)
    source = function.unit(*PLACE).small.source
    for name in kept:
        assert name in source
    for name in gone:
        assert name not in source
    await device.execute(source)
    try:
        expected: object = function(2)
    except ZeroDivisionError:
        return
    assert await device.evaluate("f(2)") == expected


def test_more_names_than_there_are_letters() -> None:
    body = "".join(f"    number{n} = {n}\n" for n in range(60))
    source = unit_of(f"@task\ndef f(a, b):\n{body}    return number59 + a\n").small.source
    names: dict[str, int] = {}
    exec(f"{source}x = f(1, 2)", names)
    assert names["x"] == 60
