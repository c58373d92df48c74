"""Sessions on boards whose truth is known without asking them.

A scenario makes its calls and opens its sessions through a ``Rig``. Whenever a call's await ends,
in whatever way, the rig looks whether its code still runs; whenever a session's scope is left, what
is left of it. It looks at the boards themselves, not at what the library says of them: a fake board
tells by a module of its own what runs on it, a real one by files that its programs write.

What is wrong is kept in ``wrongs`` rather than raised: an error raised inside of a session may be
dressed in another one, or lose against a cancellation.
"""

import abc
import contextlib
import itertools
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

import attrs
import trio

from belay_actors import (
    Device,
    DeviceSessionManager,
    ResourceCleanupError,
    Session,
    SessionClosedError,
    SessionNotFoundError,
    SessionResource,
)
from belay_actors.testing import FakeBoard

LONG = 500  # milliseconds: a call that is not meant to come to its end
_TOLD = "And when the session ended"

_FAKE_TRUTH = """
import ledger, time
def work(number, ms):
    with ledger.running(number):
        time.sleep_ms(ms)
    return number
"""

_REAL_TRUTH = """
import time
def work(number, ms):
    end = time.ticks_add(time.ticks_ms(), ms)
    while time.ticks_diff(end, time.ticks_ms()) > 0:
        with open({place!r} % number, "a") as file:
            file.write(".")
        time.sleep_ms(1)
    return number
"""


class Truth(abc.ABC):
    """What is really going on on a board."""

    @abc.abstractmethod
    def still_runs(self, number: int) -> bool:
        """Whether a call's code runs now. Asked at its end, and for all at the end of all."""

    @abc.abstractmethod
    def still_holds(self, key: int) -> bool:
        """Whether a session's namespace is there."""


class FakeTruth(Truth):
    """A look into a fake board; also the module ``ledger`` there."""

    def __init__(self) -> None:
        self.board: FakeBoard
        self.modules: dict[str, object] = {"truth": _FAKE_TRUTH, "ledger": self}
        self._running: set[int] = set()

    def running(self, number: int) -> "_Entry":
        """What a program on the board is in while it runs. Called there."""
        return _Entry(number, self._running)

    def still_runs(self, number: int) -> bool:
        return number in self._running

    def still_holds(self, key: int) -> bool:
        return key in self.board.namespaces


@attrs.frozen
class _Entry:
    """On the host's side of the fake board: nothing can interrupt it."""

    number: int
    entries: set[int]

    def __enter__(self) -> Self:
        self.entries.add(self.number)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.entries.discard(self.number)


class RealTruth(Truth):
    """Files that programs of a local interpreter write while they run.

    Args:
        place: a directory; as ``MICROPYPATH`` it has the module ``truth``.
    """

    def __init__(self, place: Path) -> None:
        self._place = place
        self._sizes: dict[int, int] = {}
        (place / "truth.py").write_text(_REAL_TRUTH.format(place=str(place / "%d")), "utf-8")

    def still_runs(self, number: int) -> bool:
        """Whether it has written since this was asked first."""
        file = self._place / str(number)
        size = file.stat().st_size if file.exists() else 0
        return size != self._sizes.setdefault(number, size)

    def still_holds(self, key: int) -> bool:
        return False  # the setting takes a census


@attrs.frozen(eq=False)
class Recorder:
    """A resource that calls its session to be given back, and records that it was."""

    resource_id: str
    session: Session
    call: Callable[[Session, int], Awaitable[None]]
    tried: list[str]
    done: list[str]
    resource_type: str = "Recorder"
    estimated_cost: int = 0
    created_at: datetime = attrs.field(factory=lambda: datetime.now(UTC))

    async def cleanup(self) -> None:
        self.tried.append(self.resource_id)
        await self.call(self.session, 5)
        self.done.append(self.resource_id)


@attrs.define(eq=False)
class Inventory:
    """What a session was given, and what became of it."""

    session: Session
    names: tuple[str, ...] = ("a", "b", "c")
    tried: list[str] = attrs.field(factory=list[str])
    done: list[str] = attrs.field(factory=list[str])
    children: int = 0


