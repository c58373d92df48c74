"""Threads of the board when their session ends, and wherever it is cancelled."""

# What a failing scope has bound is looked at after it:
# pyright: reportPossiblyUnboundVariable=none

import math
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import attrs
import pytest
import trio

from belay_actors import (
    Device,
    DeviceResetError,
    DeviceSessionManager,
    ResourceCleanupError,
    Session,
    SessionManagementOptions,
    SessionResource,
    open_device,
    open_session_manager,
)
from belay_actors.device import ThreadStatus
from belay_actors.testing import cancel_everywhere
from belay_actors.transport import LocalLink
from blinking import BLINK, COUNTS, blinks_on, has_stopped
from boards import SOFT_RESET

Record = Callable[[str], SessionResource]


@pytest.fixture
async def session(device: Device, manager: DeviceSessionManager) -> AsyncIterator[Session]:
    await device.execute(COUNTS)
    async with manager.open_session(device) as session:
        await session.execute(BLINK)
        yield session


async def test_e04_threads_are_stopped_in_their_turn_among_the_resources(
    device: Device,
    manager: DeviceSessionManager,
    record: Record,
    recorded: list[str],
    make_resource: Callable[..., SessionResource],
) -> None:
    await device.execute(COUNTS)
    async with manager.open_session(device) as session:
        await session.execute(BLINK)

        def watch(name: str) -> SessionResource:
            async def clean() -> None:
                states = await session.executor_context.get_thread_states()
                running = [key for key, state in states.items() if state.is_running]
                recorded.append(f"{name}: {len(running)}")

            return make_resource(name, clean)

        session.resources.register_resource(watch("a"))
        await session.executor_context.start_thread("blink", "blink(1)")
        session.resources.register_resource(watch("b"))
        await session.executor_context.start_thread("blink", "blink(1)")
        session.resources.register_resource(watch("c"))
    assert recorded == ["c: 2", "b: 1", "a: 0"]
    assert session.report is not None
    assert session.report.is_clean
    assert await has_stopped(device)


async def test_e04_a_thread_that_never_asks_is_told_in_time_and_others_are_given_back(
    device: Device, record: Record, recorded: list[str]
) -> None:
    await device.execute(COUNTS)
    options = SessionManagementOptions(resource_cleanup_timeout=0.6)
    async with open_session_manager(options) as manager:
        started = trio.current_time()
        with pytest.raises(ResourceCleanupError, match="thread 'cling-1'") as caught:
            async with manager.open_session(device) as session:
                await session.execute(BLINK)
                session.resources.register_resource(record("a"))
                await session.executor_context.start_thread("cling", "cling()")
                await blinks_on(device)  # before there is another one that blinks
                await session.executor_context.start_thread("blink", "blink(1)")
                session.resources.register_resource(record("b"))
                started = trio.current_time()
        assert trio.current_time() - started < 1.5
    assert recorded == ["b", "a"]
    assert len(caught.value.exceptions) == 1
    assert session.report is not None
    (left,) = session.report.left
    assert left.what == "thread 'cling-1'"
    assert not await has_stopped(device)
    await device.execute("counts['go'] = False")
    with trio.fail_after(5):
        while not await has_stopped(device):
            pass


async def test_e04_a_thread_that_fails_keeps_its_exception(session: Session) -> None:
    info = await session.executor_context.start_thread("bad", "raise ValueError('no')")
    with trio.fail_after(5):
        while True:
            state = (await session.executor_context.get_thread_states())[info.thread_id]
            if not state.is_running:
                break
    assert (state.status, state.type_name, state.message) == (
        ThreadStatus.FAILED,
        "ValueError",
        "no",
    )
    assert session.resources.get_active_threads() == (info,)
    await session.resources.unregister_background_thread(info.thread_id)


async def test_e04_what_threads_print_goes_to_their_session(
    device: Device, session: Session
) -> None:
    for word in ("hello", "world"):
        info = await session.executor_context.start_thread("say", f"print('{word}')")
        with trio.fail_after(5):
            while (await session.executor_context.get_thread_states())[info.thread_id].is_running:
                pass
    assert session.background_output == "hello\nworld\n"
    assert device.background_output == ""


