"""What a session can hold and give back: executors make some, and so do users."""

from datetime import datetime
from typing import Protocol, runtime_checkable


@runtime_checkable
class SessionResource(Protocol):
    """Anything that a session must give back when it ends: a timer, a pin, a file.

    Attributes:
        resource_id: unique in its session.
        resource_type: a name for its kind, such as ``"DeviceTimer"``.
        estimated_cost: bytes that it is thought to take on the board.
        created_at: when it was made (UTC).
    """

    @property
    def resource_id(self) -> str:
        """Unique in its session."""
        ...

    @property
    def resource_type(self) -> str:
        """A name for its kind."""
        ...

    @property
    def estimated_cost(self) -> int:
        """Bytes that it is thought to take on the board."""
        ...

    @property
    def created_at(self) -> datetime:
        """When it was made (UTC)."""
        ...

    async def cleanup(self) -> None:
        """Gives it back. May call the session, whose calls still work then."""
        ...
