"""What of all values fits on each kind of board, and what becomes of floats that are short."""

import math
import struct

import pytest

from alike import exactly
from annotated import Colour, Level, Point, Reading, Settings
from belay_actors import Device, DeviceCapabilityError, RemoteError
from belay_actors.values import encode, structure, unstructure
from boards import Board

VALUES: list[object] = [
    *(None, True, 0, -1, 2**70, -(10**40), 0.0, -0.0, 2.5, -0.125, 1e10, math.inf, -math.inf),
    *("", "a", "it's \"\0\x04\n", "0123456789", "01234567890", "é", "\u20ac" * 12),
    *(b"", b"a", b"\xff\0'\"", bytearray(), bytearray(b"x"), range(0), range(2, 9, 3)),
    *([], (), {}, set[int](), frozenset[int](), [1, (2, [3, {"a": {4}}])], (1,)),
    {1: "a", (2,): None},
    *({1, "b"}, frozenset({1, b"c"}), [[[[[1]]]]], {"k": [2.5, {"l": (-7.75,)}]}),
]  # fmt: skip


async def echo(device: Device, value: object) -> object:
    text = encode(value, exact_floats=device.capabilities.has_doubles)
    return await device.evaluate(f"echo({text})")


@pytest.fixture
async def device(device: Device) -> Device:
    await device.execute("def echo(x): return x")
    return device


async def test_values_come_back_as_they_were(board: Board, device: Device) -> None:
    assert device.capabilities.has_doubles is not board.is_small
    for value in VALUES:
        assert exactly(await echo(device, value)) == exactly(value)
    nan = await echo(device, [math.nan])
    assert exactly(nan) == exactly([math.nan])


async def test_values_of_annotated_types_come_back_equal(board: Board, device: Device) -> None:
    for value, kind in [
        (Colour.RED, Colour),
        (Level.HIGH, Level),
        ([Reading(1, 2.5)], list[Reading]),
        (Point(1.0, -0.5, ["a"]), Point),
        ({"rate": 3, "reading": Reading(2)}, Settings),
    ]:
        plain = unstructure(value, kind)
        assert structure(await echo(device, plain), kind) == value  # type: ignore[arg-type]  # pyright: ignore


@pytest.mark.boards("microbit")
async def test_short_floats_are_the_nearest_that_there_are(board: Board, device: Device) -> None:
    for number in (0.1, 3.3, -1234.5678, 1e-20, 1e30, math.pi):
        (short,) = struct.unpack("<f", struct.pack("<f", number))
        back = await echo(device, number)
        assert back == pytest.approx(short, rel=5e-6)
        assert back == pytest.approx(number, rel=5e-6)
    assert await echo(device, 1e39) == math.inf
    assert await echo(device, 1e-50) == 0


@pytest.mark.boards("microbit")
async def test_complex_numbers_are_refused_where_there_are_none(
    board: Board, device: Device
) -> None:
    with pytest.raises(DeviceCapabilityError, match="no complex numbers"):
        await device.evaluate("1", complex)
    with pytest.raises(RemoteError, match="NameError"):
        await echo(device, 1j)


@pytest.mark.boards("microbit")
async def test_arguments_leave_nothing_in_little_memory(board: Board, device: Device) -> None:
    used = "(lambda gc: (gc.collect(), gc.mem_alloc()))(__import__('gc'))[1]"
    for number in range(10, 15):
        await echo(device, (f"k{number}", f"{number}".encode()))
    before = await device.evaluate(used, int)
    for number in range(20, 50):
        await echo(device, (f"k{number}", f"{number}".encode()))
    assert await device.evaluate(used, int) <= before + 32
