"""What observers hear of a session: everything once, in order, and its end last."""

# What a failing scope has bound is looked at after it:
# pyright: reportPossiblyUnboundVariable=none

import os
import signal
from collections.abc import AsyncIterator, Callable
from typing import TypeVar

import attrs
import pytest
import trio
import trio.testing

from belay_actors import (
    CallEnded,
    CallStarted,
    CleanupFailed,
    Device,
    DeviceError,
    DeviceSessionManager,
    MethodDeployed,
    RemoteError,
    ResourceCleanupError,
    ResourceRegistered,
    SessionClosedError,
    SessionCreated,
    SessionEnded,
    SessionFailedError,
    SessionManagementOptions,
    SessionResource,
    SessionTimeoutError,
    ThreadRegistered,
    open_session_manager,
)
from belay_actors.observe import Event
from belay_actors.transport import LocalLink
from boards import EXITS_IN_NEXT_CALL

T = TypeVar("T")
MakeResource = Callable[..., SessionResource]
LinkOf = Callable[[Device], LocalLink]


@attrs.define(eq=False)
class Recorder:
    events: list[Event] = attrs.field(factory=list[Event])

    def observe(self, event: Event, /) -> None:
        self.events.append(event)

    def of(self, kind: type[T]) -> list[T]:
        return [event for event in self.events if isinstance(event, kind)]

    def check_order(self) -> None:
        """A session is created first and ended last, and each call that has begun is over."""
        assert isinstance(self.events[0], SessionCreated)
        assert isinstance(self.events[-1], SessionEnded)
        open_calls: set[int] = set()
        for event in self.events:
            if isinstance(event, CallStarted):
                assert event.call_id not in open_calls
                open_calls.add(event.call_id)
            elif isinstance(event, CallEnded):
                open_calls.remove(event.call_id)
        assert not open_calls


@pytest.fixture
def heard() -> Recorder:
    return Recorder()


@pytest.fixture
async def watched(device: Device, heard: Recorder) -> AsyncIterator[DeviceSessionManager]:
    async with open_session_manager(observers=[heard]) as manager:
        yield manager


async def fail() -> None:
    await trio.lowlevel.checkpoint()
    raise OSError("stuck")


async def do_nothing() -> None:
    await trio.lowlevel.checkpoint()


async def test_f01_what_happens_in_a_session_is_heard_in_order(
    device: Device, watched: DeviceSessionManager, heard: Recorder, make_resource: MakeResource
) -> None:
    async with watched.open_session(device) as session:
        session.resources.register_resource(make_resource("a", do_nothing))
        await session.executor_context.deploy("f()", "def f(): return 1")
        await session.evaluate("f()")
        info = await session.executor_context.start_thread("blink", "pass")
        await session.resources.unregister_background_thread(info.thread_id)
    about = {"session_id": session.session_id, "device": device.name}
    created, registered, *middle, ended = heard.events
    assert isinstance(created, SessionCreated)
    assert created == SessionCreated(**about, duration=created.duration)
    assert 0 < created.duration < 5
    assert registered == ResourceRegistered(
        **about, resource_id="a", resource_type="Thing", estimated_cost=10
    )
    first, second = heard.of(CallEnded)
    assert middle == [
        CallStarted(**about, call_id=first.call_id, kind="execute"),
        CallEnded(
            **about, call_id=first.call_id, kind="execute", duration=first.duration, error=None
        ),
        MethodDeployed(**about, signature="f()"),
        CallStarted(**about, call_id=second.call_id, kind="evaluate"),
        CallEnded(
            **about, call_id=second.call_id, kind="evaluate", duration=second.duration, error=None
        ),
        ThreadRegistered(**about, thread_id=info.thread_id, method_name="blink"),
    ]
    assert first.call_id != second.call_id
    assert 0 < first.duration < 5
    assert isinstance(ended, SessionEnded)
    assert ended == SessionEnded(
        **about, duration=ended.duration, resources=1, leftovers=0, error=None
    )
    assert ended.duration > first.duration + second.duration


async def test_f01_how_calls_end_is_heard(
    device: Device, watched: DeviceSessionManager, heard: Recorder
) -> None:
    async with watched.open_session(device) as session:
        with pytest.raises(RemoteError):
            await session.execute("1 / 0")
        with trio.move_on_after(0.05):
            await session.execute("while True: pass")
        with pytest.raises(TypeError):
            await session.evaluate("'x'", int)
    assert [event.error for event in heard.of(CallEnded)] == ["RemoteError", "Cancelled", None]
    heard.check_order()


async def test_f01_calls_are_told_apart_when_many_are_made_at_once(
    device: Device, watched: DeviceSessionManager, heard: Recorder
) -> None:
    async with watched.open_session(device) as session, trio.open_nursery() as nursery:
        for _ in range(20):
            nursery.start_soon(session.execute, "x = 1")
    started = [event.call_id for event in heard.of(CallStarted)]
    assert len(set(started)) == 20
    assert sorted(event.call_id for event in heard.of(CallEnded)) == sorted(started)
    heard.check_order()


