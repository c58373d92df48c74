"""The manager: its states, its counts, its limit, and that its end is the end of all sessions."""

# a scope is under test, so it is what stands in pytest.raises()
# What a failing scope has bound is looked at after it:
# pyright: reportPossiblyUnboundVariable=none

import math
from collections.abc import Awaitable, Callable

import pytest
import trio

from belay_actors import (
    Device,
    DeviceSessionManager,
    DeviceSessionState,
    ResourceCleanupError,
    Session,
    SessionClosedError,
    SessionLimitError,
    SessionManagementOptions,
    SessionNotFoundError,
    SessionResource,
    SessionStats,
    open_device,
    open_session_manager,
)

Record = Callable[[str], SessionResource]
MakeResource = Callable[..., SessionResource]
Spaces = Callable[[Device], Awaitable[list[int]]]


async def refuse() -> None:
    await trio.lowlevel.checkpoint()
    raise OSError("stuck")


async def test_b03_e02_a_manager_goes_through_its_states(device: Device) -> None:
    states: list[DeviceSessionState] = []
    async with open_session_manager() as manager:
        states.append(manager.state)
        async with manager.open_session(device):
            states.append(manager.state)
        states.append(manager.state)
    states.append(manager.state)
    State = DeviceSessionState  # noqa: N806
    assert states == [State.INACTIVE, State.ACTIVE, State.ACTIVE, State.DISPOSED]


async def test_b03_e02_a_manager_that_ends_its_sessions_is_shutting_down(
    device: Device, make_resource: MakeResource
) -> None:
    seen: list[object] = []

    async with open_session_manager() as manager:
        session = await manager.create_session(device)

        async def look() -> None:
            seen.append(manager.state)
            with pytest.raises(SessionClosedError, match="shut down"):
                await manager.create_session(device)

        session.resources.register_resource(make_resource("eye", look))
    assert seen == [DeviceSessionState.SHUTDOWN]
    assert session.report is not None
    assert session.report.is_clean


async def test_b03_a_disposed_manager_opens_no_sessions(device: Device) -> None:
    async with open_session_manager() as manager:
        pass
    assert manager.state is DeviceSessionState.DISPOSED
    with pytest.raises(SessionClosedError, match="shut down"):
        async with manager.open_session(device):
            pass
    for opening in (manager.create_session(device), manager.get_or_create_session(device)):
        with pytest.raises(SessionClosedError):
            await opening


async def test_b11_j01_statistics_count_sessions(
    device: Device, manager: DeviceSessionManager
) -> None:
    def stats(active: int, total: int, peak: int) -> SessionStats:
        return SessionStats(
            active_session_count=active,
            total_session_count=total,
            max_session_count=10,
            peak_session_count=peak,
        )

    assert manager.get_session_stats() == stats(0, 0, 0)
    async with manager.open_session(device):
        async with manager.open_session(device):
            assert manager.get_session_stats() == stats(2, 2, 2)
        async with manager.open_session(device):
            assert manager.get_session_stats() == stats(2, 3, 2)
    assert manager.get_session_stats() == stats(0, 3, 2)


async def test_h01_the_limit_is_told_at_once_and_is_no_limit_when_one_has_ended(
    device: Device,
) -> None:
    options = SessionManagementOptions(max_concurrent_sessions=2)
    async with open_session_manager(options) as manager:
        await manager.create_session(device)
        second = await manager.create_session(device)
        with pytest.raises(SessionLimitError, match="max_concurrent_sessions") as caught:
            await manager.create_session(device)
        assert caught.value.is_recoverable
        assert caught.value.device == device.name
        with pytest.raises(SessionLimitError):
            async with manager.open_session(device):
                pass
        await manager.end_session(second.session_id)
        async with manager.open_session(device) as session:
            assert await session.evaluate("1 + 1") == 2
        assert manager.get_session_stats().total_session_count == 3


async def test_b08_ending_an_unknown_session_is_an_error(
    device: Device, manager: DeviceSessionManager
) -> None:
    with pytest.raises(SessionNotFoundError, match="session-x") as caught:
        await manager.end_session("session-x")
    assert isinstance(caught.value, KeyError)
    assert caught.value.session_id == "session-x"
    session = await manager.create_session(device)
    await manager.end_session(session.session_id)
    with pytest.raises(SessionNotFoundError):
        await manager.end_session(session.session_id)


