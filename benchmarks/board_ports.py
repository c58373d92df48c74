"""Serial ports with real MicroPythons, for those who drive them; see ``relay``."""

import json
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import attrs
import trio

from belay_actors.transport import LocalTransport

HEAP_SIZE = "512k"
_RELAY = Path(__file__).with_name("relay.py")
_PATIENCE = 10  # seconds for all to end


@attrs.frozen
class Ports:
    """Ports that are open.

    Attributes:
        paths: of them.
        process: id of the one that keeps them; the interpreters are below it.
    """

    paths: list[str]
    process: int


@asynccontextmanager
async def open_ports(
    count: int, *, delay: float = 0, baudrate: int = 0
) -> AsyncGenerator[Ports, None]:
    """Opens ports. At the end the interpreters are killed.

    Args:
        count: of the ports, each with an interpreter of its own.
        delay: seconds that a round trip takes longer than it would.
        baudrate: of the line; 0 for one without a limit.
    """
    transport = LocalTransport("micropython:", heap_size=HEAP_SIZE)
    command = transport._command()  # noqa: SLF001  # the same interpreter as for all others
    settings = {"count": count, "delay": delay, "baudrate": baudrate, "command": command}
    process = await trio.lowlevel.open_process(
        [sys.executable, str(_RELAY), json.dumps(settings)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        paths = [str(path) for path in json.loads(await read_line(process.stdout))]
        yield Ports(paths, process.pid)
    finally:
        await end(process)  # noqa: ASYNC102  # shields itself


async def read_line(stream: trio.abc.ReceiveStream) -> bytes:
    """Reads a line, where the other side writes no more than that; ``b""`` when it has ended."""
    line = b""
    while not line.endswith(b"\n"):
        more = await stream.receive_some()
        if not more:
            return b""
        line += more
    return line


async def end(process: trio.Process) -> None:
    """Ends a process that ends with its standard input; by force if it does not."""
    with trio.CancelScope(shield=True):
        if process.stdin is not None:
            await process.stdin.aclose()
        with trio.move_on_after(_PATIENCE):
            await process.wait()
        if process.returncode is None:
            process.kill()
            await process.wait()
