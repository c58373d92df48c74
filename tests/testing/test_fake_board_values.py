"""Values to and from a fake board: the same as with a real one."""

import math
import sys

import pytest

from alike import exactly
from annotated import Reading
from belay_actors import open_device
from belay_actors.testing import open_fake_board
from belay_actors.values import Value, encode, structure, unstructure

VALUES: list[Value] = [
    *(None, True, 2**70, "it's\0", b"\xff", bytearray(b"a"), range(1, 9, 2)),
    *(1 + 2j, 0.1, 464.605086),
    [1, (2.5, {"a": {0.1, 0.2}}), set(), frozenset({1}), {0.7: [5e-324, sys.float_info.max]}],
    [math.inf, -math.inf, math.nan, -0.0, complex(-0.0, -0.0), complex(math.nan, math.inf)],
]  # fmt: skip


@pytest.mark.usefixtures("autojump_clock")
async def test_values_come_back_as_they_were() -> None:
    async with open_fake_board() as board, open_device(board) as device:
        assert device.capabilities.has_doubles
        await device.execute("def echo(x): return x")
        for value in VALUES:
            assert exactly(await device.evaluate(f"echo({encode(value)})")) == exactly(value)
        plain = unstructure([Reading(1, 0.1)], list[Reading])
        back = await device.evaluate(f"echo({encode(plain)})")
        assert structure(back, list[Reading]) == [Reading(1, 0.1)]
