"""Fixtures of the tests of threads: a session on a real board, and what its observers hear."""

from collections.abc import AsyncIterator

import pytest

from belay_actors import Device, Session, open_session_manager
from blinking import BLINK, COUNTS
from thread_recorder import Recorder


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
async def session(device: Device, recorder: Recorder) -> AsyncIterator[Session]:
    """A session whose namespace has ``blink`` and ``cling``."""
    await device.execute(COUNTS)
    async with (
        open_session_manager(observers=[recorder]) as manager,
        manager.open_session(device) as session,
    ):
        await session.execute(BLINK)
        yield session
