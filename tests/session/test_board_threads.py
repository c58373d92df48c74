"""Threads of the board as a session owns them: started, listed, stopped for certain, told of."""

# What a failing scope has bound is looked at after it:
# pyright: reportPossiblyUnboundVariable=none

from collections.abc import AsyncIterator, Callable

import attrs
import pytest
import trio
import trio.testing

from belay_actors import (
    BackgroundThreadInfo,
    Device,
    DeviceCapabilityError,
    DeviceSessionManager,
    DuplicateResourceError,
    RemoteError,
    ResourceCleanupError,
    ResourceNotFoundError,
    Session,
    SessionClosedError,
    SessionResource,
    ThreadRegistered,
    open_device,
    open_session_manager,
)
from belay_actors.device import ThreadState, ThreadStatus
from belay_actors.observe import Event
from belay_actors.testing import open_fake_board
from blinking import BLINK, COUNTS, blinks, blinks_on, has_stopped

Record = Callable[[str], SessionResource]


@pytest.fixture
async def session(device: Device, manager: DeviceSessionManager) -> AsyncIterator[Session]:
    await device.execute(COUNTS)
    async with manager.open_session(device) as session:
        await session.execute(BLINK)
        yield session


@attrs.define
class Recorder:
    events: list[Event] = attrs.field(factory=list[Event])

    def observe(self, event: Event, /) -> None:
        self.events.append(event)

    @property
    def thread_ids(self) -> list[str]:
        return [event.thread_id for event in self.events if isinstance(event, ThreadRegistered)]


async def test_d01_a_thread_is_started_listed_and_stopped_for_certain(
    device: Device, session: Session
) -> None:
    info = await session.executor_context.start_thread("blink", "blink(1)")
    assert isinstance(info, BackgroundThreadInfo)
    assert (info.method_name, info.session_id) == ("blink", session.session_id)
    assert session.resources.get_active_threads() == (info,)
    await blinks_on(device)
    await session.resources.unregister_background_thread(info.thread_id)
    assert await has_stopped(device)
    assert session.resources.get_active_threads() == ()
    states = await session.executor_context.get_thread_states()
    assert states == {info.thread_id: ThreadState(ThreadStatus.ENDED)}


async def test_d01_unregistering_waits_for_the_thread(device: Device, session: Session) -> None:
    await session.execute(
        "import time\n"
        "def slow():\n"
        "    counts['blinks'] = 1\n"
        "    while not should_stop(): pass\n"
        "    time.sleep_ms(150)\n"
        "    counts['blinks'] = -1\n"
    )
    info = await session.executor_context.start_thread("slow", "slow()")
    await blinks_on(device)
    await session.resources.unregister_background_thread(info.thread_id)
    assert await blinks(device) == -1


async def test_d01_threads_are_listed_oldest_first(session: Session) -> None:
    infos = [
        await session.executor_context.start_thread(name, "blink(1)") for name in ("b", "a", "b")
    ]
    assert session.resources.get_active_threads() == tuple(infos)
    assert len({info.thread_id for info in infos}) == 3
    assert session.resources.get_resource_stats().background_threads == 3
    await session.resources.unregister_background_thread(infos[1].thread_id)
    assert session.resources.get_active_threads() == (infos[0], infos[2])


async def test_d01_unknown_and_wrong_ids(session: Session) -> None:
    resources = session.resources
    with pytest.raises(ResourceNotFoundError, match="holds no thread 'x'"):
        await resources.unregister_background_thread("x")
    info = await session.executor_context.start_thread("blink", "blink(1)")
    await resources.unregister_background_thread(info.thread_id)
    with pytest.raises(ResourceNotFoundError, match="may have been given back"):
        await resources.unregister_background_thread(info.thread_id)
    wrong: list[tuple[str, type[Exception]]] = [(5, TypeError), ("", ValueError)]  # type: ignore[list-item]  # pyright: ignore[reportAssignmentType]
    for name, error in wrong:
        with pytest.raises(error):
            await resources.unregister_background_thread(name)
        with pytest.raises(error):
            resources.register_background_thread(name, "blink")
        with pytest.raises(error):
            resources.register_background_thread("a", name)
        with pytest.raises(error):
            session.executor_context.allocate_thread_id(name)
        with pytest.raises(error):
            await session.executor_context.start_thread("blink", name)
    assert resources.get_active_threads() == ()


async def test_d01_a_thread_that_was_started_by_hand_is_stopped(
    device: Device, session: Session
) -> None:
    info = session.resources.register_background_thread("mine", "blink")
    await session.board_threads.start_thread("mine", "blink(1)")
    assert session.resources.get_active_threads() == (info,)
    with pytest.raises(DuplicateResourceError, match="thread 'mine'"):
        session.resources.register_background_thread("mine", "blink")
    await blinks_on(device)
    await session.resources.unregister_background_thread("mine")
    assert await has_stopped(device)


async def test_d01_an_id_that_the_board_does_not_know_is_told(
    device: Device, manager: DeviceSessionManager
) -> None:
    with pytest.raises(ResourceCleanupError, match="thread 'ghost'") as caught:
        async with manager.open_session(device) as session:
            session.resources.register_background_thread("ghost", "boo")
            session.resources.register_background_thread("other", "boo")
            with pytest.raises(ResourceCleanupError, match="thread 'other'") as told:
                await session.resources.unregister_background_thread("other")
            assert isinstance(told.value.exceptions[0], ResourceNotFoundError)
    assert isinstance(caught.value.exceptions[0], ResourceNotFoundError)
    assert session.report is not None
    assert [left.what for left in session.report.left] == ["thread 'ghost'"]


