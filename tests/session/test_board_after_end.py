"""After an end the board itself says what is left; an emergency skips what takes time."""

# a scope is under test, so it is what stands in pytest.raises()
# What a failing scope has bound is looked at after it:
# pyright: reportPossiblyUnboundVariable=none

from collections.abc import Awaitable, Callable

import pytest
import trio
import trio.testing

from belay_actors import (
    Device,
    DeviceResetError,
    DeviceSessionManager,
    ResourceCleanupError,
    Session,
    SessionManagementOptions,
    SessionResource,
    open_session_manager,
)
from belay_actors.transport import LocalLink
from boards import SOFT_RESET

MakeResource = Callable[..., SessionResource]
Record = Callable[[str], SessionResource]
Spaces = Callable[[Device], Awaitable[list[int]]]
LinkOf = Callable[[Device], LocalLink]

SHORT = SessionManagementOptions(resource_cleanup_timeout=0.6)
STUBBORN = """
import time
def stay(names, ticks_ms=time.ticks_ms, sleep_ms=time.sleep_ms):
    end = ticks_ms() + 1500
    while ticks_ms() < end:
        names["anew"] = 1
        sleep_ms(1)
"""
POLITE = "def wait():\n    while not should_stop():\n        pass"
MACHINE = """
import sys
class Timer:
    log = []
    def __init__(self, name):
        self.name = name
    def deinit(self):
        if self.name == "stuck":
            raise OSError(5)
        self.log.append(self.name)
class machine:
    pass
machine.Timer = Timer
sys.modules["machine"] = machine
"""


def left_of(session: Session) -> dict[str, str]:
    assert session.report is not None
    return {left.what: left.reason for left in session.report.left}


async def test_a04_a_thread_that_runs_on_and_makes_a_name_anew_is_told(device: Device) -> None:
    async with open_session_manager(SHORT) as manager:
        with pytest.raises(ResourceCleanupError):
            async with manager.open_session(device) as session:
                await session.execute(STUBBORN)
                await session.executor_context.start_thread("stay", "stay(globals())")
                # One that is told to stop before it has begun never runs.
                while not await session.evaluate("'anew' in globals()"):
                    pass
        left = left_of(session)
        assert left["thread 'stay-1'"].startswith("the cleanup of thread 'stay-1' did not end")
        assert set(left) <= {"thread 'stay-1'", "the session's names"}
    await device.execute("import time; time.sleep_ms(1500)")


async def test_a04_a_thread_that_stops_in_time_leaves_nothing(
    device: Device, manager: DeviceSessionManager, spaces: Spaces
) -> None:
    async with manager.open_session(device) as session:
        await session.execute(POLITE)
        await session.executor_context.start_thread("wait", "wait()")
    assert left_of(session) == {}
    assert await spaces(device) == []


async def test_a04_timers_that_nobody_registered_are_stopped_or_told(
    device: Device, manager: DeviceSessionManager
) -> None:
    await device.execute(MACHINE)
    async with manager.open_session(device) as keeper:
        await keeper.execute("pass")  # modules are unloaded with the last session
        with pytest.raises(ResourceCleanupError, match="timer 'bad'") as caught:
            async with manager.open_session(device) as session:
                await session.execute("import machine\ngood = machine.Timer('good')")
                await session.execute("bad = machine.Timer('stuck')")
        assert await device.evaluate("Timer.log") == ["good"]
    assert session.report is not None
    assert session.report.timers_stopped == ("good",)
    assert left_of(session) == {"timer 'bad'": str(caught.value.exceptions[0])}
    assert "OSError: " in left_of(session)["timer 'bad'"]


async def test_a04_names_that_a_cleanup_makes_are_taken_off_too(
    device: Device, manager: DeviceSessionManager, make_resource: MakeResource, spaces: Spaces
) -> None:
    async with manager.open_session(device) as session:

        async def clean() -> None:
            await session.execute("late = 1")
            assert await spaces(device) != []

        session.resources.register_resource(make_resource("a", clean))
    assert session.report is not None
    assert session.report.names_dropped == 1
    assert await spaces(device) == []


async def test_a04_a_body_goes_on_though_the_board_is_reset_while_it_ends_its_session(
    device: Device, manager: DeviceSessionManager, make_resource: MakeResource, link_of: LinkOf
) -> None:
    async with manager.open_session(device) as session:
        await session.execute("x = 1")

        async def reset() -> None:
            link_of(device).send_nowait(SOFT_RESET)
            with pytest.raises(DeviceResetError):
                while True:
                    await session.execute("x = 2")
                    await trio.sleep(0.01)

        session.resources.register_resource(make_resource("a", reset))
        await session.aclose()
        await trio.lowlevel.checkpoint()
        assert await device.evaluate("1 + 1") == 2
    assert left_of(session) == {}


# Emergencies.


@pytest.mark.parametrize("when", ["before", "during"])
async def test_a04_what_an_emergency_skips_is_told(
    device: Device, make_resource: MakeResource, record: Record, spaces: Spaces, when: str
) -> None:
    ended: list[str] = []

    async def live() -> None:
        try:
            await trio.sleep_forever()
        finally:
            ended.append("child")

    async with open_session_manager() as manager, trio.open_nursery() as nursery:
        with trio.fail_after(5), pytest.raises(ResourceCleanupError) as caught:
            async with manager.open_session(device) as session:
                await session.execute("x = 1")
                session.start_soon(live)
                session.resources.register_resource(record("a"))
                session.resources.register_resource(make_resource("b", trio.sleep_forever))
                await trio.testing.wait_all_tasks_blocked()
                if when == "before":
                    session.abandon()
                else:
                    nursery.start_soon(abandon_when_blocked, session)  # noqa: ASYNC111
        assert ended == ["child"]
    left = left_of(session)
    assert list(left) == ["resource 'b'", "resource 'a'"]
    assert left["resource 'a'"].startswith("it was skipped")
    verb = "skipped" if when == "before" else "cut off"
    assert left["resource 'b'"].startswith(f"it was {verb}")
    assert len(caught.value.exceptions) == 2
    assert session.report is not None
    assert session.report.names_dropped == 1
    assert await spaces(device) == []


async def abandon_when_blocked(session: Session) -> None:
    await trio.testing.wait_all_tasks_blocked(0.05)
    session.abandon()


async def test_a04_an_emergency_does_not_wait_for_another_tasks_cleanup(
    device: Device, make_resource: MakeResource
) -> None:
    release = trio.Event()

    async def hold_on() -> None:
        with trio.CancelScope(shield=True):
            await release.wait()

    async with trio.open_nursery() as nursery, open_session_manager() as manager:
        session = await manager.create_session(device)
        session.resources.register_resource(make_resource("a", hold_on))
        nursery.start_soon(session.resources.cleanup_resources)
        await trio.testing.wait_all_tasks_blocked()
        with trio.fail_after(5), pytest.raises(ResourceCleanupError):
            session.abandon()
            await manager.end_session(session.session_id)
        release.set()
    assert left_of(session)["resource 'a'"].startswith("it was skipped")
