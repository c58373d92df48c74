"""What a session knows of its board: detected once for each of its starts, or a basic one."""

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import trio
import trio.testing

from belay_actors import (
    Device,
    DeviceCapabilityError,
    DeviceSessionManager,
    DeviceSessionState,
    SessionCreationOptions,
    open_session_manager,
)
from belay_actors.device import _attach
from belay_actors.transport import LocalLink

Eventually = Callable[[Callable[[], bool]], Awaitable[None]]

FALLBACK = SessionCreationOptions.with_fallback_capabilities()
SOFT_RESET = b"\x04"  # at the raw prompt


@pytest.fixture
async def manager(device: Device) -> AsyncIterator[DeviceSessionManager]:
    async with open_session_manager() as manager:
        yield manager


@pytest.fixture
def detections(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """One entry for each time that a board is asked."""
    detect = _attach.Attachment.run_detection
    entries: list[object] = []

    async def run_detection(self: _attach.Attachment) -> object:
        entries.append(self)
        return await detect(self)

    monkeypatch.setattr(_attach.Attachment, "run_detection", run_detection)
    return entries


@pytest.fixture
def no_detection(monkeypatch: pytest.MonkeyPatch) -> None:
    """Boards answer something else."""

    def ask_for_nothing(*sources: str) -> str:
        return "'nothing'"

    monkeypatch.setattr(_attach, "at_once", ask_for_nothing)


async def test_b04_a_board_is_asked_once_however_many_sessions_there_are(
    device: Device, manager: DeviceSessionManager, detections: list[object]
) -> None:
    assert dict(manager.capabilities) == {}
    async with trio.open_nursery() as nursery:
        for _ in range(5):
            nursery.start_soon(manager.create_session, device)
    async with manager.open_session(device) as session:
        assert session.capabilities.is_detected
        assert session.capabilities.has("os.remove") is True
        assert manager.capabilities[device] == session.capabilities == device.capabilities
    assert len(detections) == 1


async def test_b04_a_board_that_restarted_is_asked_again(
    device: Device,
    manager: DeviceSessionManager,
    detections: list[object],
    link_of: Callable[[Device], LocalLink],
    eventually: Eventually,
) -> None:
    async with manager.open_session(device):
        pass
    link_of(device).send_nowait(SOFT_RESET)
    await eventually(lambda: device.generation == 2)
    assert not device.capabilities.is_detected
    async with manager.open_session(device) as session:
        assert session.capabilities.is_detected
    assert len(detections) == 2


@pytest.mark.usefixtures("no_detection")
async def test_g01_strict_creation_fails_when_detection_does(
    device: Device, manager: DeviceSessionManager
) -> None:
    with pytest.raises(DeviceCapabilityError, match="with_fallback_capabilities") as caught:
        await manager.create_session(device)
    assert caught.value.device == device.name
    with pytest.raises(DeviceCapabilityError):
        async with manager.open_session(device, SessionCreationOptions()):
            pass
    assert manager.state is DeviceSessionState.INACTIVE
    assert manager.get_session_stats().total_session_count == 0
    assert device.snapshot().session_count == 0
    assert await device.evaluate("1 + 1") == 2


@pytest.mark.usefixtures("no_detection")
async def test_b06_a_basic_session_is_made_when_detection_fails(
    device: Device, manager: DeviceSessionManager
) -> None:
    async with manager.open_session(device, FALLBACK) as session:
        assert not session.capabilities.is_detected
        assert session.capabilities.has("os.remove") is None
        assert session.capabilities == device.capabilities
        assert await session.evaluate("6 * 7") == 42
    assert dict(manager.capabilities) == {}


async def test_b06_with_fallback_detection_is_used_where_it_works(
    device: Device, manager: DeviceSessionManager
) -> None:
    async with manager.open_session(device, FALLBACK) as session:
        assert session.capabilities.is_detected


async def test_b04_a_session_on_a_known_board_does_not_wait_for_the_board(
    device: Device, manager: DeviceSessionManager
) -> None:
    await device.detect()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(device.execute, "while True: pass")
        await trio.testing.wait_all_tasks_blocked()
        with trio.fail_after(5):
            async with manager.open_session(device) as session:
                assert session.capabilities.is_detected
        nursery.cancel_scope.cancel()
