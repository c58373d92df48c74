"""A check that a piece of a program leaves nothing behind, on the host and on its boards."""

import contextlib
import gc
import os
import re
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

import attrs
import trio

from belay_actors.device import BoardCensus, Device, DeviceState
from belay_actors.errors import DeviceCapabilityError, DeviceError
from belay_actors.kernel import WATCH
from belay_actors.testing._hang import all_tasks, where

_PAUSE = 0.05  # seconds
_IDLE_WORKER = re.compile(r"Trio thread \d+")  # trio keeps these for its next to_thread.run_sync
_PROCESSES = Path("/proc")
_DESCRIPTORS = Path("/proc/self/fd" if Path("/proc/self/fd").exists() else "/dev/fd")


class LeakError(AssertionError):
    """Something was left behind.

    Attributes:
        leaks: what, one line each.
    """

    def __init__(self, leaks: tuple[str, ...]) -> None:
        super().__init__("left behind:\n" + "\n".join(f"  {leak}" for leak in leaks))
        self.leaks = leaks


@attrs.frozen
class _Host:
    """What this process holds. Descriptors are told apart by what they point to."""

    tasks: frozenset[trio.lowlevel.Task]
    threads: frozenset[threading.Thread]
    descriptors: Counter[str]
    children: dict[int, str]

    @classmethod
    def now(cls) -> "_Host":
        return cls(
            tasks=frozenset(all_tasks()),
            threads=frozenset(filter(_is_busy, threading.enumerate())),
            descriptors=Counter(_descriptors()),
            children=dict(_children()),
        )

    def leaks(self, before: "_Host", own_children: set[int]) -> Iterator[str]:
        for task in self.tasks - before.tasks:
            if task.name != WATCH:
                yield f"task {task.name} at {where(task) or 'its end'}"
        for thread in self.threads - before.threads:
            yield f"thread {thread.name}"
        for target, count in (self.descriptors - before.descriptors).items():
            yield f"{count} more file descriptor{'s' if count > 1 else ''} to {target}"
        for child in self.children.keys() - before.children.keys() - own_children:
            yield f"child process {child}: {self.children[child]}"


def _is_busy(thread: threading.Thread) -> bool:
    return _IDLE_WORKER.fullmatch(thread.name) is None


def _descriptors() -> Iterator[str]:
    """What each open file descriptor points to; where the system does not tell, its number."""
    for place in _DESCRIPTORS.iterdir():
        try:
            yield str(place.readlink())
        except FileNotFoundError:
            continue  # the one that listed them
        except OSError:
            yield place.name


def _children() -> Iterator[tuple[int, str]]:
    """Ids, names and states of child processes, ended ones that nobody has waited for included."""
    if not _PROCESSES.exists():
        return
    own = str(os.getpid())
    for place in os.scandir(_PROCESSES):
        if not place.name.isdecimal():
            continue
        try:  # plainly, since there may be hundreds: this is most of what a check costs
            with open(f"{place.path}/stat", encoding="ascii", errors="replace") as file:  # noqa: PTH123
                process, _, rest = file.read().rpartition(") ")
        except OSError:  # it has ended meanwhile
            continue
        state, parent = rest.split()[:2]
        if parent == own:
            yield int(place.name), f"{process.partition('(')[2]} (state {state})"


@attrs.frozen
class _OnBoard:
    """What a board holds."""

    generation: int
    census: BoardCensus
    threads: int

    @classmethod
    async def now(cls, device: Device) -> "_OnBoard | None":
        """Asks the board; ``None`` if it cannot be asked."""
        if device.state is not DeviceState.OPEN:
            return None
        try:
            with contextlib.suppress(DeviceCapabilityError):
                await device.detect()  # once in a board's life, and it keeps the words it met
            return cls(device.generation, await device.census(), _count_threads(device.process_id))
        except DeviceError:
            return None

    def leaks(self, before: "_OnBoard", name: str, tolerance: int) -> Iterator[str]:
        for key in set(self.census.namespaces) - set(before.census.namespaces):
            yield f"{name}: session namespace {key}"
        if self.threads > before.threads:
            yield f"{name}: {self.threads - before.threads} more threads"
        grown = self.census.memory_used - before.census.memory_used
        if grown > tolerance and self.generation == before.generation:
            yield f"{name}: {grown} more bytes of memory in use"


def _count_threads(process_id: int | None) -> int:
    try:
        return sum(1 for _ in Path(f"/proc/{process_id}/task").iterdir())
    except OSError:
        return 0


class LeakCheck:
    """Checks that its body leaves nothing behind: ``async with LeakCheck(device): ...``.

    It compares what is there before the body and after it: tasks of the whole trio run, threads,
    file descriptors, child processes, and on each device's board the session namespaces, the memory
    in use, and the threads where they can be counted (a local interpreter on Linux). So the rest of
    the program should be quiet meanwhile. Child processes are seen on Linux only.

    A board keeps some things for good when it sees them first: names, our own helper code. Run the
    body once before the check if the tolerance is to be small, or several times in it if small
    leaks are to add up.

    If the body raises, its error comes out and nothing is checked.

    Args:
        devices: whose boards are looked at, too. One that is closed or lost afterwards cannot be
            asked: that is no leak, and it is named in ``not_asked``. After a reset its memory is
            not compared.
        memory_tolerance: bytes by which the memory in use of a board may grow.
        patience: seconds for what is about to end by itself, such as a thread that has been told.

    Attributes:
        not_asked: names of devices that could not be asked afterwards.
    """

    def __init__(
        self, *devices: Device, memory_tolerance: int = 2048, patience: float = 1.0
    ) -> None:
        self.not_asked: tuple[str, ...] = ()
        self._devices = devices
        self._tolerance = memory_tolerance
        self._patience = patience
        self._boards: dict[Device, _OnBoard | None] = {}
        self._host: _Host | None = None

    async def __aenter__(self) -> "LeakCheck":
        await trio.lowlevel.checkpoint()
        for device in self._devices:
            await _OnBoard.now(device)  # the first time brings the helper that counts
            self._boards[device] = await _OnBoard.now(device)
        self._host = _Host.now()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Raises ``LeakError`` if something is left. Cancellation: nothing was checked."""
        if error is not None:
            await trio.lowlevel.cancel_shielded_checkpoint()
            return
        deadline = trio.current_time() + self._patience
        while leaks := await self._find_leaks():  # noqa: ASYNC102  # an end without error
            if trio.current_time() >= deadline:
                raise LeakError(leaks)
            gc.collect()
            await trio.sleep(_PAUSE)  # noqa: ASYNC102

    async def _find_leaks(self) -> tuple[str, ...]:
        await trio.lowlevel.checkpoint()
        assert self._host is not None, "the check has not been entered"
        leaks: list[str] = []
        not_asked: list[str] = []
        for device, before in self._boards.items():
            now = await _OnBoard.now(device)
            if now is None or before is None:
                not_asked.append(device.name)
            else:
                leaks += now.leaks(before, device.name, self._tolerance)
        own = {device.process_id for device in self._devices} - {None}
        leaks += _Host.now().leaks(self._host, {process for process in own if process})
        self.not_asked = tuple(not_asked)
        return tuple(leaks)
