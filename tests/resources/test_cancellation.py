"""Cancelled or ended at any step: hardware is safe, no lease, resource or name is left."""

# What a failing scope has bound is looked at after it:
# pyright: reportPossiblyUnboundVariable=none

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Self

import attrs
import pytest
from trio.testing import wait_all_tasks_blocked

from belay_actors import (
    BusResource,
    CallbackResource,
    Device,
    DeviceLostError,
    DeviceResetError,
    DeviceSessionManager,
    DeviceTimerResource,
    PinResource,
    Session,
    SessionClosedError,
    SessionFailedError,
    TemporaryFileResource,
    open_device,
    open_session_manager,
)
from belay_actors.testing import FakeBoard, break_everywhere, cancel_everywhere, open_fake_board


class Machine:
    """The hardware of a fake board, its files, and the modules for them."""

    def __init__(self) -> None:
        self.levels: dict[int, int | None] = {}  # None: an input
        self.ticking: set[int] = set()
        self.busy: set[int] = set()
        self.files: dict[str, bytes] = {}
        machine = self

        class Pin:
            IN, OUT = 0, 1

            def __init__(self, pin: int) -> None:
                self.pin = pin

            def init(self, mode: int, pull: object = None, value: int | None = None) -> None:
                machine.levels[self.pin] = value if mode else None

        class Timer:
            PERIODIC = 1

            def __init__(self, number: int) -> None:
                self.number = number

            def init(self, mode: int, period: int, callback: object) -> None:
                machine.ticking.add(self.number)

            def deinit(self) -> None:
                machine.ticking.discard(self.number)

        class UART:
            def __init__(self, number: int) -> None:
                self.number = number
                machine.busy.add(number)

            def deinit(self) -> None:
                machine.busy.discard(self.number)

        self.Pin, self.Timer, self.UART = Pin, Timer, UART

    def open(self, path: str, mode: str = "r") -> "File":
        self.files.setdefault(path, b"")
        return File(self, path)

    def remove(self, path: str) -> None:
        if path not in self.files:
            raise OSError(2)
        del self.files[path]

    @property
    def is_safe(self) -> bool:
        is_driven = any(self.levels.values())
        return not (is_driven or self.ticking or self.busy or self.files)


@attrs.frozen
class File:
    machine: Machine
    path: str

    def write(self, data: bytes) -> int:
        self.machine.files[self.path] += data
        return len(data)

    def close(self) -> None:
        pass


@attrs.define
class Bench:
    board: FakeBoard
    machine: Machine
    device: Device
    manager: DeviceSessionManager
    session: Session
    is_done: bool = False
    names: list[str] = attrs.field(factory=list[str])

    @classmethod
    @asynccontextmanager
    async def opened(cls) -> AsyncGenerator[Self, None]:
        machine = Machine()
        modules = {"machine": machine, "os": machine}
        async with (
            open_fake_board(modules=modules) as board,
            open_device(board) as device,
            open_session_manager() as manager,
        ):
            session = await manager.create_session(device)
            await session.execute("from os import open\ndef tick(timer): pass")
            yield cls(board, machine, device, manager, session)
            await wait_all_tasks_blocked()


async def take_everything(session: Session) -> None:
    await PinResource.acquire(session, 25, name="led", value=1, safe_value=0)
    await PinResource.acquire(session, 26, name="motor", value=1)
    await DeviceTimerResource.acquire(session, 0, name="t", period_ms=1, callback="tick")
    await BusResource.acquire(session, "UART", 1, name="port")
    await TemporaryFileResource.create(session, content=b"x" * 3000)
    session.resources.register_resource(CallbackResource(session, "callback", "tick(0)"))


async def use_everything(bench: Bench) -> None:
    async with bench.manager.open_session(bench.device) as session:
        await session.execute("from os import open\ndef tick(timer): pass")
        await take_everything(session)
        assert not bench.machine.is_safe
        await session.execute("led.init(led.OUT, value=1)")


@asynccontextmanager
async def whole_session() -> AsyncGenerator[Bench, None]:
    async with Bench.opened() as bench:
        yield bench
        await wait_all_tasks_blocked()
        assert bench.machine.is_safe
        assert bench.device.leases.holders() == {}
        assert len(bench.board.namespaces) == 1


@pytest.mark.parametrize("seed", range(2))
def test_d09_a_session_that_is_cancelled_at_any_step_leaves_its_hardware_safe(seed: int) -> None:
    sweep = cancel_everywhere(use_everything, setting=whole_session, seed=seed)
    assert sweep.points > 40
    assert sweep.cancelled > 35


async def take_a_pin(bench: Bench) -> None:
    await PinResource.acquire(bench.session, 25, name="thing", value=1)
    bench.is_done = True


