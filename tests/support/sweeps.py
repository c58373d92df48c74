"""Runs a scenario over and over on a rig; each time something happens to it one step later.

After each run both promises of DESIGN must hold: every call's code has ended with its call, every
session has given back what it held or said what is left, the boards work, and nothing of all this
is left on the host.
"""

import contextlib
import itertools
import os
import signal
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path

import attrs
from trio.testing import MockClock, wait_all_tasks_blocked

from belay_actors import (
    Device,
    DeviceClosedError,
    DeviceLostError,
    DeviceResetError,
    DeviceState,
    SessionFailedError,
    SessionManagementOptions,
    open_device,
    open_session_manager,
)
from belay_actors.testing import (
    FakeBoard,
    LeakCheck,
    Sweep,
    break_everywhere,
    cancel_everywhere,
    open_fake_board,
)
from belay_actors.transport import LocalLink
from rig import FakeTruth, RealTruth, Rig

Scenario = Callable[[Rig], Awaitable[object]]
Setting = Callable[[], AbstractAsyncContextManager[Rig]]
Prepare = Callable[[Device], Awaitable[None]]
MakeModules = Callable[[], Mapping[str, object]]
_OPTIONS = SessionManagementOptions(max_concurrent_sessions=20)


@attrs.frozen
class Act:
    """What happens to a scenario at a point of it.

    Attributes:
        kind: in which column of the table its points are counted.
        what: happens; ``None`` for the cancellation of it all.
        errors: that the scenario may raise then.
        may_leave: whether a session may then be unable to give back everything.
    """

    kind: str
    what: Callable[[Rig], object] | None = None
    errors: tuple[type[BaseException], ...] = ()
    may_leave: bool = False

    def do(self, rig: Rig) -> None:
        """Has it happen."""
        assert self.what is not None
        rig.may_leave = self.may_leave
        self.what(rig)


def kind_of(act: Act) -> str:
    """Names a test after what happens in it."""
    return act.kind


CANCEL = Act("cancel")
CANCEL_ONE = Act("cancel one", lambda rig: rig.one.cancel())


def unplug(number: int) -> Act:
    """One of the fake boards is pulled off its cable."""
    return Act(
        "unplug",
        lambda rig: rig.boards[number].unplug(),
        (DeviceLostError, SessionFailedError),
        may_leave=True,
    )


def reset(number: int) -> Act:
    """One of the fake boards starts anew; nothing can be left on it."""
    return Act(
        "reset",
        lambda rig: rig.boards[number].reset(),
        (DeviceResetError, SessionFailedError),
    )


def kill_actor(number: int) -> Act:
    """The actor of a device ends without recovery, as by an error of its own."""

    def kill(rig: Rig) -> None:
        rig.is_killed = True
        actor = rig.devices[number]._actor
        actor.kill(rig.devices[number]._make_closed)

    return Act("kill", kill, (DeviceClosedError, SessionFailedError), may_leave=True)


def kill_process(number: int) -> Act:
    """A local interpreter is killed."""

    def kill(rig: Rig) -> None:
        link = rig.devices[number]._board.attachment.connection.link
        assert isinstance(link, LocalLink)
        os.kill(link.pid, signal.SIGKILL)

    return Act("unplug", kill, (DeviceLostError, SessionFailedError), may_leave=True)


# Settings.


def fake_setting(
    count: int = 1, *, latency: float = 0.0, make_modules: MakeModules = dict
) -> Setting:
    """Makes rigs of so many fake boards; they have the modules that are made for each rig, too."""

    @asynccontextmanager
    async def setting() -> AsyncGenerator[Rig, None]:
        truths = [FakeTruth() for _ in range(count)]
        async with AsyncExitStack() as boards:
            for number, truth in enumerate(truths):
                board = open_fake_board(
                    name=f"fake{number}",
                    modules={**truth.modules, **make_modules()},
                    latency=latency,
                )
                truth.board = await boards.enter_async_context(board)
            fakes = tuple(truth.board for truth in truths)
            async with AsyncExitStack() as devices:
                opened = [await devices.enter_async_context(open_device(fake)) for fake in fakes]
                async with LeakCheck(*opened), open_session_manager(_OPTIONS) as manager:
                    rig = Rig(tuple(opened), tuple(truths), fakes, manager)
                    yield rig
                    await check_rig(rig)
            await wait_all_tasks_blocked()
            for fake in fakes:
                if rig.is_killed:  # what it has left is swept by the next
                    async with open_device(fake) as device:
                        assert (await device.census()).namespaces == ()
                    await wait_all_tasks_blocked()
                check_board_is_free(rig, fake)
            rig.check(is_closed=True)

    return setting


