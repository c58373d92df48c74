"""The three tests of the document that this library's session management goes back to.

Their names and what they assert are the document's; the mocks are a real MicroPython here.
"""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import attrs
import pytest

from belay_actors import Device, DeviceSessionManager, Session, open_session_manager


@pytest.fixture
async def session_manager(device: Device) -> AsyncIterator[DeviceSessionManager]:
    """A manager that is left before the device is closed."""
    async with open_session_manager() as manager:
        yield manager


@attrs.define(eq=False)
class SourceResource:
    """The document's ``TestResource``."""

    resource_id: str
    resource_type: str = "TestResource"
    estimated_cost: int = 10
    created_at: datetime = attrs.field(factory=lambda: datetime.now(UTC))
    is_cleaned_up: bool = False

    async def cleanup(self) -> None:
        self.is_cleaned_up = True


async def test_j04_create_session_with_valid_communication_should_return_active_session(
    device: Device, session_manager: DeviceSessionManager
) -> None:
    session = await session_manager.create_session(device)

    assert isinstance(session, Session)
    assert session.is_active
    assert session.session_id


async def test_j04_execute_in_session_should_provide_session_context(
    device: Device, session_manager: DeviceSessionManager
) -> None:
    captured_session_ids: list[str | None] = []

    async def operation(session: Session) -> None:
        captured_session_ids.append(session.session_id)
        captured_session_ids.append(session_manager.current_session_id)
        assert await session.evaluate("6 * 7", int) == 42

    await session_manager.execute_in_session(device, operation)

    session_id, current_session_id = captured_session_ids
    assert session_id
    assert current_session_id == session_id
    assert session_manager.current_session_id is None


async def test_j04_session_with_resource_tracking_should_track_and_cleanup_resources(
    device: Device, session_manager: DeviceSessionManager
) -> None:
    resources = [SourceResource("test1"), SourceResource("test2")]

    async def operation(session: Session) -> None:
        for resource in resources:
            session.resources.register_resource(resource)

        stats = session.resources.get_resource_stats()
        assert stats.total_resources == 2
        assert not any(resource.is_cleaned_up for resource in resources)

    await session_manager.execute_in_session(device, operation)

    final_stats = session_manager.get_session_stats()
    assert final_stats.active_session_count == 0
    assert all(resource.is_cleaned_up for resource in resources)
    assert (await device.census()).namespaces == ()
