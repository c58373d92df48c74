"""Values come back as they are on the board, or as the type that was asked for, or not at all."""

import math

import attrs
import pytest

from belay_actors import Device, RemoteError, UnsupportedValueError


@attrs.frozen
class Reading:
    """What a sensor says."""

    channel: int
    volts: float


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("None", None),
        ("True", True),
        ("False", False),
        ("0", 0),
        ("-7", -7),
        ("10**50", 10**50),
        ("-(2**64)", -(2**64)),
        ("1.5", 1.5),
        ("0.1 + 0.2", 0.1 + 0.2),
        ("1e300", 1e300),
        ("5e-324", 5e-324),
        ("float('inf')", math.inf),
        ("float('-inf')", -math.inf),
        ("1+2j", 1 + 2j),
        ("-1.5-2.5j", -1.5 - 2.5j),
        ("complex(0, float('inf'))", complex(0, math.inf)),
        ("complex(1, float('-inf'))", complex(1, -math.inf)),
        ("''", ""),
        ("'\\x00\\x04\\x1e\\r\\n\"\\'\\\\'", "\x00\x04\x1e\r\n\"'\\"),
        ("'ä€\U0001f600'", "ä€\U0001f600"),
        ("b''", b""),
        ("bytes(range(256))", bytes(range(256))),
        ("bytearray(b'\\x00\\xff')", bytearray(b"\x00\xff")),
        ("bytearray()", bytearray()),
        ("range(3)", range(3)),
        ("range(9, 1, -2)", range(9, 1, -2)),
        ("[]", []),
        ("[1, 'two', [3.0, None]]", [1, "two", [3.0, None]]),
        ("()", ()),
        ("(1,)", (1,)),
        ("{}", {}),
        ("{(1, 2): {'a': [b'x']}, None: ()}", {(1, 2): {"a": [b"x"]}, None: ()}),
        ("set()", set[int]()),
        ("{1, (2, 'x')}", {1, (2, "x")}),
        ("frozenset()", frozenset[int]()),
        ("{frozenset([1, 2])}", {frozenset([1, 2])}),
        ("[[[[[[[[1]]]]]]]]", [[[[[[[[1]]]]]]]]),
    ],
)
async def test_a_value_comes_back_with_its_type(
    device: Device, expression: str, value: object
) -> None:
    got = await device.evaluate(expression)
    assert got == value
    assert type(got) is type(value)


async def test_nan_comes_back_as_nan(device: Device) -> None:
    assert math.isnan(await device.evaluate("float('nan')", float))
    number = await device.evaluate("complex(float('nan'), float('nan'))", complex)
    assert math.isnan(number.real)
    assert math.isnan(number.imag)


async def test_a_negative_zero_keeps_its_sign(device: Device) -> None:
    assert math.copysign(1, await device.evaluate("-0.0", float)) == -1


async def test_an_expression_may_have_spaces_and_lines_around_and_inside(device: Device) -> None:
    assert await device.evaluate("  1 + 1\n") == 2
    assert await device.evaluate("(1,\n 2)") == (1, 2)


async def test_a_long_value_comes_back_whole(device: Device) -> None:
    assert await device.evaluate("'ab' * 200_000", str) == "ab" * 200_000
    assert await device.evaluate("list(range(20_000))", list[int]) == list(range(20_000))


async def test_a_value_is_made_into_the_type_asked_for(device: Device) -> None:
    assert await device.evaluate("3", int) == 3
    assert await device.evaluate("'x'", returns=str) == "x"
    assert await device.evaluate("[1, 2]", list[int]) == [1, 2]
    assert await device.evaluate("{'a': 1}", dict[str, float]) == {"a": 1.0}
    assert await device.evaluate("(1, 'x')", tuple[int, str]) == (1, "x")
    assert await device.evaluate("{'channel': 2, 'volts': 3}", Reading) == Reading(2, 3.0)
    assert await device.evaluate("7", returns=None) == 7


