"""What a session took and gave back, told when it has ended."""

from datetime import datetime

import attrs

from belay_actors.session._cleanup import Leftover


@attrs.frozen(kw_only=True)
class SessionReport:
    """The end of a session.

    Attributes:
        session_id: of the session.
        device: name of its device.
        created_at: when it was opened (UTC).
        calls: how many calls it made.
        resources_released: ids of the resources that were given back, in that order; empty with
            ``enable_resource_tracking`` off.
        names_dropped: how many names were taken off the board with its namespace.
        modules_removed: modules that were unloaded from the board.
        modules_left: modules that stay, because other sessions are open that may use them.
        timers_stopped: names of the hardware timers that nobody had registered; the board stopped
            them with the namespace that held them.
        memory_before: bytes in use on the board when that was last measured before the session was
            opened; ``None`` if it was not, or with ``enable_session_metrics`` off.
        memory_after: the same, when the session's names were gone. Other sessions, and what runs
            outside of sessions, use memory meanwhile, too.
        left: what could not be given back; empty after a good end.
    """

    session_id: str
    device: str
    created_at: datetime
    calls: int
    resources_released: tuple[str, ...]
    names_dropped: int
    modules_removed: tuple[str, ...]
    modules_left: tuple[str, ...]
    timers_stopped: tuple[str, ...]
    memory_before: int | None
    memory_after: int | None
    left: tuple[Leftover, ...]

    @property
    def is_clean(self) -> bool:
        """Whether everything was given back."""
        return not self.left
