"""The device's book of threads: a platform's limit, what the board corrects, the closing."""

# What a failing scope has bound is looked at after it:
# pyright: reportPossiblyUnboundVariable=none

import logging
from collections.abc import AsyncIterator, Awaitable, Callable

import attrs
import pytest
import trio

from belay_actors import (
    Device,
    DeviceCapabilityError,
    DeviceResetError,
    DeviceSessionManager,
    DuplicateResourceError,
    ResourceCleanupError,
    Session,
    SessionManagementOptions,
    open_device,
    open_session_manager,
)
from belay_actors.device import stop_and_confirm
from belay_actors.testing import open_fake_board
from belay_actors.transport import LocalLink
from blinking import BLINK, COUNTS, blinks_on, count_threads, has_stopped
from boards import SOFT_RESET

Eventually = Callable[[Callable[[], bool]], Awaitable[None]]
WAIT = "while not should_stop(): sleep_ms(1)"


@pytest.fixture
async def manager(device: Device) -> AsyncIterator[DeviceSessionManager]:
    """A manager that is left before the device is closed."""
    async with open_session_manager() as manager:
        yield manager


@pytest.fixture
async def rp2(device: Device) -> Device:
    """A board that says it is an RP2; in truth it takes any number of threads."""
    attachment = device._attachment
    attachment.capabilities = attrs.evolve(attachment.capabilities, platform="rp2")
    return device


def booked(device: Device) -> list[str]:
    return [thread.thread_id for thread in device._thread_book]


async def test_c04_an_rp2_runs_one_thread_for_all_sessions(
    rp2: Device, manager: DeviceSessionManager
) -> None:
    async with manager.open_session(rp2) as one, manager.open_session(rp2) as two:
        handle = await one.executors.threads.start("wait", WAIT)
        for session in (one, two):
            with pytest.raises(DeviceCapabilityError, match="one thread") as caught:
                await session.executors.threads.start("wait", WAIT)
            assert repr(handle.thread_id) in str(caught.value)
            assert one.session_id in caught.value.message
        assert len(one.resources.get_active_threads()) == 1
        assert two.resources.get_active_threads() == ()
        with pytest.raises(DeviceCapabilityError):
            await two.executor_context.start_thread("wait", WAIT)
        await handle.stop()
        other = await two.executors.threads.start("wait", WAIT)
        await other.stop()


