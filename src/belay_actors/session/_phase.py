"""Where a session is in its life, and who keeps one that has no scope."""

import enum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from belay_actors.session._supervisor import Supervisor


class SessionPhase(enum.Enum):
    """Where a session is in its life."""

    ACTIVE = "active"
    STOPPED = "stopped"
    ENDING = "ending"
    ENDED = "ended"


class Keeper(Protocol):
    """What a session without a scope needs of whoever keeps it."""

    def end_soon(self, session: "Supervisor") -> None:
        """Ends a session in a task of its own."""

    def open_scope(self, session: "Supervisor") -> None:
        """Gives a session a task that runs its scope."""
