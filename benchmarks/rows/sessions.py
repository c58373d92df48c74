"""Attaching to a board, and what a session costs on one that is attached."""

import functools
from collections.abc import Sequence
from contextlib import AsyncExitStack

from belay_actors import (
    Device,
    DeviceOptions,
    DeviceSessionManager,
    SessionManagementOptions,
    open_device,
    open_session_manager,
)
from belay_actors.board import probe_source
from belay_actors.transport import Transport
from figures import FLOOR, Figure, Settings
from floor import BlockingClient
from local import URL, KeptTransport, open_client, open_kept
from modes import modes
from peers import attach, installed, open_port
from timing import Step, blocking, measure

ATTACH = "attach and detach"
DETECT = "attach, detect and detach"
SERIAL = "attach at a serial port, detach"
COLD = "cold session: attach, detect, session, call, end"
WARM = "warm session: session, call, end"
IDLE = "warm session without a call"
REUSE = "session reuse"
UNLIMITED = SessionManagementOptions(max_concurrent_sessions=1_000_000)
_PROBE = probe_source("abcd").encode()


def _probing(client: BlockingClient) -> Step:
    def step() -> None:
        client.enter()
        client.run(_PROBE)
        client.leave()

    return blocking(step)


async def attaching(settings: Settings) -> Sequence[Figure]:
    """An interpreter that runs is attached to and left; beside a client that only probes it."""
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(open_client())
        attach_only: dict[str, Step] = {FLOOR: _probing(client)}
        detect = dict(attach_only)
        for name, options in modes():
            transport = await stack.enter_async_context(open_kept())
            attach_only[name], detect[name] = _attaching(transport, options)
        return [
            *await measure(ATTACH, attach_only, settings),
            *await measure(DETECT, detect, settings),
        ]


def _attaching(place: str | Transport, options: DeviceOptions) -> tuple[Step, Step]:
    async def attach_only() -> None:
        async with open_device(place, options=options):
            pass

    async def detect() -> None:
        async with open_device(place, options=options) as device:
            await device.detect()

    return attach_only, detect


async def serial(settings: Settings) -> Sequence[Figure]:
    """The same with a port that is opened and closed; the peers do not probe the board."""
    async with AsyncExitStack() as stack:
        steps: dict[str, Step] = {}
        for name, options in modes():
            steps[name], _ = _attaching(f"serial:{stack.enter_context(open_port())}", options)
        for name in installed():
            port = stack.enter_context(open_port())
            steps[name] = blocking(functools.partial(attach, name, port))
        return await measure(SERIAL, steps, settings)


async def sessions(settings: Settings) -> Sequence[Figure]:
    """Sessions on a board that is new, and on one that is attached and has others."""
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(open_client())
        rows: dict[str, dict[str, Step]] = {row: {} for row in (COLD, WARM, IDLE, REUSE)}
        rows[COLD][FLOOR] = _probing(client)
        for name, options in modes():
            transport = await stack.enter_async_context(open_kept())
            device = await stack.enter_async_context(open_device(URL, options=options))
            manager = await stack.enter_async_context(open_session_manager(UNLIMITED))
            rows[COLD][name] = _cold(manager, transport, options)
            await manager.get_or_create_session(device)
            for row, step in _on_attached(manager, device).items():
                rows[row][name] = step
        return [
            figure
            for row, contenders in rows.items()
            for figure in await measure(row, contenders, settings)
        ]


def _cold(manager: DeviceSessionManager, transport: KeptTransport, options: DeviceOptions) -> Step:
    async def step() -> None:
        async with (
            open_device(transport, options=options) as device,
            manager.open_session(device) as session,
        ):
            assert await session.evaluate("1") == 1

    return step


def _on_attached(manager: DeviceSessionManager, device: Device) -> dict[str, Step]:
    async def warm() -> None:
        async with manager.open_session(device) as session:
            assert await session.evaluate("1") == 1

    async def idle() -> None:
        async with manager.open_session(device):
            pass

    async def reuse() -> None:
        await manager.get_or_create_session(device)

    return {WARM: warm, IDLE: idle, REUSE: reuse}
