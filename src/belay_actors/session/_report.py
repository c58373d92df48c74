"""What a session took and gave back, told when it has ended."""

from datetime import datetime

import attrs


@attrs.frozen
class SessionReport:
    """The end of a session.

    Attributes:
        session_id: of the session.
        device: name of its device.
        created_at: when it was opened (UTC).
        calls: how many calls it made.
        resources_released: ids of the resources that were given back, in that order.
        names_dropped: how many names were taken off the board with its namespace.
        modules_removed: modules that were unloaded from the board.
        modules_left: modules that stay, because other sessions are open that may use them.
        left: what could not be given back, in words; empty after a good end.
    """

    session_id: str
    device: str
    created_at: datetime
    calls: int
    resources_released: tuple[str, ...]
    names_dropped: int
    modules_removed: tuple[str, ...]
    modules_left: tuple[str, ...]
    left: tuple[str, ...]

    @property
    def is_clean(self) -> bool:
        """Whether everything was given back."""
        return not self.left
