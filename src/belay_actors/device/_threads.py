"""Threads of sessions on a board: what is known of one, and how one is stopped for certain."""

import enum
import reprlib
from typing import TYPE_CHECKING

import attrs
import trio

from belay_actors.device._outcome import class_name
from belay_actors.device._records import Seat
from belay_actors.errors import ResourceNotFoundError
from belay_actors.values import Value

if TYPE_CHECKING:
    from belay_actors.device._helpers import BoardHelpers

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
        message: ``str()`` of that exception.
    """

    status: ThreadStatus
    type_name: str = ""
    message: str = ""

    @property
    def is_running(self) -> bool:
        """Whether it may still run code."""
        return self.status is ThreadStatus.RUNNING


def parse_state(value: Value) -> ThreadState:
    """Reads what the board says of a thread.

    Raises:
        ValueError: the answer makes no sense.
    """
    match value:
        case None:
            return ThreadState(ThreadStatus.RUNNING)
        case ():
            return ThreadState(ThreadStatus.ENDED)
        case (str(kind), str(message)):
            return ThreadState(ThreadStatus.FAILED, class_name(kind), message)
        case other:
            raise ValueError(f"an unexpected answer: {reprlib.repr(other)}")


def make_unknown_thread_error(
    thread_id: str, device: str, session_id: str | None
) -> ResourceNotFoundError:
    """The error for a thread that is not there."""
    return ResourceNotFoundError(
        f"the board has no thread {thread_id!r} of this session",
        device=device,
        session_id=session_id,
    )


async def stop_and_confirm(device: "BoardHelpers", seat: Seat, thread_id: str) -> ThreadState:
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
