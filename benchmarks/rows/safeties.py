"""What each safety costs: the same work with and without it."""

from collections.abc import Sequence
from contextlib import AsyncExitStack

from belay_actors import Event, Session, open_device, open_session_manager
from belay_actors.board import Helper, call_source, core_source, helper_source
from belay_actors.device._attachment import CORE_KEY
from belay_actors.wire._requests import encode_request
from figures import FLOOR, Figure, Settings
from floor import BlockingClient
from local import URL, open_client
from modes import modes
from rows.kernel import asking, open_actor
from timing import Step, blocking, measure

FRAMES = "price of frames, token and check sum"
FLOATS = "price of exact floats"
OBSERVERS = "price of an observer"
ACTOR = "price of the actor"
_INTEGER = call_source(9, 0, "1+1", is_expression=True).encode()
_REQUEST = encode_request(9, 0, "1+1", is_expression=True)
_FLOAT = call_source(9, 0, "1/3", is_expression=True).encode()


class _Observer:
    def observe(self, event: Event) -> None:
        """Hears of every call, and makes nothing of it."""


async def safeties(settings: Settings) -> Sequence[Figure]:
    """Frames, exact floats, observers and the actor, each beside the same without it."""
    async with AsyncExitStack() as stack:
        plain = await stack.enter_async_context(open_client())
        framed = await stack.enter_async_context(open_client())
        framed.run(core_source("abcd", has_complex=True).encode())
        exact = await stack.enter_async_context(open_client())
        exact.run(core_source("abcd", has_complex=True, has_doubles=True).encode())
        resident = await stack.enter_async_context(open_client())
        _enter_loop(resident)
        actor = await stack.enter_async_context(open_actor())
        rows: dict[str, dict[str, Step]] = {
            FRAMES: {
                FLOOR: blocking(lambda: plain.evaluate(b"1+1")),
                "floor, framed": _running(framed, _INTEGER),
                "floor, framed, in the resident loop": blocking(lambda: resident.request(_REQUEST)),
            },
            FLOATS: {
                "floor, framed": _running(framed, _FLOAT),
                "floor, framed and exact": _running(exact, _FLOAT),
            },
            ACTOR: {"no actor": _nothing, "an actor's call": asking(actor)},
            OBSERVERS: await _observing(stack),
        }
        return [
            figure for row, steps in rows.items() for figure in await measure(row, steps, settings)
        ]


async def _nothing() -> None:
    """What the actor does."""


def _enter_loop(client: BlockingClient) -> None:
    """Does what a device does to have its board in the resident loop."""
    client.run(core_source("abcd", has_complex=True).encode())
    helper = helper_source(Helper.RESIDENT)
    client.run(call_source(2, CORE_KEY, helper, is_expression=False).encode())
    entry = call_source(3, CORE_KEY, "resident(3)", is_expression=True)
    client.request(entry.encode() + b"\x04")


def _running(client: BlockingClient, line: bytes) -> Step:
    def step() -> None:
        assert client.run(line)

    return blocking(step)


async def _observing(stack: AsyncExitStack) -> dict[str, Step]:
    steps: dict[str, Step] = {}
    for name, options in modes():
        for suffix, observers in (("", ()), (", observed", (_Observer(),))):
            device = await stack.enter_async_context(open_device(URL, options=options))
            manager = await stack.enter_async_context(open_session_manager(observers=observers))
            session = await stack.enter_async_context(manager.open_session(device))
            steps[name + suffix] = _evaluating(session)
    return steps


def _evaluating(session: Session) -> Step:
    async def step() -> None:
        await session.evaluate("1+1")

    return step
