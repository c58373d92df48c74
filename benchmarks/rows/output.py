"""Ten megabytes of output of one call: how fast they come, and what they take of the host's memory.

The board writes lines in blocks of some 32 KB, so that its own part is small. The floor reads them
with a blocking ``read`` and throws them away. Ours hands them to a consumer line by line
(``session.output``), or gives them back as the call's result (``execute``). The peers read single
bytes, so they get less to do; theirs go to a consumer of bytes (mpremote) and of lines (belay).
"""

import os
import select
import time
import tracemalloc
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from typing import Protocol, cast

import trio

from belay_actors import Session, open_device, open_session_manager, task
from belay_actors.transport import LocalTransport
from board_ports import open_ports
from figures import FLOOR, OURS, Figure, Settings
from modes import modes
from peers import belay, installed, mpremote

_BLOCK = 32_000  # bytes
_BLOCKS = 320
_PEER_BLOCKS = {"belay": 40, "mpremote": 1}  # that they have done in a second or so
_RESULT = "as the call's result"
_CONSUMER = "into a consumer"

Take = Callable[[int, int], Awaitable[int]]
"""Has so many blocks printed, in lines of so many bytes, and returns how many bytes have come."""


@task
def show(blocks: int, width: int) -> None:
    import sys  # noqa: PLC0415  # on the board

    block = ("x" * (width - 1) + "\n") * (32000 // width)
    for _ in range(blocks):
        sys.stdout.write(block)


async def output(settings: Settings) -> Sequence[Figure]:
    """10 MB of output: into a consumer, and as the result of the call."""
    figures: list[Figure] = []
    async with _open_takers() as takers:
        for width in (4000,) if settings.is_short else (80, 4000):
            figures += await _compare(takers, width, rounds=1 if settings.is_short else 4)
    return figures


async def _compare(takers: Mapping[str, Take], width: int, *, rounds: int) -> Sequence[Figure]:
    rates: dict[str, list[float]] = {name: [] for name in takers}
    for _ in range(rounds):
        for name, take in takers.items():
            rates[name].append(await _rate(name, take, width))
    row = f"output in lines of {width} bytes"
    figures = [
        Figure(row, name, found[len(found) // 2], "MB/s", found[0], found[-1], is_rate=True)
        for name, found in ((name, sorted(rates[name])) for name in takers)
    ]
    for name in takers:
        if name.startswith(OURS):
            peak = await _peak(takers[name], width)
            figures.append(Figure(f"{row}: peak of the host's memory", name, peak, "MB"))
    return figures


async def _rate(name: str, take: Take, width: int) -> float:
    blocks = _PEER_BLOCKS.get(name, _BLOCKS)
    start = time.perf_counter()
    taken = await take(blocks, width)
    seconds = time.perf_counter() - start
    assert taken >= blocks * _BLOCK, f"{name} got {taken} of {blocks * _BLOCK} bytes"
    return taken / seconds / 1e6


async def _peak(take: Take, width: int) -> float:
    """Megabytes that are in use at most, beyond what was before."""
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    await take(_BLOCKS, width)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return (peak - before) / 1e6


def _source(blocks: int, width: int) -> str:
    block = f"('x' * {width - 1} + '\\n') * {_BLOCK // width}"
    return f"import sys\nblock = {block}\nfor _ in range({blocks}): sys.stdout.write(block)"


@asynccontextmanager
async def _open_takers() -> AsyncGenerator[Mapping[str, Take], None]:
    takers: dict[str, Take] = {}
    async with AsyncExitStack() as stack:
        link = await LocalTransport("micropython:").connect()
        stack.push_async_callback(link.aclose)
        takers[FLOOR] = Drain(link._descriptor).take  # noqa: SLF001  # nobody else is to do this
        manager = await stack.enter_async_context(open_session_manager())
        for name, options in modes():
            device = await stack.enter_async_context(open_device("micropython:", options=options))
            session = await stack.enter_async_context(manager.open_session(device))
            takers[f"{name}, {_CONSUMER}"] = _consumer(session)
            takers[f"{name}, {_RESULT}"] = _result(session)
        for name, open_printing in {"belay": _open_belay, "mpremote": _open_mpremote}.items():
            if name in installed():
                ports = await stack.enter_async_context(open_ports(1))
                takers[name] = stack.enter_context(open_printing(ports.paths[0]))
        yield takers


class Drain:
    """A blocking client that throws away what it reads.

    Args:
        descriptor: of the pty of a fresh interpreter.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        os.write(descriptor, b"\x03\x03\x01")
        self._read_until(b"raw REPL; CTRL-B to exit\r\n>")

    async def take(self, blocks: int, width: int) -> int:
        await trio.lowlevel.checkpoint()
        os.write(self._descriptor, _source(blocks, width).encode() + b"\x04")
        return self._read_until(b"\x04\x04>")

    def _read_until(self, end: bytes) -> int:
        count, tail = 0, b""
        while not tail.endswith(end):
            select.select([self._descriptor], [], [])
            data = os.read(self._descriptor, 65536)
            count += len(data)
            tail = (tail + data)[-len(end) :]
        return count


def _consumer(session: Session) -> Take:
    async def take(blocks: int, width: int) -> int:
        count = 0
        async with trio.open_nursery() as nursery, session.output() as lines:

            async def run() -> None:
                await session.call(show, blocks, width)
                await session.execute("print()")  # an empty line, so that the consumer ends

            nursery.start_soon(run)
            async for line in lines:
                if not line.text:
                    break
                count += len(line.text) + 1
        return count

    return take


def _result(session: Session) -> Take:
    async def take(blocks: int, width: int) -> int:
        return len(await session.execute(_source(blocks, width)))

    return take


class _Lines:
    """A text file that only counts."""

    def __init__(self) -> None:
        self.count = 0

    def write(self, text: str) -> int:
        self.count += len(text)
        return len(text)


class _BelayDevice(Protocol):
    def __call__(self, code: str, *, stream_out: _Lines) -> object: ...


@contextmanager
def _open_belay(port: str) -> Generator[Take, None, None]:
    with belay.open_device(port) as opened:
        device = cast(_BelayDevice, opened)

        async def take(blocks: int, width: int) -> int:
            lines = _Lines()
            code = _source(blocks, width)
            await trio.to_thread.run_sync(lambda: device(code, stream_out=lines))
            return lines.count

        yield take


@contextmanager
def _open_mpremote(port: str) -> Generator[Take, None, None]:
    with mpremote.open_transport(port) as transport:

        async def take(blocks: int, width: int) -> int:
            pieces: list[bytes] = []
            code = _source(blocks, width)
            await trio.to_thread.run_sync(lambda: transport.exec(code, pieces.append))
            return sum(map(len, pieces))

        yield take
