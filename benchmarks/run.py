"""Benchmarks on a real local MicroPython, as ratios within one run.

``python benchmarks/run.py`` for all, ``python benchmarks/run.py calls`` for one of them.
"""

import itertools
import platform
import sys
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime

import attrs
import trio

from belay_actors import (
    SessionManagementOptions,
    open_device,
    open_session_manager,
)
from belay_actors.board import Helper, call_source, core_source, helper_source, probe_source
from belay_actors.kernel import Actor
from belay_actors.transport import Link, LocalLink, LocalTransport, Transport
from floor import BlockingClient
from functions import measure as measure_functions
from timing import bytes_per_item, interleave, median

CORE_LINE = call_source(9, 0, "1+1", is_expression=True).encode()
CORE = core_source("abcd", has_complex=True)
UNLIMITED = SessionManagementOptions(max_concurrent_sessions=1_000_000)


def show(name: str, value: str, note: str = "") -> None:
    """Writes one row."""
    print(f"  {name:<44}{value:>12}  {note}")


async def calls() -> None:
    """``session.evaluate`` beside a blocking client, and beside it through the same core."""
    async with AsyncExitStack() as stack:
        link = await LocalTransport("micropython:").connect()
        stack.push_async_callback(link.aclose)
        client = BlockingClient(link)
        client.enter()
        framed_link = await LocalTransport("micropython:").connect()
        stack.push_async_callback(framed_link.aclose)
        framed = BlockingClient(framed_link)
        framed.enter()
        framed.call(CORE.encode())
        device = await stack.enter_async_context(open_device("micropython:"))
        manager = await stack.enter_async_context(open_session_manager())
        session = await stack.enter_async_context(manager.open_session(device))

        async def blocking() -> None:
            client.call(b"print(1+1)")

        async def blocking_framed() -> None:
            framed.call(CORE_LINE)

        async def evaluate() -> None:
            await session.evaluate("1+1")

        rows = {"blocking": blocking, "blocking, framed": blocking_framed, "evaluate": evaluate}
        times = await interleave(rows, count=500)
    base = median(times["blocking"])
    for name, taken in times.items():
        p50 = median(taken)
        show(f"{name}, p50", f"{p50:.0f} µs", f"{p50 / base:.2f} x blocking")
    mean = sum(times["evaluate"]) / len(times["evaluate"])
    show("evaluate, calls per second of one task", f"{1 / mean:.0f}")


async def functions() -> None:
    """A call of a deployed function, and an item of a generator, beside belay's if it is there."""
    for kind, figures in zip(("call", "item"), await measure_functions(), strict=True):
        ours = min(figures[name] for name in figures if name.startswith("session"))
        for name, microseconds in figures.items():
            ratio = f"{microseconds / ours:.2f} x ours"
            show(f"{kind}: {name}, p50", f"{microseconds:.1f} µs", ratio)


async def kernel() -> None:
    """A request to an actor that does nothing."""

    async def nothing() -> None:
        pass

    actor = Actor(
        "benchmark", recover=nothing, grace=1, make_unrecovered=lambda: RuntimeError("broken")
    )

    async def ask() -> None:
        await actor.ask(nothing)

    async def checkpoint_twice() -> None:
        await trio.lowlevel.checkpoint()
        await trio.lowlevel.checkpoint()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(actor.serve)
        times = await interleave({"two checkpoints": checkpoint_twice, "ask": ask}, count=1000)
        nursery.cancel_scope.cancel()
    base = median(times["two checkpoints"])
    for name, taken in times.items():
        show(f"{name}, p50", f"{median(taken):.1f} µs", f"{median(taken) / base:.2f} x")


class _KeptLink(LocalLink):
    """A link that stays open, so that attaching can be timed without starting an interpreter."""

    def __init__(self, link: LocalLink) -> None:
        super().__init__(link._descriptor, link._process)  # noqa: SLF001  # the same, once more

    async def aclose(self) -> None:
        await trio.lowlevel.checkpoint()