async def test_b08_ending_the_session_one_is_in_lets_the_body_go_on(
    device: Device, manager: DeviceSessionManager, record: Record, recorded: list[str]
) -> None:
    async with manager.open_session(device) as session:
        session.resources.register_resource(record("a"))
        await manager.end_session(session.session_id)
        assert recorded == ["a"]
        await trio.lowlevel.checkpoint()
        recorded.append("body")
        with pytest.raises(SessionClosedError):
            await session.execute("x = 1")
    assert recorded == ["a", "body"]


async def test_b08_g03_ending_a_session_tells_what_could_not_be_given_back(
    device: Device, manager: DeviceSessionManager, make_resource: MakeResource
) -> None:
    session = await manager.create_session(device)
    session.resources.register_resource(make_resource("door", refuse))
    with pytest.raises(ResourceCleanupError, match=session.session_id):
        await manager.end_session(session.session_id)
    assert not session.is_active


async def test_b01_g03_leaving_a_manager_tells_what_its_created_sessions_left(
    device: Device, make_resource: MakeResource
) -> None:
    with pytest.raises(ResourceCleanupError) as caught:
        async with open_session_manager() as manager:
            for number in range(2):
                session = await manager.create_session(device)
                session.resources.register_resource(make_resource(f"door {number}", refuse))
    assert len(caught.value.exceptions) == 2
    assert manager.state is DeviceSessionState.DISPOSED


async def test_an_error_in_a_managers_body_comes_out_bare_with_a_note_of_what_is_left(
    device: Device, make_resource: MakeResource
) -> None:
    with pytest.raises(LookupError) as caught:
        async with open_session_manager() as manager:
            session = await manager.create_session(device)
            session.resources.register_resource(make_resource("door", refuse))
            raise LookupError
    assert any("could not be given back" in note for note in caught.value.__notes__)
    assert not session.is_active


async def test_b01_ten_sessions_on_three_devices_end_with_their_manager(
    device: Device, other_device: Device, spaces: Spaces, record: Record
) -> None:
    sessions: list[Session] = []
    async with open_device("micropython:") as third:
        devices = (device, other_device, third)
        async with open_session_manager() as manager:
            for number in range(10):
                session = await manager.create_session(devices[number % 3])
                await session.execute(f"x = {number}")
                session.resources.register_resource(record(f"{number}"))
                sessions.append(session)
            assert manager.get_session_stats().active_session_count == 10
        for each in devices:
            assert await spaces(each) == []
            assert each.snapshot().session_count == 0
    assert all(session.report and session.report.is_clean for session in sessions)
    assert manager.get_session_stats().active_session_count == 0


async def test_b01_a_cancelled_manager_ends_its_sessions(device: Device, spaces: Spaces) -> None:
    with trio.CancelScope() as scope:
        async with open_session_manager() as manager:
            session = await manager.create_session(device)
            await session.execute("x = 1")
            scope.cancel()
            await trio.sleep_forever()
    assert scope.cancelled_caught
    assert await spaces(device) == []
    assert session.report is not None
    assert session.report.is_clean


async def test_two_managers_share_a_device(
    device: Device, manager: DeviceSessionManager, spaces: Spaces
) -> None:
    async with open_session_manager() as other:
        one = await manager.create_session(device)
        two = await other.create_session(device)
        await one.execute("x = 1")
        await two.execute("x = 2")
        assert (await one.evaluate("x"), await two.evaluate("x")) == (1, 2)
        with pytest.raises(SessionNotFoundError):
            await other.end_session(one.session_id)
    assert not two.is_active
    assert await one.evaluate("x") == 1
    assert len(await spaces(device)) == 1


@pytest.mark.parametrize(
    "values",
    [
        {"default_session_timeout": 0},
        {"default_session_timeout": -1.0},
        {"default_session_timeout": "1"},
        {"default_session_timeout": math.nan},
        {"max_concurrent_sessions": 0},
        {"max_concurrent_sessions": 2.5},
        {"resource_cleanup_timeout": 0},
        {"resource_cleanup_timeout": math.inf},
    ],
)
def test_wrong_session_options_are_refused(values: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(values))):
        SessionManagementOptions(**values)  # type: ignore[arg-type]  # pyright: ignore


async def test_a_session_may_live_for_ever(device: Device) -> None:
    options = SessionManagementOptions(default_session_timeout=math.inf)
    async with open_session_manager(options) as manager, manager.open_session(device) as session:
        assert await session.evaluate("1 + 1") == 2
