"""Functions on the board: a call of one, and the items of a generator, beside belay's."""

import importlib.util
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack

from belay_actors import open_device, open_session_manager, task
from belay_actors.transport import LocalTransport
from floor import BlockingClient
from peers import Peer, open_belay
from timing import interleave, median

ITEMS = 20_000
PEER_ITEMS = 200
ROUNDS = 5


@task
def add(a: int, b: int) -> int:
    return a + b


@task
def numbers(count: int) -> Iterator[int]:
    yield from range(count)


async def measure() -> tuple[dict[str, float], dict[str, float]]:
    """Returns microseconds of a call and of an item, by name."""
    async with AsyncExitStack() as stack:
        link = await LocalTransport("micropython:").connect()
        stack.push_async_callback(link.aclose)
        client = BlockingClient(link)
        client.enter()
        client.call(b"def add(a, b): return a + b")
        device = await stack.enter_async_context(open_device("micropython:"))
        manager = await stack.enter_async_context(open_session_manager())
        session = await stack.enter_async_context(manager.open_session(device))

        async def floor() -> None:
            client.call(b"print(add(1, 2))")

        async def ours() -> None:
            assert await session.call(add, 1, 2) == 3

        calls = {"a blocking client": floor, "session.call": ours}
        items: dict[str, list[float]] = {"session.stream": []}
        peer: Peer | None = None
        if importlib.util.find_spec("belay") is not None:
            add_by_belay, _ = peer = stack.enter_context(open_belay())

            async def belay() -> None:
                assert add_by_belay(1, 2) == 3

            calls["belay"] = belay
            items["belay"] = []
        times = await interleave(calls, count=100)
        for _ in range(ROUNDS):
            start = time.perf_counter()
            async with session.stream(numbers, ITEMS) as stream:
                count = sum([1 async for _ in stream])
            items["session.stream"].append((time.perf_counter() - start) / count)
            if peer is not None:
                start = time.perf_counter()
                count = sum(1 for _ in peer[1](PEER_ITEMS))
                items["belay"].append((time.perf_counter() - start) / count)
    return (
        {name: median(taken) for name, taken in times.items()},
        {name: median(taken) for name, taken in items.items()},
    )
