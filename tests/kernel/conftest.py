"""Actors and callers for the kernel's tests. No board, no wire: operations are small coroutines.

Every test runs twice: with actors that are asleep when the first caller comes, so that it serves
itself, and with actors whose own task serves everybody.
"""

from collections.abc import Awaitable, Callable, Hashable
from typing import TypeVar

import pytest
import trio

from belay_actors.kernel import Actor, Operation

News = list[object]
Caller = tuple[trio.CancelScope, News]


async def _recover_at_once() -> None:
    await trio.lowlevel.checkpoint()


T = TypeVar("T")


class RestedActor(Actor):
    """One that has fallen asleep before it is asked for the first time."""

    _is_rested = False

    async def ask(
        self, operation: Operation[T], *, lane: Hashable = None, is_urgent: bool = False
    ) -> T:
        if not self._is_rested:
            self._is_rested = True
            for _ in range(2):  # a turn of its task comes in between
                await trio.lowlevel.cancel_shielded_checkpoint()
        return await super().ask(operation, lane=lane, is_urgent=is_urgent)


class BusyActor(Actor):
    """One that nobody may replace."""

    def __init__(self, *args: object, **options: object) -> None:
        super().__init__(*args, **options)  # type: ignore[arg-type]  # pyright: ignore
        self._server._rest.replace = lambda: False  # type: ignore[method-assign]


@pytest.fixture(params=[RestedActor, BusyActor], ids=["direct", "queued"])
def actor_class(request: pytest.FixtureRequest) -> type[Actor]:
    """Who serves: the callers themselves, or the actor's task."""
    kind: type[Actor] = request.param
    return kind


@pytest.fixture
def start_actor(nursery: trio.Nursery, actor_class: type[Actor]) -> Callable[..., Actor]:
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
        actor = actor_class(
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