async def test_an_int_may_stand_for_a_float(device: Device) -> None:
    value = await device.evaluate("2", float)
    assert value == 2.0
    assert type(value) is float


@pytest.mark.parametrize(("expression", "value"), [("5", 5), ("'five'", "five")])
async def test_a_union_takes_either_of_its_types(
    device: Device, expression: str, value: object
) -> None:
    assert await device.evaluate(expression, int | str) == value  # type: ignore[arg-type]  # pyright: ignore


@pytest.mark.parametrize(
    ("expression", "returns"),
    [
        ("'3'", int),
        ("3", str),
        ("1.5", int),
        ("True", int),
        ("None", int),
        ("[1, 'x']", list[int]),
        ("{'channel': 2}", Reading),
        ("{'channel': 2, 'volts': 3.0, 'more': 0}", Reading),
    ],
)
async def test_a_value_that_does_not_fit_is_a_type_error(
    device: Device, expression: str, returns: type[object]
) -> None:
    with pytest.raises(TypeError, match="does not fit"):
        await device.evaluate(expression, returns)
    assert await device.evaluate("1") == 1


async def test_a_type_that_nothing_can_become_is_refused_before_anything_is_sent(
    device: Device,
) -> None:
    class Opaque:
        pass

    served = device.snapshot().calls.served
    with pytest.raises(TypeError, match="Opaque"):
        await device.evaluate("(x := 1)", Opaque)
    assert device.snapshot().calls.served == served
    with pytest.raises(RemoteError, match="NameError"):
        await device.evaluate("x")


@pytest.mark.parametrize("code", [b"1", 1, None])
async def test_code_that_is_no_text_is_refused(device: Device, code: object) -> None:
    with pytest.raises(TypeError, match="code is a str"):
        await device.evaluate(code)  # type: ignore[call-overload]  # pyright: ignore
    with pytest.raises(TypeError, match="code is a str"):
        await device.execute(code)  # type: ignore[arg-type]  # pyright: ignore
    assert device.snapshot().calls.served == 0


async def test_code_that_cannot_be_encoded_is_refused(device: Device) -> None:
    with pytest.raises(ValueError, match="surrogates"):
        await device.execute("print('\udc80')")
    assert device.snapshot().calls.served == 0


LIAR = """
class Liar:
    def __repr__(self):
        return "1"
class LyingInt(int):
    def __repr__(self):
        return "__import__('os').abort()"
class LyingList(list):
    def __repr__(self):
        return "[1]"
"""


@pytest.mark.parametrize(
    ("expression", "kind"),
    [
        ("lambda: 0", "function"),
        ("object()", "object"),
        ("int", "type"),
        ("(x for x in ())", "generator"),
        ("Liar()", "Liar"),
        ("LyingInt(1)", "LyingInt"),
        ("LyingList()", "LyingList"),
        ("[1, Liar()]", "list"),
        ("{'key': [Liar()]}", "dict"),
        ("(1, {2: object()})", "tuple"),
        ("__import__('sys')", "module"),
        ("__import__('collections').OrderedDict()", "OrderedDict"),
        ("memoryview(b'1')", "memoryview"),
    ],
)
async def test_a_value_that_cannot_come_back_is_an_error_that_names_its_type(
    device: Device, expression: str, kind: str
) -> None:
    await device.execute(LIAR)
    with pytest.raises(UnsupportedValueError, match=rf"\b{kind}\b") as caught:
        await device.evaluate(expression)
    assert caught.value.device == device.name
    assert await device.evaluate("1") == 1


@pytest.mark.parametrize(
    "expression", ["(lambda l: (l.append(l), l)[1])([])", "10 ** 5000", "[10 ** 5000]"]
)
async def test_a_recursive_list_and_a_huge_int_cannot_come_back(
    device: Device, expression: str
) -> None:
    with pytest.raises(UnsupportedValueError, match="cannot come back"):
        await device.evaluate(expression)
    assert await device.evaluate("1") == 1
