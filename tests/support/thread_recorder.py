"""An observer that remembers what it hears of threads."""

import attrs

from belay_actors import Event


@attrs.define
class Recorder:
    """Hears of everything."""

    events: list[Event] = attrs.field(factory=list[Event])

    def observe(self, event: Event, /) -> None:
        self.events.append(event)

    def kinds(self) -> list[str]:
        """Names of the kinds of events about threads, in order."""
        names = [type(event).__name__ for event in self.events]
        return [name for name in names if name.startswith("Thread")]
