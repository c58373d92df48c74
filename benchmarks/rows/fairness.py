"""A thousand tasks on one board: who gets how many of its calls.

One session has 900 tasks, ten others have 10 each, and all of them call in a loop. A board serves
one call at a time, so the sessions share its calls; the shares should be equal, whatever the number
of tasks behind them. Beside it is what a program without sessions would use: one lock around the
board, whose turns go by task.
"""

import functools
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

import trio

from belay_actors import (
    DeviceOptions,
    Session,
    SessionManagementOptions,
    open_device,
    open_session_manager,
)
from figures import Figure, Settings
from fleets import add, keep_by_prompt
from modes import modes

_TASKS = (900, *[10] * 10)  # of each session
_LOCK = "trio.Lock"
_OPTIONS = SessionManagementOptions(max_concurrent_sessions=len(_TASKS))

Call = Callable[[], Awaitable[int]]


async def fairness(settings: Settings) -> Sequence[Figure]:
    """Calls of each session of a program with 1000 tasks, and of all."""
    seconds = 0.5 if settings.is_short else 4.0
    figures: list[Figure] = []
    for name, options in modes():
        async with _open_sessions(options) as calls:
            figures += await _measure(name, calls, seconds)

    async def hold(call: Call) -> None:
        lock = trio.Lock()

        async def locked() -> int:
            async with lock:
                return await call()

        figures.extend(await _measure(_LOCK, [locked] * len(_TASKS), seconds))

    await keep_by_prompt("micropython:", hold)
    return figures


@asynccontextmanager
async def _open_sessions(options: DeviceOptions) -> AsyncGenerator[Sequence[Call], None]:
    async with AsyncExitStack() as stack:
        device = await stack.enter_async_context(open_device("micropython:", options=options))
        manager = await stack.enter_async_context(open_session_manager(_OPTIONS))
        calls: list[Call] = []
        for _ in _TASKS:
            session = await stack.enter_async_context(manager.open_session(device))
            calls.append(functools.partial(_call, session))
        yield calls


async def _call(session: Session) -> int:
    return await session.call(add, 1, 2)


async def _measure(name: str, calls: Sequence[Call], seconds: float) -> Sequence[Figure]:
    served = [0] * len(calls)
    longest = [0.0] * len(calls)
    end = time.perf_counter() + seconds

    async def work(number: int) -> None:
        while (start := time.perf_counter()) < end:
            assert await calls[number]() == 3
            now = time.perf_counter()
            if now < end:  # then all that wait have their turn, however many they are
                served[number] += 1
                longest[number] = max(longest[number], now - start)

    async with trio.open_nursery() as nursery:
        for number, tasks in enumerate(_TASKS):
            for _ in range(tasks):
                nursery.start_soon(work, number)
    return [
        Figure(
            "1000 tasks in 11 sessions: calls of the worst-served session to those of the best",
            name,
            min(served) / max(served) * 100,
            "%",
            is_rate=True,
        ),
        Figure(
            "1000 tasks in 11 sessions: all calls",
            name,
            sum(served) / seconds,
            "calls/s",
            is_rate=True,
        ),
        Figure(
            "1000 tasks in 11 sessions: longest wait in a session of 10 tasks",
            name,
            max(longest[1:]) * 1000,
            "ms",
        ),
    ]
