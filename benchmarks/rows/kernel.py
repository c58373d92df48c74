"""A request to an actor that does nothing, beside pykka's, and what trio itself needs for that."""

import importlib
import importlib.util
from collections.abc import AsyncGenerator, Generator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from typing import Protocol, cast

import trio

from belay_actors.kernel import Actor, open_service_nursery
from figures import FLOOR, OURS, Figure, Settings
from timing import Step, blocking, measure

ASK = "kernel call"


class _ActorRef(Protocol):
    def ask(self, message: object) -> object: ...
    def stop(self) -> bool: ...


class _ActorClass(Protocol):
    @classmethod
    def start(cls) -> _ActorRef: ...


def _receive(_: object, message: object) -> object:
    return message


async def kernel(settings: Settings) -> Sequence[Figure]:
    """A call of an actor. The floor are two checkpoints: to it, and back."""
    async with AsyncExitStack() as stack:
        actor = await stack.enter_async_context(open_actor())
        steps: dict[str, Step] = {FLOOR: two_checkpoints, OURS: asking(actor)}
        if importlib.util.find_spec("pykka") is not None:
            reference = stack.enter_context(_open_pykka())
            steps["pykka"] = blocking(lambda: reference.ask(None))
        return await measure(ASK, steps, settings)


async def nothing() -> None:
    """An operation of an actor."""


def asking(actor: Actor) -> Step:
    """The step that has an actor do nothing."""

    async def ask() -> None:
        await actor.ask(nothing)

    return ask


async def two_checkpoints() -> None:
    """The least that a request and its reply take on trio."""
    await trio.lowlevel.checkpoint()
    await trio.lowlevel.checkpoint()


@asynccontextmanager
async def open_actor() -> AsyncGenerator[Actor, None]:
    """An actor that is served."""
    actor = Actor(
        "benchmark", recover=nothing, grace=1, make_unrecovered=lambda: RuntimeError("broken")
    )
    async with open_service_nursery() as services:
        services.start_soon(actor.serve, name="an actor")
        yield actor


@contextmanager
def _open_pykka() -> Generator[_ActorRef, None, None]:
    """A threading actor, which is what pykka has; its reply travels in a future."""
    actor_class = importlib.import_module("pykka").ThreadingActor
    nothing_class = type("Nothing", (actor_class,), {"on_receive": _receive})
    reference = cast(type[_ActorClass], nothing_class).start()
    try:
        yield reference
    finally:
        reference.stop()
