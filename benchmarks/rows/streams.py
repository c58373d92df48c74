"""The items of a generator on the board: a few of them, and many."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AsyncExitStack

from belay_actors import Session, task
from figures import FLOOR, Figure, Settings
from floor import BlockingClient
from local import open_client, open_session
from modes import modes
from peers import Peer, installed, open_peer, open_port
from timing import Step, blocking, interleave

SHORT = 10  # items
LONG = 10_000
_ENOUGH = {"belay": 20, "mpremote": 1000, "mpytool": 1000}  # items, where more take as long each


@task
def numbers(count: int) -> Iterator[int]:
    yield from range(count)


def row(count: int) -> str:
    """The row's name."""
    return f"item of a generator of {count}"


async def streams(settings: Settings) -> Sequence[Figure]:
    """An item of a generator that makes 10, and 10 000; starting and ending it included."""
    figures: list[Figure] = []
    async with AsyncExitStack() as stack:
        make_steps = await own_streams(stack)
        peers = {
            name: stack.enter_context(open_peer(name, stack.enter_context(open_port())))
            for name in installed()
        }
        for count in (SHORT, LONG):
            parts = {name: min(count, _ENOUGH[name]) for name in peers}
            steps = make_steps(count)
            steps |= {name: _peer_step(peer, parts[name]) for name, peer in peers.items()}
            samples = await interleave(steps, settings)
            figures += [
                taken.figure(row(count), name, parts=parts.get(name, count))
                for name, taken in samples.items()
            ]
    return figures


async def own_streams(stack: AsyncExitStack) -> Callable[[int], dict[str, Step]]:
    """Makes the steps for so many items, of the floor and of us."""
    client = await stack.enter_async_context(open_client())
    sessions = {
        name: await stack.enter_async_context(open_session(options)) for name, options in modes()
    }

    def make(count: int) -> dict[str, Step]:
        steps = {FLOOR: _floor_step(client, count)}
        return steps | {name: _step(session, count) for name, session in sessions.items()}

    return make


def _floor_step(client: BlockingClient, count: int) -> Step:
    code = f"for item in range({count}): print(item)".encode()

    def step() -> None:
        assert sum(int(line) for line in client.lines(code)) == sum(range(count))

    return blocking(step)


def _step(session: Session, count: int) -> Step:
    async def step() -> None:
        async with session.stream(numbers, count) as stream:
            assert sum([item async for item in stream]) == sum(range(count))

    return step


def _peer_step(peer: Peer, count: int) -> Step:
    def step() -> None:
        assert sum(1 for _ in peer.numbers(count)) == count

    return blocking(step)
