"""In which ways the library speaks with a board, so that each can be a contender of its own."""

from collections.abc import Iterator

import attrs

from belay_actors import DeviceOptions, options_from_mapping
from figures import OURS

RAW = f"{OURS} (raw REPL)"


def modes() -> Iterator[tuple[str, DeviceOptions]]:
    """Yields the contender's name and the options of every way there is."""
    yield OURS, DeviceOptions()
    if "resident" in attrs.fields_dict(DeviceOptions):
        yield RAW, options_from_mapping(DeviceOptions, {"resident": False})
