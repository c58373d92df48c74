"""Logs 100 000 samples of a board to a file, as they come.

    python data_logger.py FILE [URL]

The board makes no more samples than are taken, so neither side needs memory for all of them; and
other sessions of the board have their turn between the batches.
"""

import struct
import sys
from collections.abc import Iterator
from pathlib import Path

import trio

from belay_actors import open_device, open_session_manager, task

COUNT = 100_000


@task
def samples(count: int) -> Iterator[tuple[int, int]]:
    """Makes samples: the time in milliseconds, and a value."""
    from time import ticks_ms

    value = 0
    for _ in range(count):
        value = (value * 1103515245 + 12345) % 2147483648  # in place of a sensor
        yield ticks_ms(), value


async def log(path: Path, url: str = "micropython:", count: int = COUNT) -> int:
    """Writes samples to a file, eight bytes each; returns how many."""
    written = 0
    async with (
        open_device(url) as device,
        open_session_manager() as manager,
        manager.open_session(device) as session,
        await trio.open_file(path, "wb") as file,
        session.stream(samples, count) as items,
    ):
        block = bytearray()
        async for time, value in items:
            block += struct.pack("<II", time & 0xFFFFFFFF, value)
            written += 1
            if len(block) >= 64 * 1024:
                await file.write(block)
                block.clear()
        await file.write(block)
    return written


if __name__ == "__main__":
    print(trio.run(log, Path(sys.argv[1]), *sys.argv[2:3]), "samples")
