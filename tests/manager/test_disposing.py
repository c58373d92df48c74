"""The emergency: nothing is cleaned up, all that is skipped is told, and it does not take long."""

# a scope is under test, so it is what stands in pytest.raises()
# What a failing scope has bound is looked at after it:
# pyright: reportPossiblyUnboundVariable=none

from collections.abc import Awaitable, Callable

import pytest
import trio
import trio.testing

from belay_actors import (
    Device,
    DeviceError,
    DeviceOptions,
    DeviceSessionManager,
    DeviceSessionState,
    ResourceCleanupError,
    Session,
    SessionClosedError,
    SessionResource,
    open_device,
    open_session_manager,
)
from belay_actors.testing import open_fake_board
from blinking import count_threads
from boards import open_unix_board

Record = Callable[[str], SessionResource]
MakeResource = Callable[..., SessionResource]
DISPOSED = DeviceSessionState.DISPOSED


def left(session: Session) -> list[str]:
    """What a session's report says is left."""
    assert session.report is not None
    return [each.what for each in session.report.left]


async def test_e03_disposing_skips_cleanups_and_tells_so(
    device: Device, manager: DeviceSessionManager, record: Record, recorded: list[str]
) -> None:
    session = await manager.create_session(device)
    await session.execute("x = 1")
    for name in "ab":
        session.resources.register_resource(record(name))
    with pytest.raises(ResourceCleanupError) as caught:
        await manager.dispose()
    assert recorded == []
    assert left(session) == ["resource 'b'", "resource 'a'"]
    (of_session,) = caught.value.exceptions
    assert isinstance(of_session, ResourceCleanupError)
    assert of_session.session_id == session.session_id
    assert all("skipped" in str(error) for error in of_session.exceptions)
    assert session.report is not None
    assert session.report.names_dropped > 0
    assert (await device.census()).namespaces == ()
    assert manager.state is DISPOSED
    await manager.dispose()


async def test_e03_disposing_interrupts_calls_and_they_are_settled() -> None:
    raised: list[str] = []

    async def work(manager: DeviceSessionManager, device: Device) -> None:
        with pytest.raises(SessionClosedError) as caught:
            async with manager.open_session(device) as session:
                await session.execute("print('now')\nwhile True: pass")
        raised.append(str(caught.value))

    async with open_unix_board() as board, open_device(board) as device:
        async with open_session_manager() as manager, trio.open_nursery() as nursery:
            nursery.start_soon(work, manager, device)
            await board.has_said("now")
            with trio.fail_after(5):
                await manager.dispose()
            assert not device.snapshot().calls.is_busy
            assert await device.evaluate("6 * 7") == 42
        assert (await device.census()).namespaces == ()
        assert device.generation == 1
    assert ["ended by its manager" in text for text in raised] == [True]


async def test_e03_disposing_cuts_short_a_shutdown_that_hangs(
    device: Device,
    manager: DeviceSessionManager,
    make_resource: MakeResource,
    record: Record,
    recorded: list[str],
) -> None:
    is_cleaning = trio.Event()

    async def hang() -> None:
        is_cleaning.set()
        await trio.sleep(30)

    told: list[Exception] = []

    async def end(how: Callable[[], Awaitable[None]]) -> None:
        try:
            await how()
        except ResourceCleanupError as error:
            told.extend(error.exceptions)

    first, second = await manager.create_session(device), await manager.create_session(device)
    first.resources.register_resource(record("first"))
    second.resources.register_resource(record("second"))
    second.resources.register_resource(make_resource("slow", hang))
    await second.execute("x = 1")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(end, manager.shutdown)
        await is_cleaning.wait()
        with trio.fail_after(10):
            await end(manager.dispose)
    assert recorded == []
    assert len(told) == 2, "whoever was first has told of each session"
    assert left(second) == ["resource 'slow'", "resource 'second'"]
    assert left(first) == ["resource 'first'"]
    assert second.report is not None
    assert "cut off" in second.report.left[0].reason
    assert (await device.census()).namespaces == ()


