"""Sessions and devices as the machine holds them: alive in tasks, and what is known of them."""

import enum
from collections.abc import Awaitable, Callable
from contextlib import suppress

import attrs
import trio

from belay_actors.device import Device, open_device
from belay_actors.errors import (
    BelayError,
    DeviceClosedError,
    DeviceError,
    DeviceResetError,
    SessionClosedError,
)
from belay_actors.manager import DeviceSessionManager
from belay_actors.session import Session
from belay_actors.testing._isolation._boards import BoardControls
from belay_actors.testing._isolation._calls import SLEEP, Call, IsolationError, Names, check


class End(enum.Enum):
    """A way to end a session."""

    LEAVE = "its scope is left"
    RAISE = "its body raises"
    CANCEL = "its scope is cancelled"
    CLOSE = "it is closed in its body"
    END_SESSION = "its manager ends it"

    def __repr__(self) -> str:
        return f"End.{self.name}"


class BodyError(Exception):
    """What the body of a session raises."""


@attrs.define(eq=False)
class TrackedDevice:
    """A board with a device that is open on it most of the time.

    Attributes:
        name: as programs print it.
        controls: of the board.
        device: the one that was opened last.
        refusal: what calls raise because the board is unplugged; ``None`` while it is not.
        names: what ``__main__`` holds of those that the machine uses.
        sessions: those that are open.
        starts: how often the board has started under this device, the first time included.
    """

    name: str
    controls: BoardControls
    device: Device = attrs.field(init=False)
    refusal: type[BelayError] | None = None
    names: Names = attrs.field(factory=Names)
    sessions: list["TrackedSession"] = attrs.field(factory=list["TrackedSession"])
    starts: int = 1
    _leave: trio.Event = attrs.field(init=False, factory=trio.Event)
    _has_closed: trio.Event = attrs.field(init=False, factory=trio.Event)

    def __repr__(self) -> str:
        return self.name

    @property
    def is_in_use(self) -> bool:
        """Whether there is something to lose: a session that has made calls."""
        return self.refusal is None and any(session.calls for session in self.sessions)

    def can_be_reset(self) -> bool:
        """Whether a reset would be worth it now."""
        return self.is_in_use and self.controls.reset is not None

    def can_be_unplugged(self) -> bool:
        """Whether it would be worth it to unplug it now."""
        return self.is_in_use and self.controls.can_be_unplugged

    def can_be_plugged_in(self) -> bool:
        """Whether it is unplugged."""
        return self.refusal is not None

    def can_be_reopened(self) -> bool:
        """Whether it would be worth it to open it anew now."""
        return self.is_in_use

    async def live(self, *, task_status: trio.TaskStatus[None]) -> None:
        """Opens a device, and closes it when it is told to."""
        self._leave, self._has_closed = trio.Event(), trio.Event()
        self.starts = 1
        async with open_device(self.controls.place) as self.device:
            task_status.started()
            await self._leave.wait()
        self._has_closed.set()

    def leave(self) -> None:
        """Begins to close the device."""
        self._leave.set()

    async def close(self) -> None:
        """Closes the device."""
        self._leave.set()
        await self._has_closed.wait()

    async def perform(self, call: Call) -> None:
        """Makes a call in ``__main__``."""
        if self.refusal is None:
            await call.perform(self.device, self.names)
        else:
            await expect(self.refusal, call, lambda: self.device.execute(call.code))

    async def see_ends(self, error: type[BelayError]) -> None:
        """Sees all sessions end with an error, and ``__main__`` lose its names."""
        self.names.clear()
        for session in [*self.sessions]:
            await session.see_end(error)

    async def check_board(self) -> None:
        """Checks that the board holds the namespaces of its sessions, and nothing else."""
        if self.refusal is not None:
            return
        check(f"{self} has started", self.device.generation, self.starts)
        check(f"sessions of {self}", self.device.snapshot().session_count, len(self.sessions))
        expected = [session for session in self.sessions if session.calls]
        seen = self.controls.find_namespaces()
        if seen is None:
            count = len((await self.device.census()).namespaces)
            check(f"namespaces on {self}", count, len(expected))
        else:
            names = sorted(sorted(session.names) for session in expected)
            check(f"namespaces on {self}", sorted(map(sorted, seen.values())), names)


