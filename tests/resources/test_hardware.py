"""Pins, timers and buses: taken, used under their names, and left in a safe state."""

# A scope is under test, so it is what stands in pytest.raises().
# What a failing scope has bound is looked at after it:
# pyright: reportPossiblyUnboundVariable=none

from collections.abc import Awaitable, Callable

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from belay_actors import (
    BusResource,
    Device,
    DeviceSessionManager,
    DeviceTimerResource,
    PinResource,
    RemoteError,
    RemoteOSError,
    ResourceCleanupError,
    Session,
    SessionManagementOptions,
    SessionResource,
    Value,
    open_session_manager,
)

Log = Callable[[], Awaitable[Value]]

SAFE_INPUT = [("irq", 25, None), ("pin", 25, 0, None, None)]
SAFE_LOW = [("irq", 25, None), ("pin", 25, 1, -1, 0)]


async def ids(session: Session) -> list[str]:
    await trio.lowlevel.checkpoint()
    return [resource.resource_id for resource in session.resources.get_active_resources()]


async def test_d09_a_pin_is_the_sessions_under_its_name_and_becomes_an_input(
    device: Device, manager: DeviceSessionManager, log: Log
) -> None:
    async with manager.open_session(device) as session:
        pin = await PinResource.acquire(session, 25, name="led", pull="PULL_UP", value=1)
        assert isinstance(pin, SessionResource)
        assert (pin.resource_id, pin.resource_type) == ("led", "Pin")
        assert pin.estimated_cost > 0
        assert session.resources.get_active_resources() == (pin,)
        assert device.leases.holders() == {"pin:25": session.session_id}
        assert await session.evaluate("led.id") == 25
        assert await log() == [("pin", 25, 1, 2, 1)]
    assert await log() == SAFE_INPUT
    assert device.leases.holders() == {}
    assert session.report is not None
    assert session.report.is_clean
    assert session.report.resources_released == ("led",)


@pytest.mark.parametrize("end", ["returns", "raises", "is cancelled"])
async def test_d09_the_safe_value_is_written_however_the_body_ends(
    device: Device, manager: DeviceSessionManager, log: Log, end: str
) -> None:
    with trio.CancelScope() as scope:
        try:
            async with manager.open_session(device) as session:
                await PinResource.acquire(session, 25, name="motor", value=1, safe_value=0)
                if end == "raises":
                    raise LookupError
                if end == "is cancelled":
                    scope.cancel()
                    await session.execute("while True: pass")
        except LookupError:
            pass
    assert scope.cancelled_caught is (end == "is cancelled")
    assert await log() == [("pin", 25, 1, -1, 1), *SAFE_LOW]


async def test_d09_a_pin_may_have_a_name_instead_of_a_number(session: Session, log: Log) -> None:
    await PinResource.acquire(session, "LED", name="led", mode="IN")
    assert session.device.leases.holders() == {"pin:LED": session.session_id}
    assert await log() == [("pin", "LED", 0, -1, None)]


async def test_d09_a_pin_that_can_have_no_handler_is_made_safe_all_the_same(
    device: Device, manager: DeviceSessionManager, log: Log
) -> None:
    for change in (
        "def irq(self, handler=None): raise ValueError\nmachine.Pin.irq = irq",
        "del machine.Pin.irq",
    ):
        await device.execute(change)
        async with manager.open_session(device) as session:
            await PinResource.acquire(session, 25, name="led", value=1)
            await log()
        assert await log() == SAFE_INPUT[1:]
        assert session.report is not None
        assert session.report.is_clean


async def test_d09_a_timer_calls_a_function_of_the_session_and_is_stopped(
    device: Device, manager: DeviceSessionManager, log: Log
) -> None:
    async with manager.open_session(device) as session:
        await session.execute("def tick(timer): print('tick', timer.id)")
        timer = await DeviceTimerResource.acquire(
            session, 0, name="clock", period_ms=100, callback="tick"
        )
        assert (timer.resource_id, timer.resource_type) == ("clock", "DeviceTimer")
        assert timer.estimated_cost == 50
        assert device.leases.holders() == {"timer:0": session.session_id}
        assert await log() == [("timer", 0, 1, 100)]
        assert await session.execute("clock.callback(clock)") == "tick 0\n"
    assert await log() == [("deinit", 0)]
    assert session.report is not None
    assert session.report.is_clean