async def test_e03_disposing_cuts_short_a_scope_that_is_being_left(
    device: Device, manager: DeviceSessionManager, make_resource: MakeResource
) -> None:
    is_cleaning = trio.Event()

    async def hang() -> None:
        is_cleaning.set()
        await trio.sleep(30)

    async def work() -> None:
        with pytest.raises(ResourceCleanupError, match="slow"):
            async with manager.open_session(device) as session:
                session.resources.register_resource(make_resource("slow", hang))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(work)
        await is_cleaning.wait()
        with trio.fail_after(10):
            await manager.dispose()
        assert manager.get_session_stats().active_session_count == 0


async def test_e03_disposing_cancels_children_and_asks_threads_to_stop(
    device: Device, manager: DeviceSessionManager, eventually: Callable[..., Awaitable[None]]
) -> None:
    ended: list[str] = []

    async def child() -> None:
        try:
            await trio.sleep_forever()
        finally:
            ended.append("child")

    session = await manager.create_session(device)
    session.start_soon(child)
    # Once it is there it uses no name of the session, so that taking those away does not end it;
    # and it does not end at once, so that it is still there when the board looks. One that is told
    # to stop before it is there never runs, and would rightly not be left.
    await session.execute(
        "import time\n"
        "here = []\n"
        "def wait(should_stop, here, sleep=time.sleep_ms):\n"
        "    here.append(True)\n"
        "    while not should_stop(): sleep(1)\n"
        "    sleep(1000)"
    )
    await session.executor_context.start_thread("wait", "wait(should_stop, here)")
    while not await session.evaluate("here"):  # noqa: ASYNC110
        await trio.sleep(0.005)
    assert count_threads(device) == 2
    with pytest.raises(ResourceCleanupError):
        await manager.dispose()
    await trio.testing.wait_all_tasks_blocked()
    assert ended == ["child"]
    assert left(session) == ["thread 'wait-1'"]
    assert (await device.census()).namespaces == ()
    await eventually(lambda: count_threads(device) == 1)


async def test_e03_a_thread_that_had_stopped_is_not_left(
    device: Device, manager: DeviceSessionManager
) -> None:
    session = await manager.create_session(device)
    await session.executor_context.start_thread("work", "pass")
    while (await session.executor_context.get_thread_states())["work-1"].is_running:  # noqa: ASYNC110
        await trio.sleep(0.005)
    await manager.dispose()
    assert left(session) == []


async def test_e03_disposing_from_within_a_session_lets_the_body_go_on(
    device: Device, manager: DeviceSessionManager, record: Record, recorded: list[str]
) -> None:
    with pytest.raises(ResourceCleanupError, match="resource 'a'"):
        async with manager.open_session(device) as session:
            session.resources.register_resource(record("a"))
            await manager.dispose()
            await trio.lowlevel.checkpoint()
            recorded.append("body")
    assert recorded == ["body"]


@pytest.mark.parametrize("sessions", [1, 5])
async def test_e03_disposing_is_bounded_on_a_board_that_does_not_answer(
    autojump_clock: trio.testing.MockClock, sessions: int
) -> None:
    options = DeviceOptions(recovery_grace=5)
    async with (
        open_fake_board() as board,
        open_device(board, options=options) as device,
        open_session_manager() as manager,
    ):
        made = [await manager.create_session(device) for _ in range(sessions)]
        for session in made:
            await session.execute("x = 1")
        board.pause()
        start = trio.current_time()
        with pytest.raises((ResourceCleanupError, DeviceError)):
            await manager.dispose()
        assert trio.current_time() - start < 10
        assert manager.state is DISPOSED
        assert manager.get_session_stats().active_session_count == 0
        assert all(left(session) == ["the session's names"] for session in made)
        board.resume()


async def test_e03_a_cancelled_disposal_ends_everything_first(
    device: Device, manager: DeviceSessionManager
) -> None:
    session = await manager.create_session(device)
    await session.execute("x = 1")
    with trio.CancelScope() as scope:
        scope.cancel()
        await manager.dispose()
        await trio.lowlevel.checkpoint()
    assert scope.cancelled_caught
    assert left(session) == []
    assert (await device.census()).namespaces == ()
