"""Functions and code that run when a session ends."""

# A scope is under test, so it is what stands in pytest.raises().
# What a failing scope has bound is looked at after it:
# pyright: reportPossiblyUnboundVariable=none

import pytest
import trio

from belay_actors import (
    CallbackResource,
    Device,
    DeviceSessionManager,
    ResourceCleanupError,
    SessionResource,
)


async def test_d09_a_callback_is_a_function_of_the_host_or_code_for_the_board(
    device: Device, manager: DeviceSessionManager
) -> None:
    done: list[object] = []
    async with manager.open_session(device) as session:
        await session.execute("level = 1")

        async def look() -> None:
            done.append(await session.evaluate("level"))

        pump = CallbackResource(session, "look", look, estimated_cost=7)
        assert isinstance(pump, SessionResource)
        assert (pump.resource_type, pump.estimated_cost) == ("Callback", 7)
        session.resources.register_resource(pump)
        session.resources.register_resource(CallbackResource(session, "pump", "level = 0"))
    assert done == [0]
    assert session.report is not None
    assert session.report.resources_released == ("pump", "look")


async def test_d09_a_callback_that_fails_is_told_and_tried_again_only_if_asked(
    device: Device, manager: DeviceSessionManager
) -> None:
    tries: list[int] = []

    async def fail_once() -> None:
        await trio.lowlevel.checkpoint()
        tries.append(1)
        if len(tries) == 1:
            raise OSError("stuck")

    async with manager.open_session(device) as session:
        callback = CallbackResource(session, "door", fail_once)
        with pytest.raises(OSError, match="stuck"):
            await callback.cleanup()
        await callback.cleanup()
        await callback.cleanup()
        assert len(tries) == 2
        with pytest.raises(TypeError, match="async function or code"):
            CallbackResource(session, "x", 5)  # type: ignore[arg-type]  # pyright: ignore


async def test_d09_code_of_a_callback_that_raises_is_told(
    device: Device, manager: DeviceSessionManager
) -> None:
    with pytest.raises(ResourceCleanupError) as caught:
        async with manager.open_session(device) as session:
            session.resources.register_resource(CallbackResource(session, "pump", "1 / 0"))
    assert "ZeroDivisionError" in str(caught.value.exceptions[0])
