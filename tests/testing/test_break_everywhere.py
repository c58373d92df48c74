"""Breaking programs everywhere: what they may do then, and what not."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest
import trio

from belay_actors import BelayError, DeviceLostError, DeviceState, open_device
from belay_actors.testing import (
    FaultTransport,
    HangError,
    LeakCheck,
    Sweep,
    break_everywhere,
    cancel_everywhere,
)
from belay_actors.transport import parse_url


class Bench:
    """What the scenarios here work on: it can be cut off, and has things to give back."""

    def __init__(self) -> None:
        self.in_use = 0
        self.is_cut = False

    def cut(self) -> None:
        self.is_cut = True

    async def call(self) -> None:
        await trio.sleep(1)
        if self.is_cut:
            raise DeviceLostError("the board is gone")


@asynccontextmanager
async def bench() -> AsyncGenerator[Bench, None]:
    bench = Bench()
    yield bench
    assert bench.in_use == 0, "something is in use"


async def use_the_bench(bench: Bench) -> None:
    for _ in range(5):
        await bench.call()


def test_a_program_that_fails_as_it_may_is_broken_at_every_point() -> None:
    sweep = break_everywhere(use_the_bench, setting=bench, cut=Bench.cut)
    assert sweep == Sweep(seed=0, points=5, cancelled=0, failed=5, finished=0)


def test_groups_of_such_errors_may_come_out_too() -> None:
    async def use_twice(bench: Bench) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(use_the_bench, bench)
            nursery.start_soon(use_the_bench, bench)

    assert break_everywhere(use_twice, setting=bench, cut=Bench.cut).failed > 10


async def fail_otherwise(bench: Bench) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(use_the_bench, bench)
        try:
            await bench.call()
        except BelayError as error:
            raise ValueError("no error of ours") from error


def test_any_other_error_is_a_failure() -> None:
    with pytest.raises(ExceptionGroup) as caught:
        break_everywhere(fail_otherwise, setting=bench, cut=Bench.cut)
    assert caught.group_contains(ValueError)
    assert "break_everywhere(..., seed=0, only=" in caught.value.__notes__[0]
    kinds = (ValueError, BelayError)
    assert break_everywhere(fail_otherwise, setting=bench, cut=Bench.cut, errors=kinds).failed > 2


def test_a_group_with_one_other_error_in_it_is_a_failure() -> None:
    async def fail_in_both_ways(bench: Bench) -> None:
        await trio.sleep(1)
        if bench.is_cut:
            raise ExceptionGroup("both", [DeviceLostError("the board is gone"), ValueError("no")])

    with pytest.raises(ExceptionGroup, match="both"):
        break_everywhere(fail_in_both_ways, setting=bench, cut=Bench.cut)


def test_an_error_before_the_cut_is_a_failure() -> None:
    async def fail(bench: Bench) -> None:
        await bench.call()
        raise BelayError("for no reason")

    with pytest.raises(BelayError, match="for no reason") as caught:
        break_everywhere(fail, setting=bench, cut=Bench.cut)
    assert "in the first run" in caught.value.__notes__[0]
    with pytest.raises(BelayError, match="for no reason") as caught:
        break_everywhere(fail, setting=bench, cut=Bench.cut, only=50)
    assert "before point 50" in caught.value.__notes__[0]


def test_a_program_that_waits_for_ever_after_the_cut_is_found() -> None:
    async def wait(bench: Bench) -> None:
        await trio.sleep(1)
        if bench.is_cut:
            await trio.sleep_forever()

    with pytest.raises(HangError, match="in wait") as caught:
        break_everywhere(wait, setting=bench, cut=Bench.cut)
    assert "only=1" in caught.value.__notes__[0]


def test_an_error_of_the_cut_itself_comes_out() -> None:
    def cut(_: Bench) -> None:
        raise KeyError("no such board")

    with pytest.raises(KeyError, match="no such board"):
        break_everywhere(use_the_bench, setting=bench, cut=cut)


def test_what_must_hold_is_checked_after_a_break_as_well() -> None:
    async def forget(bench: Bench) -> None:
        bench.in_use += 1
        await bench.call()
        bench.in_use -= 1

    with pytest.raises(AssertionError, match="something is in use"):
        break_everywhere(forget, setting=bench, cut=Bench.cut)


# Real boards, on the real clock. Everything takes its time there: every so many points will do.


def test_a_real_board_survives_cancellations() -> None:
    @asynccontextmanager
    async def setting() -> AsyncGenerator[FaultTransport, None]:
        async with LeakCheck():
            yield FaultTransport(parse_url("micropython:"))

    async def scenario(transport: FaultTransport) -> None:
        async with open_device(transport) as device:
            await device.execute("x = 1\nprint(x)")
            assert await device.evaluate("x") == 1

    sweep = cancel_everywhere(scenario, setting=setting, every=3, limit=60, clock=None)
    assert sweep.points > 5
    assert sweep.cancelled > sweep.finished


def test_a_real_board_may_be_lost_at_any_moment() -> None:
    devices: list[DeviceState] = []

    @asynccontextmanager
    async def setting() -> AsyncGenerator[FaultTransport, None]:
        async with LeakCheck():
            yield FaultTransport(parse_url("micropython:"))

    async def scenario(transport: FaultTransport) -> None:
        async with open_device(transport) as device:
            try:
                await device.execute("x = 1\nprint(x)")
                assert await device.evaluate("x") == 1
            finally:
                devices.append(device.state)

    sweep = break_everywhere(
        scenario, setting=setting, cut=FaultTransport.cut, every=1, limit=60, clock=None
    )
    assert sweep.points > 5
    assert sweep.failed > 3
    assert DeviceState.LOST in devices
