"""Threads with handles, wherever their program is cancelled, and whatever comes together.

On real boards, a program is cancelled at every step of it. On paper ones, starts, ends, losses and
cancellations come in any order. In both: nothing runs on that somebody was told has stopped, and a
one-shot begins at most once.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import attrs
import pytest
import trio
from hypothesis import given, settings, strategies as st
from trio.testing import MockClock, wait_all_tasks_blocked

from belay_actors import (
    BelayError,
    Device,
    DeviceSessionManager,
    ProtocolError,
    RemoteError,
    RestartPolicy,
    Session,
    ThreadHandle,
    ThreadHandleStatus,
    open_device,
    open_session_manager,
)
from belay_actors.executors import ThreadExecutor
from belay_actors.testing import cancel_everywhere
from blinking import COUNTS, has_stopped
from paper_session import ENDED, FAILED, PaperSession

SOON = RestartPolicy(first_delay=0.001, longest_delay=0.002)
FINAL = [status for status in ThreadHandleStatus if status.is_final]
PROGRAM = """
def begin(name):
    runs[name] = runs.get(name, 0) + 1
def blink(name):
    begin(name)
    while not should_stop():
        counts["blinks"] += 1
        sleep_ms(1)
def once(name):
    begin(name)
def fail(name):
    begin(name)
    raise ValueError(name)
