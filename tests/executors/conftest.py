"""Fixtures of the executors' tests: a manager, a session, and counts of what it sent."""

from collections.abc import AsyncIterator

import pytest

from belay_actors import Device, DeviceSessionManager, Session, open_session_manager


@pytest.fixture
async def manager(device: Device) -> AsyncIterator[DeviceSessionManager]:
    """A manager that is left before the device is closed."""
    async with open_session_manager() as manager:
        yield manager


@pytest.fixture
async def session(device: Device, manager: DeviceSessionManager) -> AsyncIterator[Session]:
    async with manager.open_session(device) as session:
        yield session