async def test_f01_calls_of_a_cleanup_are_heard_before_the_end(
    device: Device, watched: DeviceSessionManager, heard: Recorder, make_resource: MakeResource
) -> None:
    async with watched.open_session(device) as session:

        async def clean() -> None:
            await session.execute("x = 1")

        session.resources.register_resource(make_resource("a", clean))
    assert len(heard.of(CallEnded)) == 1
    heard.check_order()


async def test_f01_calls_that_the_end_interrupts_are_over_before_it(
    device: Device, watched: DeviceSessionManager, heard: Recorder
) -> None:
    async def call() -> None:
        with pytest.raises(SessionClosedError):
            await session.execute("while True: pass")

    async with trio.open_nursery() as nursery, watched.open_session(device) as session:
        for _ in range(3):
            nursery.start_soon(call)
        await trio.testing.wait_all_tasks_blocked()
    assert {event.error for event in heard.of(CallEnded)} == {"SessionClosedError"}
    heard.check_order()


@pytest.mark.parametrize("is_killed", [True, False])
async def test_f01_calls_that_a_dying_board_interrupts_are_over_before_the_end(
    device: Device,
    watched: DeviceSessionManager,
    heard: Recorder,
    link_of: LinkOf,
    is_killed: bool,
) -> None:
    async def call() -> None:
        with pytest.raises(DeviceError):
            await session.execute("import time\nwhile True: time.sleep(0.01)")

    async with trio.open_nursery() as nursery:
        with pytest.raises(DeviceError):
            async with watched.open_session(device) as session:
                await session.execute("x = 1")
                if not is_killed:  # the next call is its last
                    await device.execute(EXITS_IN_NEXT_CALL)
                for _ in range(5):
                    nursery.start_soon(call)
                await trio.testing.wait_all_tasks_blocked()
                if is_killed:
                    os.kill(link_of(device).pid, signal.SIGKILL)
                await trio.sleep_forever()
    assert len(heard.of(CallEnded)) == 6
    heard.check_order()
    error = heard.of(SessionEnded)[0].error
    assert error == ("DeviceLostError" if is_killed else "DeviceResetError")


async def test_f01_a_call_that_outlives_its_session_is_over_before_the_end(
    device: Device, heard: Recorder
) -> None:
    """A budget that is used up before the call is interrupted."""
    options = SessionManagementOptions(resource_cleanup_timeout=0.01)
    async with (
        open_session_manager(options, observers=[heard]) as manager,
        trio.open_nursery() as nursery,
    ):

        async def call() -> None:
            with pytest.raises(SessionClosedError):
                await session.execute("import time\ntry: time.sleep(0.1)\nexcept: time.sleep(0.3)")

        with pytest.raises(ResourceCleanupError):
            async with manager.open_session(device) as session:
                nursery.start_soon(call)
                await trio.testing.wait_all_tasks_blocked()
        heard.check_order()
    heard.check_order()


# What could not be given back.


async def test_f01_what_could_not_be_given_back_is_heard_once(
    device: Device, watched: DeviceSessionManager, heard: Recorder, make_resource: MakeResource
) -> None:
    with pytest.raises(ResourceCleanupError):
        async with watched.open_session(device) as session:
            session.resources.register_resource(make_resource("a", fail))
            session.resources.register_resource(make_resource("b", do_nothing))
            session.resources.register_background_thread("ghost", "boo")
    about = {"session_id": session.session_id, "device": device.name}
    assert heard.of(CleanupFailed) == [
        CleanupFailed(**about, what="thread 'ghost'", error="ResourceNotFoundError"),
        CleanupFailed(**about, what="a", error="OSError"),
    ]
    assert heard.of(SessionEnded)[0].leftovers == 2
    heard.check_order()


async def test_f01_what_the_board_still_has_is_heard(device: Device, heard: Recorder) -> None:
    await device.execute("import builtins\nbuiltins.board = {'go': True}")
    options = SessionManagementOptions(resource_cleanup_timeout=1)
    async with open_session_manager(options, observers=[heard]) as manager:
        with pytest.raises(ResourceCleanupError):
            async with manager.open_session(device) as session:
                await session.execute(
                    "def cling(board=board):\n"
                    "    board['is_there'] = True\n"
                    "    while board['go']: pass"
                )
                await session.executor_context.start_thread("cling", "cling()")
                with trio.fail_after(5):
                    while not await device.evaluate("'is_there' in board"):
                        pass
    await device.execute("board['go'] = False")
    (failed,) = heard.of(CleanupFailed)
    assert (failed.what, failed.error) == ("thread 'cling-1'", "TimeoutError")
    heard.check_order()