"""


@attrs.frozen
class Bench:
    device: Device
    manager: DeviceSessionManager
    sessions: list[Session] = attrs.field(factory=list[Session])

    @asynccontextmanager
    async def open_session(self) -> AsyncGenerator[Session, None]:
        async with self.manager.open_session(self.device) as session:
            self.sessions.append(session)
            await session.execute(PROGRAM)
            session.board_threads.executor = ThreadExecutor(
                session.board_threads, restart_policy=SOON, poll=0.05
            )
            yield session


@asynccontextmanager
async def setting() -> AsyncGenerator[Bench, None]:
    async with open_device("micropython:") as device:
        await device.execute(COUNTS + "\nbuiltins.runs = {}")
        async with open_session_manager() as manager:
            bench = Bench(device, manager)
            yield bench
            for session in bench.sessions:
                assert session.report is not None
                assert session.report.is_clean
        assert await has_stopped(device)
        runs = await device.evaluate("runs", dict[str, int])
        assert all(count == 1 for name, count in runs.items() if "again" not in name), runs
        before = runs
        await device.execute("import time\ntime.sleep_ms(20)")
        assert await device.evaluate("runs", dict[str, int]) == before
        assert (await device.census()).namespaces == ()
        assert len(device._thread_book) == 0
        assert device.generation == 1


async def started_and_stopped(bench: Bench) -> None:
    async with bench.open_session() as session:
        handle = await session.executors.threads.start("blink", "blink('a')")
        await handle.stop()
        assert handle.state.status is ThreadHandleStatus.STOPPED


async def one_shots_are_waited_for(bench: Bench) -> None:
    async with bench.open_session() as session:
        handle = await session.executors.threads.start("once", "once('a')")
        await handle.wait()
        handle = await session.executors.threads.start("fail", "fail('b')", max_runtime=60.0)
        with suppress(RemoteError):
            await handle.wait()
        assert handle.state.status is ThreadHandleStatus.FAILED


async def restarted_until_the_session_ends(bench: Bench) -> None:
    async with bench.open_session() as session:
        handle = await session.executors.threads.start("fail", "fail('again')", auto_restart=True)
        await trio.sleep(0.02)
        assert handle.state.status in (ThreadHandleStatus.RUNNING, ThreadHandleStatus.RESTARTING)
        await session.executors.threads.start("blink", "blink('left')", auto_restart=True)


async def restarted_until_stopped(bench: Bench) -> None:
    async with bench.open_session() as session:
        handle = await session.executors.threads.start("fail", "fail('again')", auto_restart=True)
        await trio.sleep(0.004)
        await handle.stop()
        assert handle.state.status in FINAL


async def stopped_by_its_limit(bench: Bench) -> None:
    async with bench.open_session() as session:
        handle = await session.executors.threads.start("blink", "blink('a')", max_runtime=0.005)
        await handle.wait()
        assert handle.state.is_timed_out


SCENARIOS = [
    started_and_stopped,
    one_shots_are_waited_for,
    restarted_until_the_session_ends,
    restarted_until_stopped,
    stopped_by_its_limit,
]


@pytest.mark.parametrize("scenario", SCENARIOS)
@pytest.mark.parametrize("seed", [1, 2])
def test_d03_wherever_it_is_cancelled_no_thread_is_left_and_one_shots_run_once(
    scenario: Callable[[Bench], Awaitable[None]], seed: int
) -> None:
    sweep = cancel_everywhere(scenario, setting=setting, seed=seed, every=3, limit=20, clock=None)
    assert sweep.points > 3
    assert sweep.cancelled > 0


# On paper.

STEPS = st.one_of(
    st.tuples(st.just("start"), st.sampled_from(["once", "again", "limited"]), st.booleans()),
    st.tuples(st.just("end"), st.integers(0, 9), st.booleans()),
    st.tuples(st.just("stop"), st.integers(0, 9), st.booleans()),
    st.tuples(st.just("wait"), st.integers(0, 9), st.booleans()),
    st.tuples(st.just("refuse"), st.sampled_from(["known", "unknown", "begun"]), st.none()),
    st.tuples(st.just("lose"), st.booleans(), st.none()),
    st.tuples(st.just("pass"), st.sampled_from([0.0, 1.0, 5.0, 400.0]), st.none()),
    st.tuples(st.just("cancel"), st.none(), st.none()),
    st.tuples(st.just("slow"), st.sampled_from([0.0, 2.0]), st.none()),
)


@attrs.define(eq=False)
class World:
    """A paper session, its handles, and what was promised of them."""

    nursery: trio.Nursery
    session: PaperSession
    handles: list[ThreadHandle] = attrs.field(factory=list[ThreadHandle])
    scopes: list[trio.CancelScope] = attrs.field(factory=list[trio.CancelScope])
    stopped: set[str] = attrs.field(factory=set[str])

    async def do(self, task: Callable[[], Awaitable[object]]) -> None:
        """Runs something beside, that may be cancelled, and may be refused."""

        scope = trio.CancelScope()
        self.scopes.append(scope)

        async def run() -> None:
            with scope, suppress(BelayError):
                await task()

        self.nursery.start_soon(run)
        await wait_all_tasks_blocked()

    async def start(self, kind: str) -> None:
        handle = await ThreadExecutor(self.session).start(
            kind,
            "code",
            auto_restart=kind == "again",
            max_runtime=30.0 if kind == "limited" else None,
        )
        self.handles.append(handle)

    async def stop(self, handle: ThreadHandle) -> None:
        await handle.stop()
        self.stopped.add(handle.thread_id)
        self.check_stopped()

    def check_stopped(self) -> None:
        running = self.stopped & {*self.session.board.running}
        assert not running, f"told to have stopped, and runs: {running}"

    async def step(self, step: tuple[object, ...]) -> None:
        board = self.session.board
        match step:
            case ("start", str(kind), _):
                await self.do(lambda: self.start(kind))
            case ("end", int(number), bool(fails)) if board.running:
                running = board.running
                board.end(running[number % len(running)], FAILED if fails else ENDED)
            case ("stop" | "wait" as what, int(number), _) if self.handles:
                handle = self.handles[number % len(self.handles)]
                await self.do((lambda: self.stop(handle)) if what == "stop" else handle.wait)
            case ("refuse", str(how), None):
                error: Exception = RemoteError("OSError", "11", "")
                error = error if how == "known" else ProtocolError("no reply")
                board.refusals.append((error, how == "begun"))
            case ("lose", bool(loses), None):
                board.loses_news = loses
            case ("pass", float(seconds), None):
                await trio.sleep(seconds)
            case ("cancel", None, None) if self.scopes:
                self.scopes.pop().cancel()
            case ("slow", float(seconds), None):
                board.reply_time = seconds
            case _:
                pass
        await wait_all_tasks_blocked()
        self.check_stopped()

    async def end(self) -> None:
        """As a session ends: children first, then what it holds, then the rest is lost."""
        self.session.is_active = False
        self.session.cancel_children()
        await wait_all_tasks_blocked()
        self.session.board.refusals.clear()
        for runner in [*reversed(self.session.held.values())]:
            with trio.move_on_after(100) as scope:
                await runner.give_back()
            assert not scope.cancelled_caught
        assert not self.session.board.running
        runs = self.session.board.runs
        self.session.end()
        for scope in self.scopes:
            scope.cancel()
        await trio.sleep(5000)
        assert self.session.board.runs == runs
        assert not self.session.board.running
        assert not self.session.held
        assert self.session.children == 0
        for handle in self.handles:
            assert handle.state.status.is_final, handle
        starts = self.session.board.starts
        assert all(count == 1 for name, count in starts.items() if "again" not in name), starts
        ends = [name for name in self.session.told if name != "ThreadRestarting"]
        assert len(ends) == len(self.session.started)


@settings(max_examples=300, deadline=None)
@given(st.lists(STEPS, max_size=20))
def test_d03_whatever_comes_together_a_thread_that_was_stopped_does_not_run(
    steps: list[tuple[object, ...]],
) -> None:
    async def main() -> None:
        async with trio.open_nursery() as nursery:
            world = World(nursery, PaperSession(nursery))
            for step in steps:
                await world.step(step)
            await world.end()
            nursery.cancel_scope.cancel()

    trio.run(main, clock=MockClock(autojump_threshold=0))