@attrs.define(eq=False)
class Rig:
    """Devices with the truth about them, and all that a scenario does there.

    Attributes:
        devices: to be used.
        truths: of their boards.
        boards: the fake ones; none where they are real.
        manager: that outlives the scenario.
        one: a scope for a part of the scenario that is to be cancelled alone.
        may_leave: whether a session may be unable to give back everything.
        is_killed: whether a device's actor has ended without recovery; then code may run on until
            the device is closed.
        told: sessions of which somebody was told that they have left something.
        wrongs: what broke a promise.
    """

    devices: tuple[Device, ...]
    truths: tuple[Truth, ...]
    boards: tuple[FakeBoard, ...]
    manager: DeviceSessionManager
    numbers: Iterator[int] = attrs.field(factory=lambda: itertools.count(1))
    one: trio.CancelScope = attrs.field(factory=trio.CancelScope)
    may_leave: bool = False
    is_killed: bool = False
    told: set[Session] = attrs.field(factory=set[Session])
    wrongs: list[str] = attrs.field(factory=list[str])
    _scoped: list[Inventory] = attrs.field(factory=list[Inventory])
    _adopted: list[Inventory] = attrs.field(factory=list[Inventory])
    _calls: list[tuple[int, Truth]] = attrs.field(factory=list[tuple[int, Truth]])

    @property
    def device(self) -> Device:
        """The first one."""
        return self.devices[0]

    async def call(self, session: Session, milliseconds: int = 20) -> None:
        """Makes a call that knows its own value."""
        number = next(self.numbers)
        truth = self.truths[self.devices.index(session.device)]
        try:
            value = await session.evaluate(
                f"__import__('truth').work({number}, {milliseconds})", int
            )
            self.expect(value == number, f"call {number} got the value of {value}")
        finally:
            if not self.is_killed:
                self.expect(not truth.still_runs(number), f"call {number} runs on after its end")
            self._calls.append((number, truth))

    async def call_until_refused(self, session: Session) -> None:
        """Makes a long call, which the session's end is to interrupt."""
        with contextlib.suppress(SessionClosedError):
            await self.call(session, LONG)
            self.expect(False, "a call went on in an ended session")

    async def end(self, session: Session) -> None:
        """Has the manager end a session, if it is still there."""
        try:
            await self.manager.end_session(session.session_id)
        except SessionNotFoundError:
            pass
        except ResourceCleanupError:
            self.told.add(session)
            raise

    def expect(self, is_right: bool, wrong: str) -> None:
        """Notes what is wrong."""
        if not is_right:
            self.wrongs.append(wrong)

    def check(self, *, is_closed: bool = False) -> None:
        """Raises what was wrong until now, and which calls run on.

        Args:
            is_closed: whether the devices have been closed.
        """
        while self._adopted:
            self._check_given_back(self._adopted.pop())
        for inventory in self._scoped:
            report = inventory.session.report
            is_told = report is None or not report.left or inventory.session in self.told
            self.expect(is_told, f"nobody was told what {inventory.session} has left")
        calls = () if self.is_killed and not is_closed else self._calls
        late = [number for number, truth in calls if truth.still_runs(number)]
        wrongs = [*self.wrongs, *(f"call {number} runs on at the end" for number in late)]
        if wrongs:
            raise AssertionError("; ".join(wrongs))

    # Sessions.

    @asynccontextmanager
    async def open_session(
        self, device: Device | None = None, manager: DeviceSessionManager | None = None
    ) -> AsyncGenerator[Session, None]:
        """Opens a session with three resources, and looks what is left when its scope is."""
        inventory: Inventory | None = None
        told: BaseException | None = None
        try:
            async with (manager or self.manager).open_session(device or self.device) as session:
                inventory = self.furnish(session)
                yield session
        except BaseException as error:
            told = error
            raise
        finally:
            if inventory is not None:
                self._check_given_back(inventory)
                if _is_told(told):
                    self.told.add(inventory.session)
                self._scoped.append(inventory)

    def furnish(self, session: Session) -> Inventory:
        """Gives a session three resources and a child task between them."""
        inventory = Inventory(session)
        for name in inventory.names:
            resource = Recorder(name, session, self.call, inventory.tried, inventory.done)
            assert isinstance(resource, SessionResource)
            session.resources.register_resource(resource)
            if name == "b":
                self.start_child(inventory)
        return inventory

    def start_child(self, inventory: Inventory) -> None:
        """Starts a child task that only a cancellation ends."""

        async def stay() -> None:
            inventory.children += 1
            try:
                await trio.sleep_forever()
            finally:
                inventory.children -= 1

        inventory.session.start_soon(stay)

    def adopt(self, session: Session) -> None:
        """Gives a session that has no scope the same, and looks at it when all is over."""
        self._adopted.append(self.furnish(session))

    def _check_given_back(self, inventory: Inventory) -> None:
        """Looks what is left of a session that has ended, and whether its report says so."""
        session, report = inventory.session, inventory.session.report
        name = f"the end of {session.session_id}"
        self.expect(not session.is_active, f"{name}: it is active")
        self.expect(inventory.children == 0, f"{name}: a child task is left")
        expected = [*reversed(inventory.names)]
        in_order = [tried for tried, _ in itertools.groupby(inventory.tried)]
        self.expect(in_order == expected, f"{name}: it tried to give back {inventory.tried}")
        if report is None:
            self.wrongs.append(f"{name}: there is no report")
            return
        released = [*report.resources_released]
        self.expect(released == inventory.done, f"{name}: {released}, but {inventory.done}")
        if report.left:
            self.expect(self.may_leave, f"{name}: left {report.left}")
            return
        truth = self.truths[self.devices.index(session.device)]
        self.expect(not truth.still_holds(session._seat.key), f"{name}: untold, names are left")
        is_reset = session._seat.generation != session.device.generation
        self.expect(is_reset or released == expected, f"{name}: untold, only {released} given back")


def _is_told(error: BaseException | None) -> bool:
    """Whether an error says that something is left. A cancelled caller finds it in the log."""
    if isinstance(error, trio.Cancelled | ResourceCleanupError):
        return True
    return any(_TOLD in note for note in getattr(error, "__notes__", ()))
