"""The handle of a thread that runs on a board: what users have of it."""

from belay_actors.device import ThreadState
from belay_actors.executors._thread_life import ThreadLife
from belay_actors.functions._thread_state import ThreadHandleState


class ThreadHandle:
    """A thread of a board, which its session owns. Made by ``Session.start_thread``.

    Attributes:
        thread_id: unique in the session, and the same through all restarts.
        name: of what it runs.
        session_id: of its session.
    """

    __slots__ = ("_life", "name", "session_id", "thread_id")

    def __init__(self, life: ThreadLife) -> None:
        self.thread_id = life.thread_id
        self.name = life.name
        self.session_id = life.host.session_id
        self._life = life

    def __repr__(self) -> str:
        status = self._life.state.status.value
        return f"<ThreadHandle {self.thread_id} of {self.session_id} {status}>"

    @property
    def state(self) -> ThreadHandleState:
        """What is known of it now; the board is not asked."""
        return self._life.state

    async def get_state(self) -> ThreadState:
        """Asks the board how the thread is, before all calls that wait.

        Returns:
            How its last run is, or has ended, with the time since its last sign of life. The board
            is not asked about a thread that has ended for good.

        Raises:
            DeviceError, SessionError: as for any call.

        Cancellation: harmless.
        """
        return await self._life.ask()

    async def stop(self) -> None:
        """Stops the thread, and returns when the board has confirmed that it has ended.

        It will not be started again. Does nothing if it has ended.

        Raises:
            UnstoppableThreadError: it still runs after the session's ``resource_cleanup_timeout``.
                It remains the session's, which tries again when it ends, and tells if it is left.
            DeviceError, SessionError: the board failed, or the session has ended, and nobody knows
                what became of the thread.

        Cancellation: it was asked to stop, and will not be started again.
        """
        await self._life.stop()

    async def wait(self) -> None:
        """Waits until the thread has ended for good: it returned, or was stopped.

        Raises:
            RemoteError: it failed, and is not started again.
            SessionError, DeviceError: its session ended before, with this error.

        Cancellation: harmless; the thread runs on.
        """
        await self._life.wait_over()
        error = self._life.make_end_error()
        if error is not None:
            raise error
