"""Whoever asks for hardware may be cancelled at any step; nothing stays held."""

# A scope is under test, so it is what stands in pytest.raises().
# What a failing scope has bound is looked at after it:
# pyright: reportPossiblyUnboundVariable=none

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import attrs
import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from belay_actors import (
    Device,
    DeviceSessionManager,
    ResourceBusyError,
    Session,
    open_device,
    open_session_manager,
)
from belay_actors.testing import cancel_everywhere, open_fake_board

PIN = "pin:5"


@attrs.frozen
class Bench:
    device: Device
    manager: DeviceSessionManager
    other: Session


@asynccontextmanager
async def bench() -> AsyncGenerator[Bench, None]:
    """A board and a session that looks at it in the end."""
    async with (
        open_fake_board() as board,
        open_device(board) as device,
        open_session_manager() as manager,
        manager.open_session(device) as other,
    ):
        yield Bench(device, manager, other)
        await wait_all_tasks_blocked()
        assert device.leases.holders() == {}
        assert device.leases._waiters == {}
        await other.lease(PIN)


async def contend(bench: Bench) -> None:
    """Four sessions want the same hardware, in both ways."""

    async def use(wait: bool) -> None:
        async with bench.manager.open_session(bench.device) as session:
            await session.execute("x = 1")
            try:
                with await session.lease(PIN, wait=wait):
                    holders = bench.device.leases.holders()
                    assert holders == {PIN: session.session_id}
                    await session.execute("x = 2")
                    assert bench.device.leases.holders() == holders
            except ResourceBusyError:
                assert not wait

    async with trio.open_nursery() as nursery:
        for wait in (True, False, True, True):
            nursery.start_soon(use, wait)


@pytest.mark.parametrize("seed", range(3))
def test_b13_cancelled_at_any_step_nothing_stays_held(seed: int) -> None:
    sweep = cancel_everywhere(contend, setting=bench, seed=seed)
    assert sweep.points > 40
    assert sweep.cancelled > 30
