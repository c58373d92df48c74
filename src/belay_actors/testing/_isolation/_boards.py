"""Boards for the machine: how to reach them, and what can be done to them from outside."""

from collections.abc import Awaitable, Callable, Mapping
from typing import cast

import attrs

from belay_actors.testing._fake import FakeBoard
from belay_actors.testing._isolation._calls import check
from belay_actors.transport import Transport

Act = Callable[[], object]


@attrs.frozen(kw_only=True)
class BoardControls:
    """A board, and what can be done to it by other means than its wire.

    Each of them is a function without arguments, async or not. It must work whatever the board is
    doing; what is missing is not done.

    Attributes:
        place: the device URL or transport.
        reset: starts the board anew; its link stays, or can be opened again at once.
        unplug: takes the board off its link.
        plug_in: brings it back after that, newly started. Without it, ``unplug`` is not used.
    """

    place: str | Transport
    reset: Act | None = None
    unplug: Act | None = None
    plug_in: Act | None = None

    @property
    def can_be_unplugged(self) -> bool:
        """Whether it can be taken off its link, and be brought back."""
        return self.unplug is not None and self.plug_in is not None

    def find_namespaces(self) -> Mapping[int, frozenset[str]] | None:
        """The names on the board, where they can be seen without asking it."""
        return self.place.namespaces if isinstance(self.place, FakeBoard) else None

    def check_is_free(self) -> None:
        """Checks that any other tool could use the board now, where that can be seen."""
        if isinstance(self.place, FakeBoard):
            check(f"{self.place!r} is connected", self.place.is_connected, False)
            check(f"{self.place!r} is at its prompt", self.place.is_at_friendly_prompt, True)


def to_controls(board: BoardControls | str | Transport) -> BoardControls:
    """What can be done to a board; a fake board bears everything."""
    if isinstance(board, BoardControls):
        return board
    if isinstance(board, FakeBoard):
        return BoardControls(
            place=board, reset=board.reset, unplug=board.unplug, plug_in=board.plug_in
        )
    return BoardControls(place=board)


async def act(control: Act | None) -> None:
    """Does one of the things."""
    assert control is not None, "the board has no such control"
    result = control()
    if isinstance(result, Awaitable):
        await cast("Awaitable[object]", result)
