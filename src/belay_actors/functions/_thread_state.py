"""What a handle tells of its thread."""

import enum

import attrs

from belay_actors.errors import BelayError


class ThreadHandleStatus(enum.Enum):
    """Where a thread is in its life, all of its runs together. The last four are final.

    Attributes:
        STARTING: it is being started for the first time.
        RUNNING: it runs, as far as is known.
        RESTARTING: it has failed, and will be started again.
        STOPPING: it was asked to stop, and has not ended yet.
        UNSTOPPABLE: it has not stopped in time, and may run on.
        RETURNED: its code has come to its end.
        STOPPED: it has ended after it was asked to.
        FAILED: its code has raised, and is not started again.
        LOST: its board was reset or is gone, or its session has ended without the board's word.
    """

    STARTING = "starting"
    RUNNING = "running"
    RESTARTING = "restarting"
    STOPPING = "stopping"
    UNSTOPPABLE = "unstoppable"
    RETURNED = "returned"
    STOPPED = "stopped"
    FAILED = "failed"
    LOST = "lost"

    @property
    def is_final(self) -> bool:
        """Whether nothing comes after it."""
        return self in _FINAL


_FINAL = frozenset(
    {
        ThreadHandleStatus.RETURNED,
        ThreadHandleStatus.STOPPED,
        ThreadHandleStatus.FAILED,
        ThreadHandleStatus.LOST,
    }
)


@attrs.frozen(kw_only=True)
class ThreadHandleState:
    """A thread at one moment, as far as is known without asking its board.

    Attributes:
        status: where it is in its life.
        restarts: how many times it was started again.
        error: what its last run has failed with, if it did, and no other one was started since.
        is_timed_out: whether its ``max_runtime`` has passed, and it was stopped for that.
    """

    status: ThreadHandleStatus
    restarts: int = 0
    error: BelayError | None = None
    is_timed_out: bool = False
