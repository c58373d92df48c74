"""All devices and sessions of one program, and what it does to them. Runs in trio."""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from functools import partial

import trio
import trio.testing

from belay_actors.errors import (
    BelayError,
    DeviceClosedError,
    DeviceLostError,
    DeviceResetError,
)
from belay_actors.manager import DeviceSessionManager, open_session_manager
from belay_actors.options import SessionManagementOptions
from belay_actors.testing._isolation._boards import BoardControls, act, to_controls
from belay_actors.testing._isolation._calls import NAMES, Call, check
from belay_actors.testing._isolation._sessions import (
    End,
    TrackedDevice,
    TrackedSession,
    expect,
    settle,
)
from belay_actors.testing._leaks import LeakCheck
from belay_actors.transport import Transport

OpenBoards = Callable[[], AbstractAsyncContextManager[Sequence[BoardControls | str | Transport]]]

_OPTIONS = SessionManagementOptions(max_concurrent_sessions=10_000)
_FORGET = f"for name in {NAMES!r}: globals().pop(name, None)\ndel name"


class Rig:
    """What one program works with.

    Args:
        open_boards: opens the boards.
        checks_host: whether to check that nothing is left on the host, either.

    Attributes:
        devices: one for each board.
        sessions: all that were opened.
    """

    def __init__(self, open_boards: OpenBoards, *, checks_host: bool) -> None:
        self.devices: list[TrackedDevice] = []
        self._open_boards = open_boards
        self._leak_check = LeakCheck() if checks_host else nullcontext()
        self.sessions: list[TrackedSession] = []
        self._manager: DeviceSessionManager
        self._nursery: trio.Nursery
        self._leave = trio.Event()

    # Its life.

    async def live(self, *, task_status: trio.TaskStatus[None]) -> None:
        """Opens everything, and closes it when ``close`` says so."""
        async with (
            self._leak_check,
            self._open_boards() as boards,
            open_session_manager(_OPTIONS) as self._manager,
            trio.open_nursery() as self._nursery,
        ):
            for index, board in enumerate(boards):
                device = TrackedDevice(f"devices_{index}", to_controls(board))
                await self._nursery.start(device.live)
                self.devices.append(device)
            task_status.started()
            await self._leave.wait()

    async def close(self) -> None:
        """Ends all sessions, and closes all devices: nothing must be left then."""
        for device in self.devices:
            for session in [*reversed(device.sessions)]:
                await session.end(End.LEAVE, self._manager)
        await self.check_boards()
        for device in self.devices:
            await device.close()
        await trio.testing.wait_all_tasks_blocked()
        for device in self.devices:
            if device.refusal is None:
                device.controls.check_is_free()
        self._leave.set()

    async def check_boards(self) -> None:
        """Checks that all boards hold exactly what they must."""
        for device in self.devices:
            await device.check_board()
        open_sessions = sum(len(device.sessions) for device in self.devices)
        seen = self._manager.get_session_stats().active_session_count
        check("sessions of the manager", seen, open_sessions)

    # Sessions.

    async def open_session(self, device: TrackedDevice) -> TrackedSession | None:
        """Opens a session, if there is a board for it."""
        session = TrackedSession(f"sessions_{len(self.sessions)}", device)
        start: Callable[[], Awaitable[object]] = partial(
            self._nursery.start, session.live, self._manager
        )
        if device.refusal is not None:
            await expect(device.refusal, f"a session on {device}", start)
            return None
        await start()
        self.sessions.append(session)
        return session

    async def perform(self, session: TrackedSession, *steps: Call | End) -> None:
        """Does things in a session, one after the other."""
        for step in steps:
            if isinstance(step, End):
                await session.end(step, self._manager)
            else:
                await session.perform(step)

    async def perform_at_once(self, work: list[tuple[TrackedSession, Call | End]]) -> None:
        """Does those of one session in turn, and those of several at once."""
        steps: dict[TrackedSession, list[Call | End]] = {}
        for session, step in work:
            steps.setdefault(session, []).append(step)
        failures: list[Exception] = []

        async def perform(session: TrackedSession) -> None:
            try:
                await self.perform(session, *steps[session])
            except Exception as error:
                failures.append(error)

        async with trio.open_nursery() as nursery:
            for session in steps:
                nursery.start_soon(perform, session)
        if failures:
            raise failures[0]

    # The world.

    async def reset(self, device: TrackedDevice, is_busy: bool) -> None:
        """Resets a board."""
        device.starts += 1
        reset = partial(act, device.controls.reset)
        await self._disturb(device, is_busy, reset, DeviceResetError)

    async def unplug(self, device: TrackedDevice, is_busy: bool) -> None:
        """Unplugs a board."""
        unplug = partial(act, device.controls.unplug)
        device.refusal = DeviceLostError
        await self._disturb(device, is_busy, unplug, DeviceLostError)

    async def plug_in(self, device: TrackedDevice) -> None:
        """Plugs a board in again."""
        await device.close()
        await act(device.controls.plug_in)
        await self._nursery.start(device.live)
        device.refusal = None

    async def reopen(self, device: TrackedDevice) -> None:
        """Closes a device and opens it anew, on the same board."""
        device.leave()
        await device.see_ends(DeviceClosedError)
        await device.close()
        await self._nursery.start(device.live)
        await device.device.execute(_FORGET)  # whether the board has kept them is its own business

    async def _disturb(
        self,
        device: TrackedDevice,
        is_busy: bool,
        disturbance: Callable[[], Awaitable[None]],
        error: type[BelayError],
    ) -> None:
        """Lets something happen to a board, perhaps while a session's code runs."""
        async with trio.open_nursery() as nursery:
            if is_busy and device.sessions:
                nursery.start_soon(device.sessions[-1].run_until, error)
                await trio.testing.wait_all_tasks_blocked()
            await disturbance()
        await settle(device.device)
        await device.see_ends(error)