async def test_e04_threads_go_with_a_reset(
    device: Device, manager: DeviceSessionManager, link_of: Callable[[Device], LocalLink]
) -> None:
    with pytest.raises(DeviceResetError):
        async with manager.open_session(device) as session:
            await session.executor_context.start_thread("wait", "while not should_stop(): pass")
            link_of(device).send_nowait(SOFT_RESET)
            await trio.sleep_forever()
    assert session.report is not None
    assert session.report.is_clean


async def test_e04_a_thread_that_looks_up_names_without_end_does_not_crash_its_board(
    device: Device,
) -> None:
    await device.execute(COUNTS)
    options = SessionManagementOptions(resource_cleanup_timeout=0.05)
    async with open_session_manager(options) as manager:
        for _ in range(10):
            await device.execute("builtins.go = True")
            with suppress(ResourceCleanupError):
                async with manager.open_session(device) as session:
                    await session.execute("x = 1")
                    await session.executor_context.start_thread("cling", "while go: x")
            await device.execute("builtins.go = False")
    assert device.generation == 1


async def test_d01_a_stop_that_ran_out_of_time_is_still_the_sessions(
    device: Device, session: Session
) -> None:
    info = await session.executor_context.start_thread("cling", "cling()")
    await blinks_on(device)
    with trio.move_on_after(0.1) as scope:
        await session.resources.unregister_background_thread(info.thread_id)
    assert scope.cancelled_caught
    assert session.resources.get_active_threads() == (info,)
    await device.execute("counts['go'] = False")
    await session.resources.unregister_background_thread(info.thread_id)
    assert await has_stopped(device)


async def test_d01_a_cancelled_start_leaves_no_thread_behind(
    device: Device, session: Session
) -> None:
    outcomes: set[bool] = set()
    await session.executor_context.start_thread("first", "pass")  # sends what is sent once
    await session.resources.cleanup_resources()
    for seconds in (*(number * 0.00005 for number in range(40)), math.inf):
        with trio.move_on_after(seconds) as scope:
            await session.executor_context.start_thread("blink", "blink(1)")
        outcomes.add(scope.cancelled_caught)
        infos = session.resources.get_active_threads()
        states = await session.executor_context.get_thread_states()
        running = [key for key, state in states.items() if state.is_running]
        assert running == [info.thread_id for info in infos]
        assert len(infos) == (0 if scope.cancelled_caught else 1)
        await session.resources.cleanup_resources()
    assert outcomes == {True, False}


# At every step.


@attrs.frozen
class Bench:
    device: Device
    manager: DeviceSessionManager
    sessions: list[Session] = attrs.field(factory=list[Session])


@asynccontextmanager
async def setting() -> AsyncGenerator[Bench, None]:
    async with open_device("micropython:") as device:
        await device.execute(COUNTS)
        async with open_session_manager() as manager:
            bench = Bench(device, manager)
            yield bench
            for session in bench.sessions:
                assert session.report is not None
                assert session.report.is_clean
        assert await has_stopped(device)
        assert (await device.census()).namespaces == ()
        assert device.generation == 1


async def a_thread_is_started_and_stopped(bench: Bench) -> None:
    async with bench.manager.open_session(bench.device) as session:
        bench.sessions.append(session)
        await session.execute(BLINK)
        info = await session.executor_context.start_thread("blink", "blink(1)")
        await session.resources.unregister_background_thread(info.thread_id)


async def threads_are_left_to_their_session(bench: Bench) -> None:
    async with bench.manager.open_session(bench.device) as session:
        bench.sessions.append(session)
        await session.execute(BLINK)
        for _ in range(2):
            session.start_soon(session.executor_context.start_thread, "blink", "blink(1)")
        await session.executor_context.start_thread("blink", "blink(1)")


SCENARIOS = [a_thread_is_started_and_stopped, threads_are_left_to_their_session]


@pytest.mark.parametrize("scenario", SCENARIOS)
@pytest.mark.parametrize("seed", [1, 2])
def test_d01_e04_wherever_it_is_cancelled_no_thread_is_left(
    scenario: Callable[[Bench], Awaitable[None]], seed: int
) -> None:
    sweep = cancel_everywhere(
        scenario,
        setting=setting,
        seed=seed,
        every=2,
        limit=30,
        clock=None,
    )
    assert sweep.points > 5
    assert sweep.cancelled > 0
