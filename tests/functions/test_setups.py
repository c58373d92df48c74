"""What setups bind is global on the board."""

import pytest

from belay_actors import Device
from modules import load, setup_of

PLACE = ("linux", "micropython")


@pytest.mark.parametrize(
    ("body", "made"),
    [
        ("global a, b\n    a = 1", {"a": 1}),
        ("if 1:\n        global a\n        a = 1\n    c = 3", {"a": 1, "c": 3}),
        ("x = 4\n    a = x", {"a": 4}),
        ("[a for a in range(3)]\n    b = [a for a in range(2)]", {"b": [0, 1]}),
        ("(a := 3)\n    [b := c for c in range(3)]", {"a": 3, "b": 2}),
        ("a, (b, *c) = 1, (2, 3)", {"a": 1, "b": 2, "c": [3]}),
        ("try:\n        1 // 0\n    except Exception as e:\n        a = str(e) and 1", {"a": 1}),
        ("a = 1\n    a += 1", {"a": 2}),
        ("a = 1\n    class B:\n        c = a + 1\n    d = B.c", {"a": 1, "d": 2}),
        (
            "a = 1\n    def f():\n        a = 5\n        def g():\n"
            "            nonlocal a\n            a = 6\n        g()\n        return a\n    b = f()",
            {"a": 1, "b": 6},
        ),
        ("pass", {}),
    ],
)
async def test_what_setups_bind_is_there_afterwards(
    device: Device, body: str, made: dict[str, object]
) -> None:
    function = setup_of(load(f"@setup\ndef s(x=0):\n    {body}\n"), "s")
    for text in (function.unit(*PLACE).full, function.unit(*PLACE).small):
        await device.execute(text.source)
        await device.execute("s()")
        for name, value in made.items():
            assert await device.evaluate(name) == value
            await device.execute(f"del {name}")
