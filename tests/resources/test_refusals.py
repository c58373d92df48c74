"""What is refused: before anything is sent where that can be known, and nothing is left of it."""

# A scope is under test, so it is what stands in pytest.raises().
# What a failing scope has bound is looked at after it:
# pyright: reportPossiblyUnboundVariable=none

from collections.abc import Awaitable, Callable

import pytest
import trio

from belay_actors import (
    BusResource,
    Device,
    DeviceCapabilityError,
    DeviceSessionManager,
    DeviceTimerResource,
    DuplicateResourceError,
    PinResource,
    ResourceBusyError,
    Session,
    SessionClosedError,
    Value,
    open_session_manager,
)

Log = Callable[[], Awaitable[Value]]


async def ids(session: Session) -> list[str]:
    await trio.lowlevel.checkpoint()
    return [resource.resource_id for resource in session.resources.get_active_resources()]


async def test_d09_the_second_session_is_told_who_holds_the_hardware(
    device: Device, manager: DeviceSessionManager, session: Session, log: Log
) -> None:
    await PinResource.acquire(session, 25, name="led")
    async with manager.open_session(device) as other:
        await log()
        with pytest.raises(ResourceBusyError) as busy:
            await PinResource.acquire(other, 25, name="led")
        assert (busy.value.resource, busy.value.holder) == ("pin:25", session.session_id)
        with pytest.raises(ResourceBusyError, match="'pin:25'"):
            await BusResource.acquire(other, "I2C", 0, name="bus", pins={"scl": 25, "sda": 4})
        assert await ids(other) == []
        assert device.leases.holders() == {"pin:25": session.session_id}
        assert await log() == []


async def test_d09_a_firmware_without_it_is_a_capability_error(
    device: Device, manager: DeviceSessionManager, session: Session
) -> None:
    async def fails() -> None:
        with pytest.raises(DeviceCapabilityError, match="'led'") as caught:
            await PinResource.acquire(session, 25, name="led", mode="ANALOG")
        assert caught.value.session_id == session.session_id
        assert await ids(session) == []
        assert device.leases.holders() == {}

    await fails()  # no such mode
    await device.execute("del machine.Pin")
    await fails()
    await device.execute("sys.modules['machine'] = None")
    await fails()


async def test_d09_what_a_board_is_known_to_lack_is_refused_before_anything_is_sent(
    device: Device,
) -> None:
    assert (await device.detect()).has("machine.Timer") is False
    async with open_session_manager() as manager, manager.open_session(device) as session:
        calls = device.snapshot().calls.served
        with pytest.raises(DeviceCapabilityError, match=r"no machine\.Timer; nothing was sent"):
            await DeviceTimerResource.acquire(session, 0, name="t", period_ms=1, callback="f")
        assert device.snapshot().calls.served == calls
        assert device.leases.holders() == {}


async def test_d09_a_name_that_is_taken_is_refused_and_what_has_it_stays(
    session: Session, device: Device, log: Log
) -> None:
    await PinResource.acquire(session, 25, name="led")
    await log()
    with pytest.raises(DuplicateResourceError, match="'led'"):
        await PinResource.acquire(session, 26, name="led")
    with pytest.raises(DuplicateResourceError, match="'pin:25'"):
        await PinResource.acquire(session, 25, name="other")
    assert await log() == []
    assert await session.evaluate("led.id") == 25
    assert device.leases.holders() == {"pin:25": session.session_id}


BAD_ACQUISITIONS: list[tuple[Callable[[Session], Awaitable[object]], type[Exception]]] = [
    (lambda s: PinResource.acquire(s, 1, name="x; import os"), ValueError),
    (lambda s: PinResource.acquire(s, 1, name=""), ValueError),
    (lambda s: PinResource.acquire(s, 1, name="while"), ValueError),
    (lambda s: PinResource.acquire(s, 1, name="é"), ValueError),
    (lambda s: PinResource.acquire(s, 1, name=5), TypeError),  # type: ignore[arg-type]  # pyright: ignore
    (lambda s: PinResource.acquire(s, -1, name="x"), ValueError),
    (lambda s: PinResource.acquire(s, "", name="x"), ValueError),
    (lambda s: PinResource.acquire(s, True, name="x"), TypeError),
    (lambda s: PinResource.acquire(s, 1.5, name="x"), TypeError),  # type: ignore[arg-type]  # pyright: ignore
    (lambda s: PinResource.acquire(s, 1, name="x", mode="OUT)"), ValueError),
    (lambda s: PinResource.acquire(s, 1, name="x", pull="UP,"), ValueError),
    (lambda s: PinResource.acquire(s, 1, name="x", value=2), ValueError),
    (lambda s: PinResource.acquire(s, 1, name="x", safe_value=-1), ValueError),
    (lambda s: DeviceTimerResource.acquire(s, -2, name="x", period_ms=1, callback="f"), ValueError),
    (lambda s: DeviceTimerResource.acquire(s, name="x", period_ms=0, callback="f"), ValueError),
    (lambda s: DeviceTimerResource.acquire(s, name="x", period_ms=1, callback="f()"), ValueError),
    (
        lambda s: DeviceTimerResource.acquire(s, name="x", period_ms=1, callback="f", mode="X"),  # type: ignore[arg-type]  # pyright: ignore
        ValueError,
    ),
    (lambda s: BusResource.acquire(s, "CAN", 0, name="x"), ValueError),  # type: ignore[arg-type]  # pyright: ignore
    (lambda s: BusResource.acquire(s, "I2C", -1, name="x"), ValueError),
    (lambda s: BusResource.acquire(s, "I2C", 0, name="x", pins={"a b": 1}), ValueError),
    (lambda s: BusResource.acquire(s, "I2C", 0, name="x", freq=[1]), TypeError),  # type: ignore[arg-type]  # pyright: ignore
    (lambda s: BusResource.acquire(s, "I2C", 0, name="x", freq=float("inf")), ValueError),
    (lambda s: BusResource.acquire(s, "I2C", 0, name="x", **{"a=1,b": 2}), ValueError),  # type: ignore[arg-type]  # pyright: ignore
]


@pytest.mark.parametrize(("acquire", "kind"), BAD_ACQUISITIONS)
async def test_d09_bad_arguments_are_refused_before_anything_is_sent(
    session: Session,
    device: Device,
    acquire: Callable[[Session], Awaitable[object]],
    kind: type[Exception],
) -> None:
    calls = session.calls
    with pytest.raises(kind):
        await acquire(session)
    assert session.calls == calls
    assert device.leases.holders() == {}
    assert await ids(session) == []


async def test_d09_an_ended_session_takes_nothing(
    device: Device, manager: DeviceSessionManager
) -> None:
    async with manager.open_session(device) as session:
        pass
    with pytest.raises(SessionClosedError):
        await PinResource.acquire(session, 25, name="led")
    assert device.leases.holders() == {}
