"""What comes out of a session's scope: one rule for each mix of body, children and cancellation."""

# a scope is under test, so it is what stands in pytest.raises()
# What a failing scope has bound is looked at after it:
# pyright: reportPossiblyUnboundVariable=none

from collections.abc import Callable

import pytest
import trio

from belay_actors import (
    Device,
    DeviceSessionManager,
    RemoteError,
    ResourceCleanupError,
    SessionFailedError,
    SessionResource,
)

MakeResource = Callable[..., SessionResource]


async def fail_at_once() -> None:
    await trio.lowlevel.checkpoint()
    raise KeyError("child")


async def refuse() -> None:
    await trio.lowlevel.checkpoint()
    raise OSError("stuck")


async def test_the_bodys_error_comes_out_bare(
    device: Device, manager: DeviceSessionManager
) -> None:
    error = LookupError("body")
    with pytest.raises(LookupError) as caught:
        async with manager.open_session(device):
            raise error
    assert caught.value is error
    assert not hasattr(error, "__notes__")


async def test_a_remote_error_in_the_body_comes_out_bare(
    device: Device, manager: DeviceSessionManager
) -> None:
    with pytest.raises(RemoteError, match="ZeroDivisionError"):
        async with manager.open_session(device) as session:
            await session.execute("1/0")


async def test_a_group_that_the_body_raises_comes_out_as_it_is(
    device: Device, manager: DeviceSessionManager
) -> None:
    group = ExceptionGroup("mine", [KeyError(1), ValueError(2)])
    with pytest.RaisesGroup(KeyError, ValueError) as caught:
        async with manager.open_session(device):
            raise group
    assert caught.value is group


async def test_a_failed_child_cancels_the_body_and_fails_the_session(
    device: Device, manager: DeviceSessionManager
) -> None:
    with pytest.raises(SessionFailedError) as caught:
        async with manager.open_session(device) as session:
            session.start_soon(fail_at_once)
            await session.execute("while True: pass")
    error = caught.value
    assert not error.is_recoverable  # it would come again in a new session
    assert (error.device, error.session_id) == (device.name, session.session_id)
    with pytest.RaisesGroup(pytest.RaisesExc(KeyError, match="child")):
        raise error.__cause__ or error
    assert await device.evaluate("1 + 1") == 2
    assert device.generation == 1


async def test_when_child_and_body_fail_the_bodys_error_has_a_note_of_the_child(
    device: Device, manager: DeviceSessionManager
) -> None:
    with pytest.raises(LookupError, match="body") as caught:
        async with manager.open_session(device) as session:
            session.start_soon(fail_at_once)
            try:
                await trio.sleep_forever()
            finally:
                raise LookupError("body")
    assert any("KeyError('child')" in note for note in caught.value.__notes__)


async def test_an_outer_cancellation_stays_a_cancellation(
    device: Device, manager: DeviceSessionManager
) -> None:
    with trio.CancelScope() as scope:
        async with manager.open_session(device) as session:
            await session.execute("x = 1")
            scope.cancel()
            await trio.sleep_forever()
    assert scope.cancelled_caught


async def test_an_outer_cancellation_stays_one_even_if_cleanup_fails(
    device: Device, manager: DeviceSessionManager, make_resource: MakeResource
) -> None:
    with trio.CancelScope() as scope:
        async with manager.open_session(device) as session:
            session.resources.register_resource(make_resource("door", refuse))
            scope.cancel()
            await trio.sleep_forever()
    assert scope.cancelled_caught
    assert session.report is not None
    assert not session.report.is_clean


async def test_a_child_may_be_cancelled_by_itself_without_failing_the_session(
    device: Device, manager: DeviceSessionManager
) -> None:
    async def give_up() -> None:
        with trio.CancelScope() as scope:
            scope.cancel()
            await trio.sleep_forever()

    async with manager.open_session(device) as session:
        session.start_soon(give_up)
        assert await session.evaluate("1 + 1") == 2


async def test_g03_failed_cleanup_after_a_good_body_is_a_cleanup_error(
    device: Device, manager: DeviceSessionManager, make_resource: MakeResource
) -> None:
    with pytest.raises(ResourceCleanupError, match="1 thing could not be given back") as caught:
        async with manager.open_session(device) as session:
            session.resources.register_resource(make_resource("door", refuse))
    assert caught.value.device == device.name
    assert caught.value.session_id == session.session_id
    assert [str(error) for error in caught.value.exceptions] == ["stuck"]


async def test_g03_failed_cleanup_after_a_failed_body_is_a_note_on_its_error(
    device: Device, manager: DeviceSessionManager, make_resource: MakeResource
) -> None:
    with pytest.raises(LookupError, match="body") as caught:
        async with manager.open_session(device) as session:
            session.resources.register_resource(make_resource("door", refuse))
            raise LookupError("body")
    assert any("could not be given back" in note for note in caught.value.__notes__)
    assert any("stuck" in note for note in caught.value.__notes__)


async def test_g03_a_cleanup_error_can_be_split(
    device: Device, manager: DeviceSessionManager, make_resource: MakeResource
) -> None:
    async def refuse_otherwise() -> None:
        await trio.lowlevel.checkpoint()
        raise ValueError("bent")

    found: list[ResourceCleanupError] = []
    with pytest.raises(ResourceCleanupError) as caught:
        async with manager.open_session(device) as session:
            session.resources.register_resource(make_resource("door", refuse))
            session.resources.register_resource(make_resource("key", refuse_otherwise))
    part, rest = caught.value.split(OSError)
    assert isinstance(part, ResourceCleanupError)
    assert isinstance(rest, ResourceCleanupError)
    found += [part, rest]
    assert {each.session_id for each in found} == {session.session_id}
    assert [str(error) for each in found for error in each.exceptions] == ["stuck", "bent"]


async def test_an_error_in_one_session_leaves_its_neighbour_alone(
    device: Device, manager: DeviceSessionManager
) -> None:
    async with manager.open_session(device) as neighbour:
        await neighbour.execute("x = 1")
        with pytest.raises(SessionFailedError):
            async with manager.open_session(device) as session:
                session.start_soon(fail_at_once)
                await trio.sleep_forever()
        assert await neighbour.evaluate("x") == 1
        assert neighbour.is_active


async def test_a_keyboard_interrupt_in_a_body_comes_out_as_it_is(
    device: Device, manager: DeviceSessionManager
) -> None:
    with pytest.raises(KeyboardInterrupt):
        async with manager.open_session(device) as session:
            await session.execute("x = 1")
            raise KeyboardInterrupt
    assert session.report is not None
    assert session.report.is_clean