async def take_a_timer(bench: Bench) -> None:
    await DeviceTimerResource.acquire(bench.session, 0, name="thing", period_ms=1, callback="tick")
    bench.is_done = True


async def take_a_bus(bench: Bench) -> None:
    await BusResource.acquire(bench.session, "UART", 1, name="thing", pins={})
    bench.is_done = True


async def make_a_file(bench: Bench) -> None:
    await TemporaryFileResource.create(bench.session, content=b"x" * 3000)
    bench.is_done = True


@asynccontextmanager
async def living_session() -> AsyncGenerator[Bench, None]:
    """The session goes on after the cancellation, and has the thing or has nothing of it."""
    async with Bench.opened() as bench:
        yield bench
        await wait_all_tasks_blocked()
        count = len(bench.session.resources.get_active_resources())
        assert bench.session.is_active
        if bench.is_done:
            assert count == 1
            assert not bench.machine.is_safe
        else:
            assert count == 0
            assert bench.machine.is_safe
            assert bench.device.leases.holders() == {}
            (names,) = bench.board.namespaces.values()
            assert names == {"open", "tick"}
        await bench.manager.end_session(bench.session.session_id)
        assert bench.machine.is_safe
        assert bench.device.leases.holders() == {}


@pytest.mark.parametrize("scenario", [take_a_pin, take_a_timer, take_a_bus, make_a_file])
def test_d09_an_acquisition_that_is_cancelled_at_any_step_leaves_nothing(
    scenario: Callable[[Bench], Awaitable[None]],
) -> None:
    sweep = cancel_everywhere(scenario, setting=living_session)
    assert sweep.points > 2
    assert sweep.cancelled >= 5


async def take_from_outside(bench: Bench) -> None:
    await take_everything(bench.session)


@asynccontextmanager
async def ended_session() -> AsyncGenerator[Bench, None]:
    async with Bench.opened() as bench:
        yield bench
        await bench.session.end()
        assert bench.session.report is not None
        assert bench.session.report.left == ()
        assert bench.machine.is_safe
        assert bench.device.leases.holders() == {}
        assert bench.board.namespaces == {}


def stop(bench: Bench) -> None:
    bench.session.stop(lambda: SessionClosedError("it was ended by somebody else"))


def test_d09_a_session_that_is_ended_at_any_step_of_an_acquisition_leaves_hardware_safe() -> None:
    sweep = break_everywhere(
        take_from_outside,
        setting=ended_session,
        cut=stop,
        errors=(SessionClosedError, SessionFailedError),
    )
    assert sweep.points > 15
    assert sweep.failed > 30


async def give_back_by_hand(bench: Bench) -> None:
    await take_everything(bench.session)
    await bench.session.resources.cleanup_resources()
    bench.is_done = True


def test_a04_d09_resources_whose_return_by_hand_meets_the_end_at_any_step_are_safe() -> None:
    sweep = break_everywhere(
        give_back_by_hand,
        setting=ended_session,
        cut=stop,
        errors=(SessionClosedError, SessionFailedError),
    )
    assert sweep.points > 40
    assert sweep.failed > 40


def test_a04_d09_resources_whose_return_by_hand_is_cancelled_at_any_step_are_safe() -> None:
    sweep = cancel_everywhere(give_back_by_hand, setting=ended_session)
    assert sweep.points > 40
    assert sweep.cancelled > 40


async def test_d09_after_a_reset_there_is_nothing_left_to_give_back() -> None:
    async with Bench.opened() as bench:
        with pytest.raises(DeviceResetError):
            async with bench.manager.open_session(bench.device) as session:
                await session.execute("from os import open\ndef tick(timer): pass")
                await take_everything(session)
                bench.board.reset()
                await session.execute("led")
        assert session.report is not None
        assert session.report.left == ()
        assert bench.device.leases.holders() == {}


@asynccontextmanager
async def lost_session() -> AsyncGenerator[Bench, None]:
    """Nobody can make the hardware safe then; but nobody waits for it, and no lease is held."""
    async with Bench.opened() as bench:
        yield bench
        await bench.session.end()
        assert bench.session.report is not None
        assert bench.device.leases.holders() == {}
        assert bench.device.leases._waiters == {}


@pytest.mark.parametrize("befall", [FakeBoard.unplug, FakeBoard.reset])
def test_d09_a_board_that_is_lost_or_reset_at_any_step_holds_nobody_up(
    befall: Callable[[FakeBoard], None],
) -> None:
    sweep = break_everywhere(
        take_from_outside,
        setting=lost_session,
        cut=lambda bench: befall(bench.board),
        errors=(DeviceLostError, DeviceResetError, SessionFailedError),
    )
    assert sweep.points > 15
    assert sweep.failed > 30