class _KeptTransport(Transport):
    url = "kept:"

    def __init__(self, link: LocalLink) -> None:
        self._link = link

    async def connect(self) -> Link:
        await trio.lowlevel.checkpoint()
        return _KeptLink(self._link)


async def sessions() -> None:
    """Cold, warm and reused sessions, each with one call."""
    async with AsyncExitStack() as stack:
        link = await LocalTransport("micropython:").connect()
        stack.push_async_callback(link.aclose)
        transport = _KeptTransport(link)
        async with open_device(transport):
            pass  # the interpreter has started
        device = await stack.enter_async_context(open_device("micropython:"))
        manager = await stack.enter_async_context(open_session_manager(UNLIMITED))
        await manager.get_or_create_session(device)

        async def cold() -> None:
            async with open_device(transport) as fresh, manager.open_session(fresh) as session:
                await session.evaluate("1")

        async def warm() -> None:
            async with manager.open_session(device) as session:
                await session.evaluate("1")

        async def create() -> None:
            async with manager.open_session(device):
                pass

        async def reuse() -> None:
            await manager.get_or_create_session(device)

        rows: dict[str, Callable[[], Awaitable[None]]] = {
            "cold: attach, detect, session, call, end": cold,
            "warm: session, call, end": warm,
            "a session that makes no call": create,
            "reuse: get_or_create_session": reuse,
        }
        times = await interleave(rows, count=60)
    for name, taken in times.items():
        show(name, f"{median(taken) / 1000:.3f} ms")


@attrs.define
class _Resource:
    resource_id: str
    resource_type: str = "Thing"
    estimated_cost: int = 10
    created_at: datetime = attrs.field(factory=lambda: datetime.now(UTC))

    async def cleanup(self) -> None:
        await trio.lowlevel.checkpoint()


async def sizes() -> None:
    """Bytes on the wire, and of the host's memory."""
    show("probe, bytes out", str(len(probe_source("abcd"))))
    show("core, bytes out", str(len(CORE)))
    show("helper that drops a namespace, bytes out", str(len(helper_source(Helper.DROP))))
    async with (
        open_device("micropython:") as device,
        open_session_manager(UNLIMITED) as manager,
        AsyncExitStack() as stack,
    ):
        created = await bytes_per_item(lambda: manager.create_session(device), 300)
        scoped = await bytes_per_item(
            lambda: stack.enter_async_context(manager.open_session(device)), 300
        )
        holder = (await manager.create_session(device)).resources
        numbers = itertools.count()

        async def track() -> None:
            resource = _Resource(f"resource {next(numbers)}")
            holder.register_resource(resource)

        async def deploy() -> None:
            signature = f"method_{next(numbers)}(int) -> float"
            holder.register_deployed_method(signature, signature.encode().ljust(32)[:32])

        tracked = await bytes_per_item(track, 1000)
        cached = await bytes_per_item(deploy, 1000)
    show("idle session in a scope", f"{scoped:.0f} B")
    show("idle session without a scope", f"{created:.0f} B")
    show("tracked resource, itself included", f"{tracked:.0f} B")
    show("cached method", f"{cached:.0f} B")


BENCHMARKS = {row.__name__: row for row in (calls, functions, kernel, sessions, sizes)}


def main(names: list[str]) -> None:
    """Runs the named benchmarks, or all."""
    unknown = set(names) - BENCHMARKS.keys()
    if unknown:
        sys.exit(f"no benchmark {', '.join(unknown)}; there are {', '.join(BENCHMARKS)}")
    print(f"Python {platform.python_version()}, trio {trio.__version__}, {platform.machine()}")
    for name in names or BENCHMARKS:
        print(f"{name}: {BENCHMARKS[name].__doc__}")
        trio.run(BENCHMARKS[name])


if __name__ == "__main__":
    main(sys.argv[1:])