async def test_d09_virtual_timers_have_no_lease(session: Session, device: Device, log: Log) -> None:
    await session.execute("def tick(timer): pass")
    for name in ("one", "two"):
        await DeviceTimerResource.acquire(
            session, name=name, period_ms=1, callback="tick", mode="ONE_SHOT"
        )
    assert device.leases.holders() == {}
    assert await log() == [("timer", -1, 0, 1), ("timer", -1, 0, 1)]


async def test_d09_a_timer_that_the_sessions_own_code_has_made_is_stopped_too(
    device: Device, manager: DeviceSessionManager, log: Log
) -> None:
    async with manager.open_session(device) as session:
        await session.execute("import machine\ntimer = machine.Timer(3)")
        session.resources.register_resource(DeviceTimerResource(session, "timer"))
        await session.execute("led = machine.Pin(25)")
        session.resources.register_resource(PinResource(session, "led", safe_value=0))
        await session.execute("port = machine.UART(1)")
        session.resources.register_resource(BusResource(session, "port"))
        await log()
    assert await log() == [("uart off", 1), *SAFE_LOW, ("deinit", 3)]


async def test_d09_a_name_that_is_not_there_is_told(
    device: Device, manager: DeviceSessionManager
) -> None:
    with pytest.raises(ResourceCleanupError) as caught:
        async with manager.open_session(device) as session:
            session.resources.register_resource(DeviceTimerResource(session, "tmier"))
    assert "NameError" in str(caught.value.exceptions[0])


async def test_d09_a_bus_has_its_pins_too(
    device: Device, manager: DeviceSessionManager, log: Log
) -> None:
    async with manager.open_session(device) as session:
        bus = await BusResource.acquire(
            session, "I2C", 0, name="bus", pins={"scl": 5, "sda": 4}, freq=400_000
        )
        assert (bus.resource_id, bus.resource_type) == ("bus", "Bus")
        assert sorted(device.leases.holders()) == ["i2c:0", "pin:4", "pin:5"]
        await BusResource.acquire(session, "UART", 1, name="port", baudrate=9600)
        assert await log() == [("i2c", 0, 5, 4, 400_000), ("uart", 1, 9600)]
    assert await log() == [("uart off", 1)]  # this I2C has no deinit
    assert device.leases.holders() == {}
    assert session.report is not None
    assert session.report.is_clean


async def test_d09_they_go_back_in_reverse_order(
    device: Device, manager: DeviceSessionManager, log: Log
) -> None:
    async with manager.open_session(device) as session:
        await session.execute("def tick(timer): pass")
        await PinResource.acquire(session, 25, name="led", safe_value=0)
        await DeviceTimerResource.acquire(session, 1, name="t", period_ms=9, callback="tick")
        await BusResource.acquire(session, "UART", 0, name="port")
        await log()
    assert await log() == [("uart off", 0), ("deinit", 1), *SAFE_LOW]
    assert session.report is not None
    assert session.report.resources_released == ("port", "t", "led")


async def test_d09_one_can_be_given_back_early_and_taken_again(
    session: Session, device: Device, log: Log
) -> None:
    for _ in range(2):
        await PinResource.acquire(session, 25, name="led")
        await session.resources.release_resource("led")
        assert await ids(session) == []
        assert device.leases.holders() == {}
        assert await session.evaluate("'led' in globals()") is False


async def test_d09_cleanup_twice_does_it_once(session: Session, log: Log) -> None:
    pin = await PinResource.acquire(session, 25, name="led")
    await log()
    await pin.cleanup()
    assert await log() == SAFE_INPUT
    with trio.testing.assert_checkpoints():
        await pin.cleanup()
    assert await log() == []