async def test_d01_ids_that_were_given_by_hand_are_not_given_again(session: Session) -> None:
    for number in range(1, 4):
        session.resources.register_background_thread(f"blink-{number}", "blink")
        await session.board_threads.start_thread(f"blink-{number}", "pass")
    info = await session.executor_context.start_thread("blink", "blink(1)")
    assert info.thread_id not in {"blink-1", "blink-2", "blink-3"}


async def test_d01_ids_are_unique_under_concurrency(session: Session) -> None:
    async def start() -> None:
        await session.executor_context.start_thread("blink", "blink(5)")

    async with trio.open_nursery() as nursery:
        for _ in range(8):
            nursery.start_soon(start)
    names = [info.thread_id for info in session.resources.get_active_threads()]
    names += [session.executor_context.allocate_thread_id(name) for name in ("blink", "blink-1")]
    assert len(set(names)) == 10


@pytest.mark.parametrize(
    ("code", "error"), [(5, TypeError), ("", ValueError), ("'\ud800'", ValueError)]
)
async def test_d01_code_that_cannot_be_sent_starts_no_thread(
    session: Session, code: str, error: type[Exception]
) -> None:
    with pytest.raises(error):
        await session.executor_context.start_thread("blink", code)
    assert session.resources.get_active_threads() == ()


async def test_d01_a_start_that_the_board_refuses_leaves_nothing(
    device: Device, session: Session
) -> None:
    await device.execute(
        "import _thread, sys\nclass full:\n get_ident = _thread.get_ident\n"
        "def refuse(*args): raise OSError(11)\nfull.start_new_thread = refuse\n"
        "sys.modules['_thread'] = full"
    )
    with pytest.raises(RemoteError, match="OSError"):
        await session.executor_context.start_thread("blink", "blink(1)")
    assert session.resources.get_active_threads() == ()


async def test_d01_only_threads_that_were_started_are_told_of(device: Device) -> None:
    recorder = Recorder()
    await device.execute(
        "import _thread, sys\nclass full:\n get_ident = _thread.get_ident\nfull.left = 1\n"
        "def start(*args):\n"
        "    if not full.left: raise OSError(11)\n"
        "    full.left -= 1\n"
        "    return _thread.start_new_thread(*args)\n"
        "full.start_new_thread = start\nsys.modules['_thread'] = full"
    )
    async with (
        open_session_manager(observers=[recorder]) as manager,
        manager.open_session(device) as session,
    ):
        info = await session.executor_context.start_thread("one", "pass")
        assert recorder.thread_ids == [info.thread_id]
        with pytest.raises(RemoteError):
            await session.executor_context.start_thread("two", "pass")
        with pytest.raises(ValueError, match="surrogates"):
            await session.executor_context.start_thread("three", "'\ud800'")
    assert recorder.thread_ids == [info.thread_id]


async def test_d01_a_thread_that_is_being_started_is_stopped_too(
    device: Device, session: Session
) -> None:
    """Giving everything back while a start waits for its turn on the board."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(session.execute, "import time\ntime.sleep(0.1)")
        await trio.testing.wait_all_tasks_blocked()
        nursery.start_soon(session.executor_context.start_thread, "blink", "blink(1)")
        await trio.testing.wait_all_tasks_blocked()
        with trio.fail_after(5):
            await session.resources.cleanup_resources()
    states = await session.executor_context.get_thread_states()
    assert not any(state.is_running for state in states.values())
    assert session.resources.get_active_threads() == ()


async def test_d01_a_session_that_ends_while_a_thread_is_being_started_leaves_none(
    device: Device, manager: DeviceSessionManager
) -> None:
    await device.execute(COUNTS)
    async with trio.open_nursery() as nursery, manager.open_session(device) as session:
        await session.execute(BLINK)

        async def start() -> None:
            with pytest.raises(SessionClosedError):
                await session.executor_context.start_thread("blink", "blink(1)")

        nursery.start_soon(device.execute, "import time\ntime.sleep(0.1)")
        await trio.testing.wait_all_tasks_blocked()
        nursery.start_soon(start)
        await trio.testing.wait_all_tasks_blocked()
    assert session.report is not None
    assert session.report.is_clean
    assert await has_stopped(device)


async def test_d01_a_board_without_threads_is_sent_nothing() -> None:
    recorder = Recorder()
    async with (
        open_fake_board() as board,
        open_device(board) as device,
        open_session_manager(observers=[recorder]) as manager,
        manager.open_session(device) as session,
    ):
        calls = device.snapshot().calls.served
        with pytest.raises(DeviceCapabilityError, match="no threads"):
            await session.executor_context.start_thread("blink", "blink(1)")
        with pytest.raises(DeviceCapabilityError, match="no threads"):
            await session.executor_context.get_thread_states()
        assert device.snapshot().calls.served == calls
        assert session.resources.get_active_threads() == ()
        assert recorder.thread_ids == []
