"""Bytes on the wire, and of the host's memory."""

import functools
import itertools
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, ExitStack
from datetime import UTC, datetime

import attrs
import trio

from belay_actors import Session, ThreadHandle, open_device, open_session_manager, thread
from belay_actors.board import (
    Helper,
    core_source,
    helper_source,
    probe_source,
    should_stop,
    sleep_ms,
)
from figures import OURS, Figure, Settings
from local import URL
from peers import installed, open_peer, open_port
from rows.sessions import UNLIMITED
from timing import WARM_ITEMS, blocking, bytes_per_item

DEVICE = "memory of an open device"
SESSION = "memory of a session"
SCOPED = "memory of a session in a scope"
RESOURCE = "memory of a tracked resource"
METHOD = "memory of a cached method"
THREAD = "memory of a thread handle"
_THREADS = 20
_DEVICES = 5


@attrs.define
class _Resource:
    resource_id: str
    resource_type: str = "Thing"
    estimated_cost: int = 10
    created_at: datetime = attrs.field(factory=lambda: datetime.now(UTC))

    async def cleanup(self) -> None:
        await trio.lowlevel.checkpoint()


@thread
def waiting() -> None:
    while not should_stop():
        sleep_ms(50)


async def sizes(settings: Settings) -> Sequence[Figure]:
    """Memory of each thing that a program may have many of, and code that boards are sent."""
    count = 100 if settings.is_short else 300
    figures = [
        Figure("code of the probe", OURS, len(probe_source("abcd")), "B"),
        Figure("code of the core", OURS, len(core_source("abcd", has_complex=True)), "B"),
        Figure("code that drops a namespace", OURS, len(helper_source(Helper.DROP)), "B"),
    ]
    async with (
        open_device(URL) as device,
        open_session_manager(UNLIMITED) as manager,
        AsyncExitStack() as stack,
    ):
        await device.detect()

        async def scoped() -> object:
            return await stack.enter_async_context(manager.open_session(device))

        figures += [
            await _figure(SESSION, lambda: manager.create_session(device), count),
            await _figure(SCOPED, scoped, count),
        ]
        holder = await manager.create_session(device)
        figures += await _holdings(holder, count)
    return figures + await _devices()


async def _figure(row: str, make: Callable[[], Awaitable[object]], count: int) -> Figure:
    return Figure(row, OURS, await bytes_per_item(make, count), "B")


async def _holdings(holder: Session, count: int) -> list[Figure]:
    numbers = itertools.count()

    async def track() -> None:
        holder.resources.register_resource(_Resource(f"resource {next(numbers)}"))

    async def deploy() -> None:
        signature = f"method_{next(numbers)}(int) -> float"
        holder.resources.register_deployed_method(signature, signature.encode().ljust(32)[:32])

    async def start() -> ThreadHandle:
        return await holder.start_thread(waiting)

    return [
        await _figure(RESOURCE, track, count),
        await _figure(METHOD, deploy, count),
        await _figure(THREAD, start, _THREADS),
    ]


async def _devices() -> list[Figure]:
    """What an attached board takes; with two functions deployed, where that is a peer's."""
    async with AsyncExitStack() as devices:

        async def ours() -> object:
            return await devices.enter_async_context(open_device(URL))

        figures = [Figure(DEVICE, OURS, await bytes_per_item(ours, _DEVICES), "B")]
    with ExitStack() as stack:
        for name in installed():
            ports = [stack.enter_context(open_port()) for _ in range(_DEVICES + WARM_ITEMS)]
            attach = blocking(functools.partial(_attach_next, stack, name, iter(ports)))
            figures.append(Figure(DEVICE, name, await bytes_per_item(attach, _DEVICES), "B"))
    return figures


def _attach_next(stack: ExitStack, name: str, ports: Iterator[str]) -> object:
    return stack.enter_context(open_peer(name, next(ports)))
