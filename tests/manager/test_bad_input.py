"""What makes no sense is refused clearly, before anything was sent or counted."""

# pyright: reportArgumentType=none, reportCallIssue=none
# mypy: disable-error-code="arg-type,list-item"

from collections.abc import Awaitable, Callable
from typing import cast

import pytest

from belay_actors import (
    Device,
    DeviceSessionManager,
    Session,
    SessionClosedError,
    SessionManagementOptions,
    SessionNotFoundError,
    open_session_manager,
)
from belay_actors.observe import Event

Operation = Callable[[Session], Awaitable[object]]


async def nothing(session: Session) -> None:
    raise AssertionError("it has run")


@pytest.mark.parametrize("wrong", [None, "micropython:", 3, Device])
async def test_b05_a_session_is_opened_on_a_device(
    manager: DeviceSessionManager, wrong: object
) -> None:
    device = cast(Device, wrong)
    for opening in (
        manager.create_session(device),
        manager.get_or_create_session(device),
        manager.execute_in_session(device, nothing),
    ):
        with pytest.raises(TypeError, match="on a Device, not on"):
            await opening
    with pytest.raises(TypeError, match="on a Device, not on"):
        async with manager.open_session(device):
            pass


@pytest.mark.parametrize("wrong", [True, {}, SessionManagementOptions()])
async def test_b06_creation_options_are_such(
    device: Device, manager: DeviceSessionManager, wrong: object
) -> None:
    await manager.get_or_create_session(device)
    total = manager.get_session_stats().total_session_count
    for opening in (
        manager.create_session(device, wrong),
        manager.get_or_create_session(device, wrong),
        manager.execute_in_session(device, nothing, creation_options=wrong),
    ):
        with pytest.raises(TypeError, match="SessionCreationOptions are wanted"):
            await opening
    with pytest.raises(TypeError, match="SessionCreationOptions are wanted"):
        async with manager.open_session(device, wrong):  # type: ignore[call-overload]
            pass
    async with manager.open_session(device):
        with pytest.raises(TypeError, match="SessionCreationOptions are wanted"):
            await manager.execute_in_session(device, nothing, creation_options=wrong)
    assert manager.get_session_stats().total_session_count == total + 1


@pytest.mark.parametrize("wrong", [None, "f", 3])
async def test_b09_an_operation_can_be_called(
    device: Device, manager: DeviceSessionManager, wrong: object
) -> None:
    with pytest.raises(TypeError, match="an operation is an async function"):
        await manager.execute_in_session(device, cast(Operation, wrong))
    assert manager.get_session_stats().total_session_count == 0


@pytest.mark.parametrize("is_nested", [False, True])
@pytest.mark.parametrize("result", [None, 42])
async def test_b09_an_operation_is_async(
    device: Device, manager: DeviceSessionManager, result: object, is_nested: bool
) -> None:
    def work(session: Session) -> object:
        return result

    async def nest(session: Session) -> object:
        return await manager.execute_in_session(device, cast(Operation, work))

    with pytest.raises(TypeError, match=r"an operation is an async function.*work"):
        await manager.execute_in_session(device, nest if is_nested else cast(Operation, work))
    assert manager.get_session_stats().active_session_count == 0


@pytest.mark.parametrize("wrong", [3, True, "twice", {"max_attempts": 3}])
async def test_b10_a_retry_is_a_policy(
    device: Device, manager: DeviceSessionManager, wrong: object
) -> None:
    with pytest.raises(TypeError, match="RetryPolicy is wanted"):
        await manager.execute_in_session(device, nothing, retry=wrong)
    async with manager.open_session(device):
        with pytest.raises(TypeError, match="RetryPolicy is wanted"):
            await manager.execute_in_session(device, nothing, retry=wrong)
    assert manager.get_session_stats().total_session_count == 1


@pytest.mark.parametrize("wrong", [None, 3, b"session-1"])
async def test_b08_a_sessions_id_is_text(manager: DeviceSessionManager, wrong: object) -> None:
    with pytest.raises(TypeError, match="id is a str"):
        await manager.end_session(wrong)


@pytest.mark.parametrize("wrong", [3, {}, "strict"])
async def test_h01_a_managers_options_are_such(wrong: object) -> None:
    with pytest.raises(TypeError, match="SessionManagementOptions are wanted"):
        async with open_session_manager(wrong):
            pass


class Deaf:
    """Is no observer."""


class Slow:
    """Is none either, since it would have to be awaited."""

    async def observe(self, event: Event, /) -> None:
        del event


@pytest.mark.parametrize("is_enabled", [True, False])
@pytest.mark.parametrize("wrong", [Deaf(), Slow(), Deaf, None])
async def test_h01_a_managers_observers_are_such(wrong: object, is_enabled: bool) -> None:
    options = SessionManagementOptions(enable_session_metrics=is_enabled)
    with pytest.raises(TypeError, match="is no Observer"):
        async with open_session_manager(options, observers=[wrong]):
            pass


@pytest.mark.parametrize("wrong", [3, Deaf()])
async def test_h01_observers_are_several(wrong: object) -> None:
    with pytest.raises(TypeError, match="not iterable"):
        async with open_session_manager(observers=wrong):
            pass


async def test_b03_of_a_disposed_manager_everything_can_be_asked_and_nothing_had(
    device: Device,
) -> None:
    async with open_session_manager() as manager:
        session = await manager.create_session(device)
    assert manager.current_session_id is None
    assert manager.get_session_stats().active_session_count == 0
    assert manager.check_health().state is manager.state
    assert set(manager.capabilities) == {device}
    assert manager.options == SessionManagementOptions()
    with pytest.raises(SessionNotFoundError):
        await manager.end_session(session.session_id)
    with pytest.raises(SessionClosedError, match="shut down"):
        await manager.execute_in_session(device, nothing)
    await manager.shutdown()
    await manager.dispose()