async def test_f01_what_fails_before_the_end_is_heard_at_once(
    device: Device, watched: DeviceSessionManager, heard: Recorder, make_resource: MakeResource
) -> None:
    async with watched.open_session(device) as session:
        session.resources.register_resource(make_resource("a", fail))
        with pytest.raises(ResourceCleanupError):
            await session.resources.release_resource("a")
        assert [failed.what for failed in heard.of(CleanupFailed)] == ["a"]
    assert len(heard.of(CleanupFailed)) == 1
    assert heard.of(SessionEnded)[0].leftovers == 0
    assert heard.of(SessionEnded)[0].resources == 0


# What ended a session.


async def test_f01_the_error_that_left_the_scope_is_heard(
    device: Device, watched: DeviceSessionManager, heard: Recorder
) -> None:
    with pytest.raises(ValueError, match="mine"):
        async with watched.open_session(device):
            raise ValueError("mine")
    with pytest.raises(ValueError, match="mine"):
        async with await watched.create_session(device):
            raise ValueError("mine")
    with trio.move_on_after(0):
        async with watched.open_session(device):
            await trio.sleep_forever()
    with trio.move_on_after(0.01):
        async with await watched.create_session(device):
            await trio.sleep_forever()
    errors = [ended.error for ended in heard.of(SessionEnded)]
    assert errors == ["ValueError", "ValueError", *["Cancelled"] * (len(errors) - 2)]


async def test_f01_the_failure_of_a_child_is_heard(
    device: Device, watched: DeviceSessionManager, heard: Recorder
) -> None:
    with pytest.raises(SessionFailedError):
        async with watched.open_session(device) as session:
            session.start_soon(fail)
            await trio.sleep_forever()
    assert [ended.error for ended in heard.of(SessionEnded)] == ["SessionFailedError"]


async def test_f01_an_end_in_time_is_heard(device: Device, heard: Recorder) -> None:
    options = SessionManagementOptions(default_session_timeout=0.05)
    async with open_session_manager(options, observers=[heard]) as manager:
        with pytest.raises(SessionTimeoutError):
            async with manager.open_session(device):
                await trio.sleep_forever()
        session = await manager.create_session(device)
        await session.wait_ended()
    assert [ended.error for ended in heard.of(SessionEnded)] == ["SessionTimeoutError"] * 2


async def test_f01_an_orderly_end_is_no_error(
    device: Device, watched: DeviceSessionManager, heard: Recorder
) -> None:
    await (await watched.create_session(device)).aclose()
    session = await watched.create_session(device)
    await watched.end_session(session.session_id)
    async with await watched.create_session(device):
        pass
    await watched.create_session(device)
    await watched.shutdown()
    assert [ended.error for ended in heard.of(SessionEnded)] == [None] * 4


# Observers that are no good, or not wanted.


@pytest.mark.parametrize(
    "kind",
    [SessionCreated, ResourceRegistered, CallStarted, CallEnded, CleanupFailed, SessionEnded],
)
async def test_f01_an_observer_that_fails_disturbs_no_session(
    device: Device, heard: Recorder, make_resource: MakeResource, kind: type[Event]
) -> None:
    class Bad:
        def observe(self, event: Event, /) -> None:
            if isinstance(event, kind):
                raise LookupError("bad")

    async with open_session_manager(observers=[Bad(), heard]) as manager:
        with pytest.raises(ResourceCleanupError) as caught:
            async with manager.open_session(device) as session:
                session.resources.register_resource(make_resource("a", fail))
                assert await session.evaluate("1 + 1") == 2
        assert len(caught.value.exceptions) == 1
    assert len(heard.events) == 6
    heard.check_order()


async def test_h01_without_metrics_nobody_hears_anything_and_nothing_is_measured(
    device: Device, heard: Recorder
) -> None:
    options = SessionManagementOptions(enable_session_metrics=False)
    async with (
        open_session_manager(options, observers=[heard]) as manager,
        manager.open_session(device) as session,
    ):
        await session.execute("x = 1")
    assert heard.events == []
    assert session.report is not None
    assert (session.report.memory_before, session.report.memory_after) == (None, None)


async def test_d10_without_tracking_nothing_is_told_of_what_a_session_holds(
    device: Device, heard: Recorder, make_resource: MakeResource
) -> None:
    options = SessionManagementOptions(enable_resource_tracking=False)
    async with open_session_manager(options, observers=[heard]) as manager:
        with pytest.raises(ResourceCleanupError):
            async with manager.open_session(device) as session:
                session.resources.register_resource(make_resource("a", do_nothing))
                session.resources.register_resource(make_resource("b", fail))
                await session.executor_context.deploy("f", "def f(): pass")
                await session.executor_context.start_thread("blink", "pass")
                session.resources.register_deployed_method("g", b"1")
    kinds = [type(event) for event in heard.events]
    assert kinds == [SessionCreated, CallStarted, CallEnded, CleanupFailed, SessionEnded]
    ended = heard.of(SessionEnded)[0]
    assert (ended.resources, ended.leftovers) == (0, 1)
