"""Opening a fake board: its life in a nursery that outlives the program which uses it."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Literal

from belay_actors.kernel import open_service_nursery
from belay_actors.testing._fake._board import FakeBoard
from belay_actors.testing._fake._traits import Traits


@asynccontextmanager
async def open_fake_board(
    *,
    name: str = "fake",
    raw_paste: int | None = 128,
    input_buffer: int | None = None,
    max_source: int | None = None,
    latency: float = 0.0,
    newline: Literal["\r\n", "\n"] = "\r\n",
    modules: Mapping[str, object] | None = None,
    is_lossless: bool | None = None,
    can_restart: bool = False,
) -> AsyncGenerator[FakeBoard, None]:
    """Opens a fake board: it is plugged in, has started, and lives until the scope is left.

    Args:
        name: of the board; where there are several, each needs its own.
        raw_paste: bytes of a window; 0 for a firmware that refuses raw-paste, ``None`` for an old
            one that does not know it.
        input_buffer: bytes that are kept while nobody reads them; the rest is lost without a word.
            ``None`` keeps everything.
        max_source: bytes of source that there is memory for; ``None`` for no limit.
        latency: seconds that bytes take in each direction, on trio's clock.
        newline: what becomes of a printed line feed.
        modules: more modules for programs: source text, which is run at its first import, or an
            object, which is the module as it is.
        is_lossless: whether the link says that nothing is lost; by default if there is no
            ``input_buffer``.
        can_restart: whether the link can restart the board by force.

    Yields:
        The board.

    Cancellation: the board lives on until the scope has been left, so that devices on it can
    clean up.
    """
    traits = Traits(
        name=name,
        raw_paste=raw_paste,
        input_buffer=input_buffer,
        max_source=max_source,
        latency=latency,
        newline=newline,
        modules=dict(modules or {}),
        is_lossless=input_buffer is None if is_lossless is None else is_lossless,
        can_restart=can_restart,
    )
    board = FakeBoard(traits)
    async with open_service_nursery() as services:
        board.plug_in()
        services.start_soon(board.serve, name=f"belay_actors fake board {name}")
        try:
            yield board
        finally:
            board.close()
