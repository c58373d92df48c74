"""Threads of sessions on a board: what is known of one, and how one is stopped for certain."""

import enum
import reprlib
from typing import TYPE_CHECKING

import attrs
import trio

from belay_actors.device._outcome import class_name, without_own_frames
from belay_actors.errors import RemoteError, RemoteOSError, ResourceNotFoundError
from belay_actors.values import Value, decode

if TYPE_CHECKING:
    from belay_actors.device._records import Seat
    from belay_actors.device._thread_calls import BoardThreadCalls

_FIRST_PAUSE, _LONGEST_PAUSE = 0.001, 0.05  # seconds


class ThreadStatus(enum.Enum):
    """Where a thread is in its life."""

    RUNNING = "running"
    ENDED = "ended"
    FAILED = "failed"


@attrs.frozen
class ThreadState:
    """A thread on a board at one moment.

    Attributes:
        status: where it is in its life.
        type_name: of the exception that it failed with, such as ``"ValueError"``; else empty.
        message: ``str()`` of that exception, at most 2000 characters.
        traceback: the board's own, its last 2000 characters; empty where the firmware has none.
        errno: the board's number, of an ``OSError``.
        last_beat: seconds since its last sign of life (a ``should_stop()``, a ``sleep_ms()``, or
            its start), by the board's own clock.
        run: the number of the start that it is about.

    The last two are no part of what makes two states equal.
    """

    status: ThreadStatus
    type_name: str = ""
    message: str = ""
    traceback: str = ""
    errno: int | None = None
    last_beat: float = attrs.field(default=0.0, eq=False)
    run: int = attrs.field(default=0, eq=False)

    @property
    def is_running(self) -> bool:
        """Whether it may still run code."""
        return self.status is ThreadStatus.RUNNING

    def make_error(self, traceback: str, device: str, session_id: str | None) -> RemoteError:
        """Returns what it failed with as an error, with a traceback that may be another."""
        about = (self.type_name, self.message, traceback)
        if self.type_name == "OSError" or self.errno is not None:
            return RemoteOSError(*about, self.errno, device=device, session_id=session_id)
        return RemoteError(*about, device=device, session_id=session_id)


@attrs.frozen
class Printed:
    """A thread or timer of a session printed.

    Attributes:
        thread_id: of the thread; ``None`` for others.
        text: as printed.
    """

    thread_id: str | None
    text: str


@attrs.frozen
class ThreadExit:
    """A thread of a session has ended.

    Attributes:
        thread_id: of the thread.
        run: the number of its start.
        state: how it has ended.
    """

    thread_id: str
    run: int
    state: ThreadState


def parse_news(payload: bytes) -> Printed | ThreadExit:
    """Reads what a frame of a session says.

    Raises:
        ValueError: it makes no sense.
    """
    match decode(payload):
        case (str(who), str(text)):
            return Printed(who or None, text)
        case (str(who), int(run), (() | [*_]) as end):
            return ThreadExit(who, run, _parse_end(end, 0.0, run))
        case other:
            raise ValueError(f"an unexpected frame: {reprlib.repr(other)}")


def parse_state(value: Value) -> ThreadState:
    """Reads what the board says of a thread.

    Raises:
        ValueError: the answer makes no sense.
    """
    match value:
        case (end, int(age), int(run)):
            last_beat = max(age, 0) / 1000
            if end is None:
                return ThreadState(ThreadStatus.RUNNING, last_beat=last_beat, run=run)
            return _parse_end(end, last_beat, run)
        case other:
            raise ValueError(f"an unexpected answer: {reprlib.repr(other)}")


def _parse_end(end: Value, last_beat: float, run: int) -> ThreadState:
    match end:
        case ():
            return ThreadState(ThreadStatus.ENDED, last_beat=last_beat, run=run)
        case [str(kind), str(message), str(traceback), numbers]:
            found = numbers if isinstance(numbers, list) else ()
            return ThreadState(
                ThreadStatus.FAILED,
                class_name(kind),
                message,
                without_own_frames(traceback.encode()).decode(),
                next((number for number in found if isinstance(number, int)), None),
                last_beat,
                run,
            )
        case other:
            raise ValueError(f"an unexpected end: {reprlib.repr(other)}")


def make_unknown_thread_error(
    thread_id: str, device: str, session_id: str | None
) -> ResourceNotFoundError:
    """The error for a thread that is not there."""
    return ResourceNotFoundError(
        f"the board has no thread {thread_id!r} of this session",
        device=device,
        session_id=session_id,
    )


async def stop_and_confirm(device: "BoardThreadCalls", seat: "Seat", thread_id: str) -> ThreadState:
    """Asks a thread to stop, and waits until the board says that it has ended.

    A thread that never asks ``should_stop()`` never ends, so bound this by a cancel scope.

    Args:
        device: where it runs.
        seat: of its session.
        thread_id: that it was started with.

    Returns:
        How it has ended.

    Raises:
        ResourceNotFoundError: the board has no such thread of the session.
        DeviceError: the board failed.

    Cancellation: the thread may still run; it has been asked to stop, and is still registered.
    """
    state = await device.stop_thread(seat, thread_id)
    pause = _FIRST_PAUSE
    while state.is_running:
        await trio.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE)
        states = await device.thread_states(seat)
        if thread_id not in states:
            raise make_unknown_thread_error(thread_id, device.name, seat.session_id)
        state = states[thread_id]
    return state
