"""In which ways the library speaks with a board, so that each can be a contender of its own."""

from collections.abc import Iterator

from belay_actors import DeviceOptions
from figures import OURS

RAW = f"{OURS} (raw REPL)"


def modes() -> Iterator[tuple[str, DeviceOptions]]:
    """Yields the contender's name and the options of every way there is."""
    yield OURS, DeviceOptions()
    yield RAW, DeviceOptions(resident=False)
