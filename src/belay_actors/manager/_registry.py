"""Which sessions a manager has: their limit, their numbers, and their order.

A place is reserved before a session is made, because making one may take time: so the limit holds
however many tasks ask at once, and what fails on the way is never counted.
"""

from collections.abc import Generator
from contextlib import contextmanager

import attrs

from belay_actors.device import Device
from belay_actors.errors import SessionLimitError
from belay_actors.session import Session


@attrs.frozen(kw_only=True)
class SessionStats:
    """A manager's sessions in numbers.

    Attributes:
        active_session_count: how many are open now, those that are ending included.
        total_session_count: how many were ever opened.
        max_session_count: the limit.
        peak_session_count: the most that were ever open at once.
    """

    active_session_count: int
    total_session_count: int
    max_session_count: int
    peak_session_count: int


class SessionRegistry:
    """The sessions of one manager.

    Args:
        limit: how many may be open at once.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._sessions: dict[str, Session] = {}
        self._reserved = self._total = self._peak = 0

    @contextmanager
    def reserved(self, device: Device) -> Generator[None, None, None]:
        """Keeps a place for a session that is being made.

        Raises:
            SessionLimitError: there is none.
        """
        if len(self._sessions) + self._reserved >= self._limit:
            raise SessionLimitError(
                f"{self._limit} sessions are open, which is the limit; end one, or raise "
                "max_concurrent_sessions",
                is_recoverable=True,
                device=device.name,
            )
        self._reserved += 1
        try:
            yield
        finally:
            self._reserved -= 1

    def add(self, session: Session) -> None:
        """Takes in a session."""
        self._sessions[session.session_id] = session
        self._total += 1
        self._peak = max(self._peak, len(self._sessions))

    def discard(self, session: Session) -> None:
        """Forgets a session that has ended."""
        self._sessions.pop(session.session_id, None)

    def get(self, session_id: str) -> Session | None:
        """Returns a session that is open, or is ending."""
        return self._sessions.get(session_id)

    def owns(self, session: Session) -> bool:
        """Whether a session is one of these."""
        return self._sessions.get(session.session_id) is session

    def newest_first(self) -> list[Session]:
        """Returns all, the newest first."""
        return [*reversed(self._sessions.values())]

    def stats(self) -> SessionStats:
        """Returns the present numbers."""
        return SessionStats(
            active_session_count=len(self._sessions),
            total_session_count=self._total,
            max_session_count=self._limit,
            peak_session_count=self._peak,
        )
