"""Fixtures of the executors' tests: a manager, a session, and counts of what it sent."""

from collections.abc import AsyncIterator

import pytest

from belay_actors import Device, DeviceSessionManager, Session


@pytest.fixture
async def session(device: Device, manager: DeviceSessionManager) -> AsyncIterator[Session]:
    async with manager.open_session(device) as session:
        yield session
