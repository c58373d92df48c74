"""Samples are compared slice by slice, contenders take turns, the guard compares with floors."""

import functools

import pytest

from figures import FLOOR, OURS, Settings
from guard import find_ratios
from targets import Target
from timing import Samples, blocking, interleave


def test_waiting_for_a_busy_core_changes_no_ratio() -> None:
    floor = Samples(((1.0,) * 20, (1.0,) * 20))
    ours = Samples(((2.0,) * 8 + (30.0,) * 12, (30.0,) * 20))
    assert ours.ratio_to(floor) == 2


def test_what_slows_most_steps_changes_the_ratio() -> None:
    floor = Samples(((1.0,) * 20,))
    ours = Samples(((3.0,) * 19 + (2.0,),))
    assert ours.ratio_to(floor) == 3


def test_a_figure_of_parts() -> None:
    figure = Samples(((1e-3, 2e-3, 3e-3),)).figure("row", OURS, "µs", parts=10)
    assert (figure.value, figure.low, figure.high) == pytest.approx((200, 100, 300))


async def test_contenders_take_turns() -> None:
    order: list[str] = []
    steps = {name: blocking(functools.partial(order.append, name)) for name in "abc"}
    samples = await interleave(steps, Settings(is_short=True))
    turns = [name for name, before in zip(order, ["", *order], strict=False) if name != before]
    assert turns[:9] == [*"abcabcbca"]  # the first three are to warm up
    assert {len(taken.slices) for taken in samples.values()} == {9}


def test_the_guard_compares_with_the_floor_of_the_row() -> None:
    samples = {"row": {OURS: Samples(((3.0,),)), FLOOR: Samples(((1.0,),))}}
    here, elsewhere = Target("row", OURS, 1.0, FLOOR), Target("row", "another mode", 1.0, FLOOR)
    assert find_ratios(samples, [here, elsewhere]) == {here: 3.0}
