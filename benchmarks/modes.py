"""The ways in which this library can be driven, each a contender of its own."""

from collections.abc import Iterator

import attrs

from belay_actors import DeviceOptions
from figures import OURS


def modes() -> Iterator[tuple[str, DeviceOptions]]:
    """Yields name and options of each way that there is."""
    if "resident" not in attrs.fields_dict(DeviceOptions):
        yield OURS, DeviceOptions()
        return
    yield OURS, DeviceOptions()
    raw: dict[str, object] = {"resident": False}
    yield f"{OURS} (raw REPL)", attrs.evolve(DeviceOptions(), **raw)
