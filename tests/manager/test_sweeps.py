"""Managers are cancelled, and their boards reset and unplugged, at every point of what they do.

Every run has a fresh board, on which nothing was detected yet. Afterwards no session is left that
nobody has, the counts are right, and the board is ready.
"""

import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from types import SimpleNamespace

import attrs
import pytest
import trio

from belay_actors import (
    Device,
    DeviceLostError,
    DeviceResetError,
    DeviceSessionManager,
    DeviceSessionState,
    DeviceState,
    OutcomeUnknownError,
    ResourceCleanupError,
    RetryPolicy,
    Session,
    SessionClosedError,
    SessionCreationOptions,
    SessionNotFoundError,
    open_device,
    open_session_manager,
)
from belay_actors.testing import FakeBoard, break_everywhere, cancel_everywhere, open_fake_board

FALLBACK = SessionCreationOptions.with_fallback_capabilities()
ERRORS = (
    DeviceLostError,
    DeviceResetError,
    OutcomeUnknownError,
    ResourceCleanupError,
)


@attrs.define(eq=False)
class Scene:
    """A manager, and a board that it does not know yet.

    Attributes:
        switch: whether detection fails, by what a module of the board does.
        sessions: all that were had.
    """

    board: FakeBoard
    device: Device
    manager: DeviceSessionManager
    switch: SimpleNamespace
    sessions: list[Session] = attrs.field(factory=list[Session])

    async def work(self, session: Session) -> None:
        """Makes a call with a session."""
        self.sessions.append(session)
        await session.execute("x = 20")
        assert await session.evaluate("x + 1") == 21


Scenario = Callable[[Scene], Awaitable[object]]


@asynccontextmanager
async def open_scene() -> AsyncGenerator[Scene, None]:
    """Checks at the end what must hold whatever has happened."""
    switch = SimpleNamespace(is_off=False)
    modules = {"switch": switch, "machine": "import switch\nif switch.is_off: raise SystemExit"}
    async with open_fake_board(modules=modules) as board, open_device(board) as device:
        async with open_session_manager() as manager:
            scene = Scene(board, device, manager, switch)
            yield scene
            check(scene)
            await check_board(device)
        check(scene)
        assert manager.state is DeviceSessionState.DISPOSED


def check(scene: Scene) -> None:
    """Nothing is left, and the counts say so."""
    stats = scene.manager.get_session_stats()
    assert stats.active_session_count == 0
    assert stats.peak_session_count <= stats.total_session_count
    assert scene.manager._registry._reserved == 0
    assert stats.total_session_count >= len(set(scene.sessions))
    assert scene.device.snapshot().session_count == 0
    assert scene.manager.current_session_id is None
    for session in scene.sessions:
        assert not session.is_active
        assert session.report is not None


async def check_board(device: Device) -> None:
    """If it is still there, it works, and has nothing of us."""
    calls = device.snapshot().calls
    assert (calls.is_busy, calls.waiting) == (False, 0)
    with contextlib.suppress(DeviceResetError, DeviceLostError):  # if nobody has noticed yet
        await device.evaluate("1")
    if device.state is DeviceState.OPEN:
        assert await device.evaluate("6 * 7") == 42
        assert (await device.census()).namespaces == ()


# Scenarios.


async def create_and_end(scene: Scene) -> None:
    async with await scene.manager.create_session(scene.device) as session:
        await scene.work(session)


async def create_and_have_ended(scene: Scene) -> None:
    session = await scene.manager.create_session(scene.device)
    try:
        await scene.work(session)
    finally:
        with contextlib.suppress(SessionNotFoundError):  # its board was quicker
            await scene.manager.end_session(session.session_id)  # noqa: ASYNC102  # shields itself


async def open_scoped(scene: Scene) -> None:
    async with scene.manager.open_session(scene.device) as session:
        await scene.work(session)


async def share(scene: Scene) -> None:
    """Tasks that ask at once for the shared session get the same; the last one ends it."""
    using: list[Session] = []

    async def use() -> None:
        session = await scene.manager.get_or_create_session(scene.device)
        using.append(session)
        try:
            await scene.work(session)
        finally:
            using.remove(session)
            if not using:
                await session.aclose()

    async with trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(use)


async def create_many_at_once(scene: Scene) -> None:
    async with trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(create_and_end, scene)
            nursery.start_soon(open_scoped, scene)


async def fall_back(scene: Scene) -> None:
    """Detection fails; a basic session will do."""
    scene.switch.is_off = True
    async with scene.manager.open_session(scene.device, FALLBACK) as session:
        assert not session.capabilities.is_detected
        await scene.work(session)


async def shut_down(scene: Scene) -> None:
    await end_while_busy(scene, scene.manager.shutdown)


async def dispose(scene: Scene) -> None:
    await end_while_busy(scene, scene.manager.dispose)


async def end_while_busy(scene: Scene, end: Callable[[], Awaitable[None]]) -> None:
    """Ends a manager whose sessions are in calls: a created one, with a child, and a scoped one."""

    async def call(session: Session) -> None:
        with contextlib.suppress(SessionClosedError):
            await session.execute("import time\nwhile True: time.sleep_ms(50)")

    async def work() -> None:
        with contextlib.suppress(SessionClosedError):
            async with scene.manager.open_session(scene.device) as session:
                await scene.work(session)
                await call(session)

    async with (
        trio.open_nursery() as nursery,
        await scene.manager.create_session(scene.device) as session,
    ):
        await scene.work(session)
        session.start_soon(call, session)
        nursery.start_soon(work)
        await trio.sleep(1)
        await end()


async def retry(scene: Scene) -> None:
    """The board starts anew in the first attempts, between two calls."""
    attempts: list[Session] = []

    async def work(session: Session) -> str:
        attempts.append(session)
        await scene.work(session)
        if len(attempts) < 3:
            scene.board.reset()
            await trio.sleep_forever()
        return "done"

    policy = RetryPolicy(max_attempts=5, backoff=3)
    result = await scene.manager.execute_in_session(
        scene.device, work, retry=policy, idempotent=True
    )
    assert result == "done"
    assert len(set(attempts)) == len(attempts)


SCENARIOS: list[Scenario] = [
    create_and_end,
    create_and_have_ended,
    open_scoped,
    share,
    create_many_at_once,
    fall_back,
    shut_down,
    dispose,
    retry,
]


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_e01_e03_b10_cancelled_at_any_point_nothing_is_left(scenario: Scenario) -> None:
    sweep = cancel_everywhere(scenario, setting=open_scene)
    assert sweep.points > 12
    assert sweep.cancelled > 10


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_e01_e03_b10_after_a_reset_at_any_point_nothing_is_left(scenario: Scenario) -> None:
    sweep = break_everywhere(
        scenario, setting=open_scene, cut=lambda scene: scene.board.reset(), errors=ERRORS
    )
    assert sweep.points > 12


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_e01_e03_b10_unplugged_at_any_point_nothing_is_left(scenario: Scenario) -> None:
    sweep = break_everywhere(
        scenario, setting=open_scene, cut=lambda scene: scene.board.unplug(), errors=ERRORS
    )
    assert sweep.points > 12
