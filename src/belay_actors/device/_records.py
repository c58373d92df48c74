"""The device's values, and what it asks of those that live on it."""

import enum
from collections.abc import Callable
from typing import Protocol

import attrs

from belay_actors.device._capabilities import DeviceCapabilities
from belay_actors.device._threads import ThreadExit
from belay_actors.errors import DeviceError
from belay_actors.kernel import ActorStatistics

MakeDeviceError = Callable[[], DeviceError]


class DeviceState(enum.Enum):
    """Whether a device can be used."""

    OPEN = "open"
    CLOSING = "closing"
    CLOSED = "closed"
    LOST = "lost"


@attrs.frozen
class DeviceSnapshot:
    """A device at one moment.

    Attributes:
        name: of the device.
        url: that it was opened with.
        state: whether it can be used.
        generation: how many times the board has started, as far as we saw; 1 at first.
        capabilities: as probed.
        was_swept: whether leftovers of an earlier host were removed when it was opened.
        session_count: how many sessions are on it.
        calls: the actor's counters.
        dropped_frames: damaged or late frames that were thrown away.
        unsolicited_bytes: how many bytes came that belong to no call and no session.
    """

    name: str
    url: str
    state: DeviceState
    generation: int
    capabilities: DeviceCapabilities
    was_swept: bool
    session_count: int
    calls: ActorStatistics
    dropped_frames: int
    unsolicited_bytes: int


@attrs.frozen(kw_only=True)
class ProtocolCapabilities:
    """How code travels to a board, and answers back.

    Attributes:
        is_lossless: whether the link loses no bytes; where it may, all code carries a check sum.
        uses_raw_paste: whether the board says when it can take more code.
        max_code_bytes: the most that the code of one call may have, or ``None`` for no limit.
        max_output_bytes: the most that one call may print, or send as a value.
    """

    is_lossless: bool
    uses_raw_paste: bool
    max_code_bytes: int | None
    max_output_bytes: int


@attrs.frozen
class BoardMemory:
    """A board's heap at one moment, after a garbage collection.

    Attributes:
        used: bytes.
        free: bytes.
    """

    used: int
    free: int


@attrs.frozen
class DroppedNamespace:
    """What came of taking a session's namespace off the board.

    Attributes:
        names: how many names it held.
        modules_removed: modules that sessions had imported, and that are gone now.
        modules_left: the same, but kept for other sessions that are still open.
        timers_stopped: names of ``machine.Timer`` objects that it still held, and that are
            stopped now.
        timers_left: such timers that could not be stopped: name, and what the board says of it.
        threads_left: ids of the session's registered threads that still ran afterwards. They were
            asked to stop, and their names are gone, so most of them end soon.
        is_gone: whether the board has checked that nothing of it is left; a thread that still runs
            may have made a new name.
        memory: of the board afterwards, if it was measured.
    """

    names: int
    modules_removed: tuple[str, ...] = ()
    modules_left: tuple[str, ...] = ()
    timers_stopped: tuple[str, ...] = ()
    timers_left: tuple[str, ...] = ()
    threads_left: tuple[str, ...] = ()
    is_gone: bool = True
    memory: BoardMemory | None = None


@attrs.frozen
class BoardCensus:
    """What is on a board at one moment.

    Attributes:
        memory_used: bytes of its heap, after a garbage collection.
        namespaces: keys of the session namespaces that it holds.
    """

    memory_used: int
    namespaces: tuple[int, ...]


@attrs.define(eq=False)
class Seat:
    """A place on a device: a namespace's key, valid for one generation of the board.

    The two counts are kept by the device; all else never changes.

    Attributes:
        key: of the namespace.
        generation: of the board.
        session_id: whose it is.
        begun: how many calls began to be sent.
        settled: how many of them ended with the board's own reply, or are known not to have run.
    """

    key: int
    generation: int
    session_id: str | None
    begun: int = 0
    settled: int = 0

    @property
    def has_unknown_outcome(self) -> bool:
        """Whether a call began and was not answered, so that nobody knows what it did.

        So it is, too, while a call runs.
        """
        return self.begun != self.settled


class Dependent(Protocol):
    """What lives on a device: a session."""

    def receive_output(self, text: str, thread_id: str | None) -> None:
        """A thread of it printed, or a timer, which has no id."""

    def thread_ended(self, news: ThreadExit) -> None:
        """A thread of it has ended. Some ends are never told, because their frame was damaged."""

    def refuse(self, make_error: MakeDeviceError) -> None:
        """Makes no more calls: the device is about to close."""

    def stop(self, make_error: MakeDeviceError) -> None:
        """Gives up: the board was reset or lost."""

    async def end(self) -> None:
        """Gives back what it holds, and ends. Must not raise."""
