"""In which ways the library speaks with a board, so that each can be a contender of its own."""

from collections.abc import Iterator

import attrs
from figures import OURS

from belay_actors import DeviceOptions

RAW = f"{OURS} (raw REPL)"


def modes() -> Iterator[tuple[str, DeviceOptions]]:
    """Yields the contender's name and the options of every way there is."""
    if "resident" not in attrs.fields_dict(DeviceOptions):  # only the raw REPL
        yield OURS, DeviceOptions()
        return
    defaults = DeviceOptions()
    for name, is_resident in ((OURS, True), (RAW, False)):
        yield name, attrs.evolve(defaults, **{"resident": is_resident})
