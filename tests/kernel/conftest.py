"""Actors and callers for the kernel's tests. No board, no wire: operations are small coroutines."""

from collections.abc import Awaitable, Callable, Hashable

import pytest
import trio

from belay_actors.kernel import Actor

News = list[object]
Caller = tuple[trio.CancelScope, News]


async def _recover_at_once() -> None:
    await trio.lowlevel.checkpoint()


@pytest.fixture
def start_actor(nursery: trio.Nursery) -> Callable[..., Actor]:
    """Makes an actor that serves until the test is over; ``serve`` in another way if it matters."""

    def start(
        name: str = "actor",
        *,
        recover: Callable[[], Awaitable[None]] = _recover_at_once,
        grace: float = 5.0,
        make_unrecovered: Callable[[], Exception] = lambda: TimeoutError("out of grace"),
        idle: Callable[[], Awaitable[None]] = trio.sleep_forever,
        serves: bool = True,
    ) -> Actor:
        actor = Actor(
            name, recover=recover, grace=grace, make_unrecovered=make_unrecovered, idle=idle
        )
        if serves:
            nursery.start_soon(actor.serve)
        return actor

    return start


@pytest.fixture
def start_caller(nursery: trio.Nursery) -> Callable[..., Caller]:
    """Starts a task that asks; returns its cancel scope, and a list for what comes of it."""

    def start(
        actor: Actor,
        operation: Callable[[], Awaitable[object]],
        *,
        lane: Hashable = None,
        is_urgent: bool = False,
    ) -> Caller:
        scope = trio.CancelScope()
        news: News = []

        async def call() -> None:
            with scope:
                try:
                    news.append(await actor.ask(operation, lane=lane, is_urgent=is_urgent))
                except BaseException as error:
                    news.append(error)
                    if not isinstance(error, Exception):
                        raise

        nursery.start_soon(call)
        return scope, news

    return start
