"""Fixtures of the sessions' tests: a manager, and resources to give back."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import attrs
import pytest
import trio

from belay_actors import (
    Device,
    SessionResource,
)
from belay_actors.device import Seat


@pytest.fixture
def spaces() -> Callable[[Device], Awaitable[list[int]]]:
    """The keys of the session namespaces that are on a board now."""

    async def spaces(device: Device) -> list[int]:
        seat = Seat(-1, device.generation, None)
        value, _ = await device.run_in(seat, "sorted(spaces)", is_expression=True)
        assert isinstance(value, list)
        return [key for key in value if isinstance(key, int) and key > 0]

    return spaces


@attrs.frozen(eq=False)
class Resource:
    """Something to give back, by whatever the test says."""

    resource_id: str
    clean: Callable[[], Awaitable[object]]
    resource_type: str = "Thing"
    estimated_cost: int = 10
    created_at: datetime = attrs.field(factory=lambda: datetime.now(UTC))

    async def cleanup(self) -> None:
        await self.clean()


@pytest.fixture
def make_resource() -> Callable[..., SessionResource]:
    return Resource


@pytest.fixture
def recorded() -> list[str]:
    """What was given back, in its order."""
    return []


@pytest.fixture
def record(recorded: list[str]) -> Callable[[str], SessionResource]:
    """Makes a resource that only records that it was given back."""

    def record(name: str) -> SessionResource:
        async def clean() -> None:
            await trio.lowlevel.checkpoint()
            recorded.append(name)

        return Resource(name, clean)

    return record
