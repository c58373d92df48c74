"""A value comes back as it is, or not at all; nothing that a board sends is ever evaluated.

| event | belay 0.30 | mpremote 1.29 | mpytool 2.6 |
|---|---|---|---|
| nan, inf, bytearray results | a sentinel class | error | host NameError |
| hostile board output | run by `eval` if trusted | literal only | **`eval` ran it on the host** |
"""

import contextlib
import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import trio

from belay_actors import (
    BelayError,
    Device,
    DeviceOptions,
    DeviceSessionManager,
    UnsupportedValueError,
    open_device,
)

if TYPE_CHECKING:
    from boards import Board

PATIENCE = 10  # seconds


async def test_nan_inf_bytearray_results(device: Device, manager: DeviceSessionManager) -> None:
    async with manager.open_session(device) as session:
        for runner in (session, device):
            assert math.isnan(await runner.evaluate("float('nan')", float))
            assert await runner.evaluate("float('inf')") == math.inf
            assert await runner.evaluate("-float('inf')") == -math.inf
            value = await runner.evaluate("bytearray(b'\\x00\\x04\\xff')")
            assert value == bytearray(b"\x00\x04\xff")
            assert type(value) is bytearray


async def test_nan_inf_bytearray_results_inside_of_others(
    device: Device, manager: DeviceSessionManager
) -> None:
    async with manager.open_session(device) as session:
        value = await session.evaluate("[float('inf'), {'b': bytearray(2)}, (-float('inf'),)]")
        assert value == [math.inf, {"b": bytearray(2)}, (-math.inf,)]
        numbers = await session.evaluate("[float('nan'), 1.5]", list[float])
        assert math.isnan(numbers[0])


async def test_nan_inf_bytearray_results_are_not_the_texts_that_look_like_them(
    device: Device, manager: DeviceSessionManager
) -> None:
    async with manager.open_session(device) as session:
        for text in ("nan", "inf", "-inf", "bytearray(b'')"):
            assert await session.evaluate(repr(text)) == text
            assert await session.execute(f"print({text!r}, end='')") == text


@pytest.fixture
def trap(tmp_path: Path) -> Iterator[Path]:
    """What is made if the host runs code that came from a board; nothing may make it."""
    yield tmp_path / "trap"
    assert not (tmp_path / "trap").exists()


def codes(trap: Path) -> list[str]:
    """Expressions that would spring the trap, or tie up the host, if anybody evaluated them."""
    touch = f"open({str(trap)!r},'w')"
    return [
        touch,
        f"[{touch}]",
        f"{{1: {touch}}}",
        f"(lambda: {touch})()",
        f"[{touch} for _ in (1,)]",
        f"f'{{{touch}}}'",
        f"__import__('pathlib').Path({str(trap)!r}).touch()",
        f"(trap := {touch})",
        f"bytearray({touch})",
        f"float({touch})",
        f"range({touch})",
        "9**9**9",
        "[0]*9**9",
        "bytearray(9**9)",
        "'a' 'b' % 9",
        "(" * 220,
        "[" * 220 + "]" * 220,
        "1; 2",
        "",
        "...",
        "nan()",
        "\\",
        "'",
    ]


async def test_hostile_board_output_in_a_text_is_a_text(
    board: "Board", device: Device, manager: DeviceSessionManager, trap: Path
) -> None:
    limit = 200 if board.is_small else 10_000
    async with manager.open_session(device) as session:
        for code in (code for code in codes(trap) if len(code) < limit):
            assert await session.evaluate(repr(code)) == code
            assert await session.evaluate(f"{{1: ({code!r},)}}") == {1: (code,)}
            assert await session.execute(f"print({code!r}, end='')") == code


LIE = """
said = "None"
def repr(value):
    return said
def lie(text):
    global said
    said = text
"""


async def check_lie(device: Device, expression: str) -> None:
    """Has the payload of a good frame be whatever the expression is."""
    with pytest.raises(UnsupportedValueError, match="cannot come back"):
        await device.evaluate(f"lie({expression})")
    assert await device.evaluate("lie('123')") == 123


async def test_hostile_board_output_in_place_of_a_value(
    device: Device, manager: DeviceSessionManager, trap: Path
) -> None:
    await device.execute(LIE)
    for code in codes(trap):
        await check_lie(device, repr(code))
    await device.execute("del repr")
    async with manager.open_session(device) as session:
        assert await session.evaluate("1") == 1
    assert device.generation == 1


@pytest.mark.parametrize(
    "expression",
    [
        "'(' * 100_000",
        "'[' * 50_000 + ']' * 50_000",
        "'{1:' * 50_000 + '1' + '}' * 50_000",
        "'-' * 100_000 + '1'",
        "'9' * 100_000",
        "'1+' * 100_000 + '1j'",
        "'frozenset([' * 20_000 + '])' * 20_000",
    ],
)
@pytest.mark.boards("unix")  # the other has no room for it
async def test_hostile_board_output_in_place_of_a_value_that_is_huge(
    device: Device, expression: str
) -> None:
    await device.execute(LIE)
    with trio.fail_after(20):
        await check_lie(device, expression)
    assert device.generation == 1


# In place of ``print``: frames of an earlier call, of a later one, that are damaged, or too many.
REPLIES = [
    "frame",
    "first",
    "frame.replace('V', 'U')",
    "frame.replace('V', 'E')",
    "frame.replace('V', 'P')",
    "frame.replace('V', 'T')",
    "frame[:-1]",
    "frame[:5]",
    "frame[1:]",
    "frame * 2",
    "first + frame",
    "frame + first",
    "frame.replace(';', ';9')",
    "'\\x04\\x04>' + frame",
    "'OK' + first + '\\x04\\x04>OK'",
    "''",
]


@pytest.mark.parametrize("reply", REPLIES)
async def test_hostile_board_output_in_place_of_a_frame(board: "Board", reply: str) -> None:
    """It can spoil its own calls. They give what it says, or a typed error; never another's."""
    replace = (
        "shown, first = print, ''\n"
        "def print(frame, end):\n"
        "    global first\n"
        "    first = first or frame\n"
        f"    shown({reply}, end='')"
    )
    async with open_device(board, options=DeviceOptions(recovery_grace=1)) as device:
        for number in range(3):
            with contextlib.suppress(BelayError), trio.fail_after(PATIENCE):
                await device.execute(replace)
            with contextlib.suppress(BelayError), trio.fail_after(PATIENCE):
                assert await device.evaluate(f"{number}, 'own'") == (number, "own")
    await board.reset()
    async with open_device(board) as device:
        assert await device.evaluate("'own'") == "own"
