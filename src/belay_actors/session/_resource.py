"""What a session holds, as records: resources, threads, deployed methods, and their numbers."""

from collections.abc import Mapping
from datetime import UTC, datetime

import attrs

from belay_actors.executors import SessionResource


def check_resource(resource: SessionResource) -> None:
    """Raises ``TypeError`` or ``ValueError`` if something cannot be a session's resource."""
    is_one = isinstance(resource, SessionResource)  # pyright: ignore[reportUnnecessaryIsInstance]
    if not is_one or not callable(resource.cleanup):
        raise TypeError(
            f"{resource!r} is no SessionResource: it needs resource_id, resource_type, "
            "estimated_cost, created_at and an async cleanup()"
        )
    check_name("resource_id", resource.resource_id)
    check_name("resource_type", resource.resource_type)
    _check_cost(resource.estimated_cost)


def _check_cost(cost: object) -> None:
    if not isinstance(cost, int) or isinstance(cost, bool):
        raise TypeError(f"estimated_cost is a number of bytes, not {cost!r}")
    if cost < 0:
        raise ValueError(f"estimated_cost is 0 bytes or more, not {cost}")


def check_name(what: str, value: object) -> None:
    """Raises ``TypeError`` or ``ValueError`` if an id or name is no text, or empty."""
    if not isinstance(value, str):
        raise TypeError(f"{what} is a str, not {type(value).__name__}")
    if not value:
        raise ValueError(f"{what} must not be empty")


@attrs.frozen(kw_only=True)
class BackgroundThreadInfo:
    """A thread of the board that a session owns.

    Attributes:
        thread_id: unique in its session.
        method_name: of what it runs.
        registered_at: since when the session owns it (UTC).
        session_id: of its session.
    """

    thread_id: str
    method_name: str
    session_id: str
    registered_at: datetime = attrs.field(factory=lambda: datetime.now(UTC))


@attrs.frozen(kw_only=True)
class DeployedMethodInfo:
    """Code that is on the board, so that it need not be sent again.

    Attributes:
        signature: names the method.
        code_hash: of its source text; other code has another one.
        deployed_at: when it was registered (UTC).
        session_id: of the session in whose namespace it is.
    """

    signature: str
    code_hash: bytes
    session_id: str
    deployed_at: datetime = attrs.field(factory=lambda: datetime.now(UTC))


@attrs.frozen(kw_only=True)
class ResourceUsageStats:
    """What a session holds at one moment.

    Attributes:
        total_resources: how many resources.
        total_resource_cost: sum of their estimated costs in bytes.
        resources_by_type: how many of each type.
        background_threads: how many threads of the board.
        deployed_methods: how many methods are on the board.
        memory_free: bytes that the board had free when that was last measured, or ``None``.
    """

    total_resources: int = 0
    total_resource_cost: int = 0
    resources_by_type: Mapping[str, int] = attrs.field(factory=dict[str, int])
    background_threads: int = 0
    deployed_methods: int = 0
    memory_free: int | None = None

    @property
    def fits_memory(self) -> bool | None:
        """Whether the costs are within the board's free memory; ``None`` if that is not known."""
        return None if self.memory_free is None else self.total_resource_cost <= self.memory_free