async def test_c04_two_that_start_at_once_do_not_both_get_the_place(
    rp2: Device, manager: DeviceSessionManager
) -> None:
    outcomes: list[str] = []

    async def start(session: Session) -> None:
        try:
            await session.executors.threads.start("wait", WAIT)
            outcomes.append("started")
        except DeviceCapabilityError:
            outcomes.append("refused")

    async with (
        manager.open_session(rp2) as one,
        manager.open_session(rp2) as two,
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(start, one)
        nursery.start_soon(start, two)
    assert sorted(outcomes) == ["refused", "started"]


@pytest.mark.parametrize("end", ["returns", "fails", "stopped by id", "session ends"])
async def test_c04_the_place_is_free_when_its_thread_has_ended(
    rp2: Device, manager: DeviceSessionManager, end: str
) -> None:
    code = {"returns": "pass", "fails": "1 / 0"}.get(end, WAIT)
    async with manager.open_session(rp2) as one:
        info = await one.executor_context.start_thread("a", code)
        if end == "stopped by id":
            await one.resources.unregister_background_thread(info.thread_id)
        if end != "session ends":
            while (await one.executor_context.get_thread_states())[info.thread_id].is_running:  # noqa: ASYNC110
                pass
            await one.executors.threads.start("b", WAIT)
    async with manager.open_session(rp2) as two:
        await two.executors.threads.start("c", WAIT)
    assert booked(rp2) == []


async def test_c04_the_board_is_asked_before_a_thread_is_refused(
    rp2: Device, manager: DeviceSessionManager, eventually: Eventually
) -> None:
    """The word of the first one's end is lost, as when two threads print at once."""
    async with manager.open_session(rp2) as session:
        await session.executor_context.start_thread("first", "pass")
        seat = rp2._core_seat
        lost = (
            "who[0],tool_stop,tool_sleep,run_thread=globals()['__belay__'](everyone,lambda *a:None)"
        )
        await session.resources.cleanup_resources()
        await rp2.run_in(seat, lost, is_expression=False)
        await session.executor_context.start_thread("second", "pass")
        await eventually(lambda: count_threads(rp2) == 1)
        assert booked(rp2) == ["second-2"]
        await session.executors.threads.start("third", WAIT)
        assert booked(rp2) == ["third-3"]


async def test_c04_a_start_that_is_cancelled_does_not_keep_the_place(
    rp2: Device, manager: DeviceSessionManager
) -> None:
    async with manager.open_session(rp2) as session:
        first = await session.executors.threads.start("first", "pass")
        await first.wait()
        outcomes: set[bool] = set()
        for number in range(60):
            with trio.move_on_after(number * 0.0001) as scope:
                handle = await session.executors.threads.start("wait", WAIT)
            outcomes.add(scope.cancelled_caught)
            if not scope.cancelled_caught:
                await handle.stop()
        assert outcomes == {True, False}
        handle = await session.executors.threads.start("last", WAIT)
        await handle.stop()


async def test_c04_a_thread_that_its_session_could_not_stop_keeps_the_place_until_it_ends(
    rp2: Device,
) -> None:
    await rp2.execute(COUNTS)
    options = SessionManagementOptions(resource_cleanup_timeout=0.3)
    async with open_session_manager(options) as manager:
        with pytest.raises(ResourceCleanupError):
            async with manager.open_session(rp2) as session:
                await session.execute(BLINK)
                await session.executors.threads.start("cling", "cling()")
                await blinks_on(rp2)
        async with manager.open_session(rp2) as other:
            with pytest.raises(DeviceCapabilityError, match="cling-1") as caught:
                await other.executors.threads.start("wait", WAIT)
            assert session.session_id in caught.value.message
            await rp2.execute("counts['go'] = False")
            with trio.fail_after(5):
                while not await has_stopped(rp2):
                    pass
            await other.executors.threads.start("wait", WAIT)
    assert booked(rp2) == []


async def test_c04_a_reset_frees_the_place(
    rp2: Device, manager: DeviceSessionManager, link_of: Callable[[Device], LocalLink]
) -> None:
    with pytest.raises(DeviceResetError):
        async with manager.open_session(rp2) as session:
            await session.executors.threads.start("wait", WAIT)
            link_of(rp2).send_nowait(SOFT_RESET)
            await trio.sleep_forever()
    assert booked(rp2) == []


async def test_an_id_that_runs_keeps_its_place_in_the_book(
    device: Device, manager: DeviceSessionManager
) -> None:
    async with manager.open_session(device) as session:
        await device.start_thread(session._seat, "a", WAIT, run=1)
        with pytest.raises(DuplicateResourceError):
            await device.start_thread(session._seat, "a", WAIT, run=2)
        assert [thread.run for thread in device._thread_book] == [1]
        await stop_and_confirm(device, session._seat, "a")
        assert booked(device) == []


# When the device is closed.


async def close_with_a_thread(eventually: Eventually, *, is_left: bool) -> None:
    options = SessionManagementOptions(resource_cleanup_timeout=0.3)
    async with open_device("micropython:", name="left") as device:
        await device.execute(COUNTS)
        async with open_session_manager(options) as manager:
            try:
                async with manager.open_session(device) as session:
                    await session.execute(BLINK)
                    await session.executors.threads.start("cling", "cling()")
                    await blinks_on(device)
            except ResourceCleanupError:
                pass
        if not is_left:
            await device.execute("counts['go'] = False")
            await eventually(lambda: count_threads(device) == 1)
            assert await device.evaluate("counts['go']") is False  # and what it said has been read


@pytest.mark.parametrize("is_left", [True, False])
async def test_c04_a_thread_that_is_left_when_the_device_is_closed_is_logged(
    caplog: pytest.LogCaptureFixture, eventually: Eventually, is_left: bool
) -> None:
    with caplog.at_level(logging.WARNING, "belay_actors.device"):
        await close_with_a_thread(eventually, is_left=is_left)
    lines = [record.getMessage() for record in caplog.records if record.name.endswith(".device")]
    if is_left:
        (line,) = lines
        assert line.startswith("thread 'cling-1' of session")
        assert "left" in line
        assert "reset" in line
    else:
        assert lines == []


# The tools alone.


async def test_d03_a_call_may_use_the_tools_before_there_is_any_thread(
    device: Device, manager: DeviceSessionManager
) -> None:
    async with manager.open_session(device) as session:
        await session.board_threads.provide_tools()
        started = trio.current_time()
        assert await session.evaluate("(sleep_ms(60), should_stop())") == (None, False)
        assert trio.current_time() - started > 0.05
        with trio.move_on_after(0.1) as scope:
            await session.execute("sleep_ms(60_000)")
        assert scope.cancelled_caught
        assert trio.current_time() - started < 3
    assert session.report is not None
    assert session.report.names_dropped == 0


async def test_d03_a_board_without_threads_has_the_tools_too() -> None:
    async with (
        open_fake_board() as board,
        open_device(board) as device,
        open_session_manager() as manager,
    ):
        async with manager.open_session(device) as session:
            await session.board_threads.provide_tools()
            assert await session.evaluate("(sleep_ms(1), should_stop())") == (None, False)
        assert session.report is not None
        assert session.report.names_dropped == 0
        assert board.namespaces == {}