@attrs.define(eq=False)
class TrackedSession:
    """A session in a task of its own, and what is known of it.

    Attributes:
        name: as programs print it.
        on: where it is.
        session: the session.
        names: what its namespace holds.
        calls: how many it has made.
        refusal: what its calls raise since it has ended; ``None`` while it is open.
    """

    name: str
    on: TrackedDevice
    session: Session = attrs.field(init=False)
    names: Names = attrs.field(factory=Names)
    calls: int = 0
    refusal: type[BelayError] | None = None
    _scope: trio.CancelScope = attrs.field(init=False, factory=trio.CancelScope)
    _leave: trio.Event = attrs.field(init=False, factory=trio.Event)
    _ended: trio.Event = attrs.field(init=False, factory=trio.Event)
    _body_error: BodyError | None = attrs.field(init=False, default=None)
    _error: Exception | None = attrs.field(init=False, default=None)

    def __repr__(self) -> str:
        return self.name

    def is_open(self) -> bool:
        """Whether it has not ended."""
        return self.refusal is None

    def has_ended(self) -> bool:
        """Whether it has ended, whatever the way."""
        return self.refusal is not None

    async def live(
        self,
        manager: DeviceSessionManager,
        *,
        task_status: trio.TaskStatus[None],
    ) -> None:
        """Opens the session, and keeps its scope until it is told to leave or thrown out."""
        try:
            with self._scope:
                async with manager.open_session(self.on.device) as self.session:
                    self.on.sessions.append(self)
                    task_status.started()
                    await self._leave.wait()
                    if self._body_error is not None:
                        raise self._body_error
        except Exception as error:
            if self not in self.on.sessions:
                raise
            self._error = error
        self._ended.set()

    async def perform(self, call: Call) -> None:
        """Makes a call in the session."""
        if self.refusal is None:
            self.calls += await call.perform(self.session, self.names)
        else:
            await expect(self.refusal, call, lambda: self.session.execute(call.code))

    async def run_until(self, error: type[BelayError]) -> None:
        """Runs code without end, until there is an error."""
        self.calls += 1
        await expect(error, f"what ran in {self}", lambda: self.session.execute(SLEEP))

    async def end(self, way: End, manager: DeviceSessionManager) -> None:
        """Ends the session, and checks what comes of it."""
        if self.refusal is not None:
            return
        error: type[BelayError] | None = None
        match way:
            case End.CANCEL:
                self._scope.cancel()
            case End.RAISE:
                self._body_error = BodyError()
            case End.CLOSE:
                await self.session.aclose()
            case End.END_SESSION:
                await manager.end_session(self.session.session_id)
                error = SessionClosedError
            case End.LEAVE:
                pass
        self._leave.set()
        await self.see_end(SessionClosedError, error)
        check(f"{self}, cancelled", self._scope.cancelled_caught, way is End.CANCEL)

    async def see_end(
        self, refusal: type[BelayError], error: type[BelayError] | None = None
    ) -> None:
        """Waits for the end, and checks what is told of it.

        Args:
            refusal: what calls raise from now on.
            error: what comes out of the scope, if it is not an error of the device.
        """
        await self._ended.wait()
        self.on.sessions.remove(self)
        self.refusal = refusal
        if refusal is not SessionClosedError:
            error = refusal
        if self._body_error is not None:
            check(f"error of {self}", self._error, self._body_error)
        else:
            check(f"error of {self}", type(self._error), error or type(None))
        self._check_report()

    def _check_report(self) -> None:
        report = self.session.report
        if report is None:
            raise IsolationError(f"{self} has ended without a report")
        has_board = self.refusal in (SessionClosedError, DeviceClosedError)
        is_clean = has_board or self.refusal is DeviceResetError or not self.calls
        check(f"{self}, given back", report.is_clean, is_clean)
        check(f"calls of {self}", report.calls, self.calls)
        check(f"names of {self}", report.names_dropped, len(self.names) if has_board else 0)
        check(f"{self} takes calls", self.session.is_active, False)


async def expect(
    refusal: type[BelayError], what: object, operation: Callable[[], Awaitable[object]]
) -> None:
    """Checks that an operation raises an error, of exactly this type."""
    try:
        seen = await operation()
    except BelayError as error:
        check(what, type(error), refusal)
    else:
        check(what, seen, refusal)


async def settle(device: Device) -> None:
    """Lets a device find out what has become of its board."""
    with suppress(DeviceError):
        await device.execute("pass")
