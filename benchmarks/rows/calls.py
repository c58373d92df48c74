"""One call: of a function that is on the board already, and of an expression that is not."""

from collections.abc import Sequence
from contextlib import AsyncExitStack

from belay_actors import Session, task
from figures import FLOOR, Figure, Settings
from local import open_client, open_session
from modes import modes
from peers import Peer, installed, open_peer, open_port
from timing import Step, blocking, measure

CALL = "call of a deployed function"
EVALUATE = "evaluate"


@task
def add(a: int, b: int) -> int:
    return a + b


async def calls(settings: Settings) -> Sequence[Figure]:
    """``add(1, 2)`` of a deployed function, and ``1+1`` evaluated, with the result on the host."""
    async with AsyncExitStack() as stack:
        call, evaluate = await own_calls(stack)
        for name in installed():
            peer = stack.enter_context(open_peer(name, stack.enter_context(open_port())))
            call[name], evaluate[name] = _peer_steps(peer)
        return [
            *await measure(CALL, call, settings),
            *await measure(EVALUATE, evaluate, settings),
        ]


async def own_calls(stack: AsyncExitStack) -> tuple[dict[str, Step], dict[str, Step]]:
    """Steps of the two rows, of the floor and of us."""
    client = await stack.enter_async_context(open_client())
    client.run(b"def add(a, b): return a + b")
    call: dict[str, Step] = {FLOOR: blocking(lambda: client.evaluate(b"add(1, 2)"))}
    evaluate: dict[str, Step] = {FLOOR: blocking(lambda: client.evaluate(b"1+1"))}
    for name, options in modes():
        session = await stack.enter_async_context(open_session(options))
        call[name], evaluate[name] = _steps(session)
    return call, evaluate


def _steps(session: Session) -> tuple[Step, Step]:
    async def call() -> None:
        assert await session.call(add, 1, 2) == 3

    async def evaluate() -> None:
        assert await session.evaluate("1+1") == 2

    return call, evaluate


def _peer_steps(peer: Peer) -> tuple[Step, Step]:
    def call() -> None:
        assert peer.add(1, 2) == 3

    def evaluate() -> None:
        assert peer.evaluate("1+1") == 2

    return blocking(call), blocking(evaluate)