async def test_d09_who_waits_gets_it_after_it_was_made_safe(
    device: Device, manager: DeviceSessionManager, nursery: trio.Nursery, log: Log
) -> None:
    async def follow() -> None:
        async with manager.open_session(device) as other:
            await PinResource.acquire(other, 25, name="led", value=0, wait=True)

    async with trio.open_nursery() as followers, manager.open_session(device) as session:
        await PinResource.acquire(session, 25, name="led", value=1)
        followers.start_soon(follow)
        await wait_all_tasks_blocked()
    assert await log() == [
        ("pin", 25, 1, -1, 1),
        *SAFE_INPUT,
        ("pin", 25, 1, -1, 0),
        *SAFE_INPUT,
    ]


async def test_d09_nothing_is_left_of_what_cannot_be_made(
    session: Session, device: Device, log: Log
) -> None:
    with pytest.raises(RemoteError, match="invalid pin"):
        await PinResource.acquire(session, 99, name="led", value=1)
    assert await log() == []
    assert await ids(session) == []
    assert device.leases.holders() == {}


async def test_d09_what_can_neither_be_made_nor_made_safe_stays_in_the_sessions_care(
    manager: DeviceSessionManager, device: Device
) -> None:
    async with manager.open_session(device) as session:
        with pytest.raises(RemoteOSError, match="EIO") as caught:
            await PinResource.acquire(session, 98, name="led", value=1)
        assert "could not be given back yet" in caught.value.__notes__[-1]
        assert await ids(session) == ["led"]
        assert device.leases.holders() == {"pin:98": session.session_id}
        await session.execute("import machine\nled = machine.Pin(25)")  # it is mended
    assert session.report is not None
    assert session.report.resources_released == ("led",)
    assert device.leases.holders() == {}


async def test_d09_an_unknown_callback_is_an_error_and_leaves_nothing(
    session: Session, device: Device, log: Log
) -> None:
    with pytest.raises(RemoteError, match="NameError"):
        await DeviceTimerResource.acquire(session, 0, name="t", period_ms=1, callback="tick")
    assert await log() == [("deinit", 0)]
    assert await ids(session) == []
    assert device.leases.holders() == {}


async def test_d09_a_cleanup_that_fails_goes_on_and_keeps_its_lease_until_the_session_has_ended(
    device: Device, manager: DeviceSessionManager, log: Log
) -> None:
    with pytest.raises(ResourceCleanupError) as caught:
        async with manager.open_session(device) as session:
            pin = await PinResource.acquire(session, 25, name="led")
            await DeviceTimerResource.acquire(session, name="t", period_ms=1, callback="id")
            await session.execute("led.init = lambda *args: 1 // 0")
            await log()
            with pytest.raises(RemoteError, match="ZeroDivisionError"):
                await pin.cleanup()
            assert await log() == [("irq", 25, None)]
            assert await session.evaluate("'led' in globals()") is False
            assert device.leases.holders() == {"pin:25": session.session_id}
    assert await log() == [("deinit", -1)]
    assert len(caught.value.exceptions) == 1  # what has failed was tried again
    assert device.leases.holders() == {}


async def test_d09_all_that_fails_in_a_cleanup_is_told(session: Session) -> None:
    pin = await PinResource.acquire(session, 25, name="led")
    await session.execute("led.init = led.irq = lambda *args, **kw: 1 // 0")
    with pytest.raises(RemoteError) as caught:
        await pin.cleanup()
    assert "And then: ZeroDivisionError" in str(caught.value.__notes__)
    await session.execute("import machine\nled = machine.Pin(25)")
    await pin.cleanup()


async def test_d09_without_books_hardware_is_made_safe_all_the_same(
    device: Device, manager: DeviceSessionManager, log: Log
) -> None:
    options = SessionManagementOptions(enable_resource_tracking=False)
    async with open_session_manager(options) as plain:
        async with plain.open_session(device) as session:
            await PinResource.acquire(session, 25, name="led", safe_value=0)
            await log()
            with pytest.raises(RemoteError, match="invalid pin"):
                await PinResource.acquire(session, 99, name="other")
        assert await log() == SAFE_LOW
    assert device.leases.holders() == {}
