"""The ways in which this library can be driven, each a contender of its own."""

from collections.abc import Iterator

import attrs
from figures import OURS

from belay_actors import DeviceOptions


def modes() -> Iterator[tuple[str, DeviceOptions]]:
    """Yields name and options of each way that there is."""
    if "resident" not in attrs.fields_dict(DeviceOptions):
        yield OURS, DeviceOptions()
        return
    yield OURS, DeviceOptions()
    yield f"{OURS} (raw REPL)", attrs.evolve(DeviceOptions(), **{"resident": False})