def real_setting(place: Path, count: int = 1, prepare: Prepare | None = None) -> Setting:
    """Makes rigs of so many local interpreters; ``place`` must be their ``MICROPYPATH``.

    Each device is prepared before it is looked what is on it.
    """
    numbers = itertools.count(1)

    @asynccontextmanager
    async def setting() -> AsyncGenerator[Rig, None]:
        truths = [RealTruth(place) for _ in range(count)]
        async with AsyncExitStack() as devices:
            opened = [
                await devices.enter_async_context(open_device("micropython:")) for _ in range(count)
            ]
            for device in opened:
                if prepare is not None:
                    await prepare(device)
            async with LeakCheck(*opened), open_session_manager(_OPTIONS) as manager:
                rig = Rig(tuple(opened), tuple(truths), (), manager, numbers)
                yield rig
                await check_rig(rig)
        rig.check()

    return setting


async def check_rig(rig: Rig) -> None:
    """Whatever happened: sessions have ended, and what can still be used can be used."""
    rig.check()
    assert rig.manager.get_session_stats().active_session_count == 0
    for device in rig.devices:
        # Nobody may have used the board since it was reset or unplugged, and so noticed.
        expected = DeviceLostError if rig.may_leave else DeviceResetError
        if is_usable(device):
            with contextlib.suppress(expected):
                assert await device.evaluate("6 * 7") == 42
        if is_usable(device):
            await _check_device(rig, device)


def is_usable(device: Device) -> bool:
    """Whether it takes calls, as far as it knows."""
    return device.state is DeviceState.OPEN and not device._actor.is_closed


async def _check_device(rig: Rig, device: Device) -> None:
    assert (await device.census()).namespaces == ()
    async with rig.manager.open_session(device) as session:
        await rig.call(session)


def check_board_is_free(rig: Rig, board: FakeBoard) -> None:
    """After its device was closed, a board is as it was, for any other tool."""
    assert not board.is_connected
    assert not board.is_running
    assert board._find_spaces() == {}, "our core is left"
    if board._is_plugged_in:
        assert board.is_at_friendly_prompt


# The table.


@attrs.frozen
class Row:
    """What was covered of one scenario in one sweep."""

    scenario: str
    kind: str
    points: int
    seconds: float


@attrs.define
class Sweeper:
    """Runs sweeps and keeps count of them."""

    rows: list[Row]

    def __call__(
        self,
        scenario: Scenario,
        act: Act,
        setting: Setting,
        *,
        seed: int = 0,
        every: int = 1,
        only: int | None = None,
        is_real: bool = False,
    ) -> Sweep:
        """Sweeps a scenario, by ``cancel_everywhere`` or ``break_everywhere``."""
        started = time.perf_counter()
        clock = None if is_real else _make_clock
        limit = 30.0 if is_real else 3600.0
        if act.what is None:
            sweep = cancel_everywhere(
                scenario,
                setting=setting,
                seed=seed,
                every=every,
                only=only,
                clock=clock,
                limit=limit,
            )
        else:
            sweep = break_everywhere(
                scenario,
                setting=setting,
                cut=act.do,
                errors=act.errors,
                seed=seed,
                every=every,
                only=only,
                clock=clock,
                limit=limit,
            )
        seconds = time.perf_counter() - started
        name = scenario.__name__ + (" (real)" if is_real else "")
        self.rows.append(Row(name, act.kind, sweep.points, seconds))
        return sweep


def _make_clock() -> MockClock:
    return MockClock(autojump_threshold=0)
