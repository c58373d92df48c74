"""Starts threads of the board for a session."""

import math
from collections.abc import Callable

from belay_actors.executors._restarts import RestartPolicy
from belay_actors.executors._thread_handle import ThreadHandle
from belay_actors.executors._thread_host import ThreadHost
from belay_actors.executors._thread_life import ThreadLife
from belay_actors.executors._thread_tending import TendedThreadLife

_POLL = 3.0  # seconds


def _ignore() -> None:
    """Nobody wants to hear of its end."""


class ThreadExecutor:
    """Starts threads. Made by a session.

    Args:
        host: the session.
        restart_policy: for threads that are started again when they fail.
        poll: seconds between questions to the board, while somebody waits for a thread's end. The
            board tells it by itself, so they are for the case that its word is lost.
    """

    def __init__(
        self,
        host: ThreadHost,
        *,
        restart_policy: RestartPolicy | None = None,
        poll: float = _POLL,
    ) -> None:
        self._host = host
        self._restart_policy = restart_policy or RestartPolicy()
        self._poll = poll

    async def check_limits(self) -> None:
        """Checks that the board could run one more thread.

        Raises:
            DeviceCapabilityError: it has no threads, or no more of them.
            DeviceError, SessionError: as for any call.

        Cancellation: as for any call; harmless.
        """
        await self._host.check_limits()

    async def start(
        self,
        name: str,
        code: str,
        *,
        auto_restart: bool = False,
        max_runtime: float | None = None,
        map_traceback: Callable[[str], str] = str,
        on_end: Callable[[], None] = _ignore,
    ) -> ThreadHandle:
        """Runs code in a thread of the board, which the session owns from then on.

        Args:
            name: of what it runs, for messages and the thread's id.
            code: statements, such as ``"blink(100)"``, for the session's namespace, which has
                ``should_stop`` and ``sleep_ms``.
            auto_restart: whether it is started again when it fails, after a delay.
            max_runtime: seconds after which it is stopped, restarts included.
            map_traceback: what to make of the board's traceback of a failure.
            on_end: is called when it has ended for good, or will never begin.

        Returns:
            The thread's handle.

        Raises:
            DeviceCapabilityError: the board has no threads, or no more of them; nothing was sent.
            RemoteError: the board could not start it.
            TypeError, ValueError: an argument is none that can be.
            DeviceError, SessionError: as for any call.

        Whatever it raises, the code does not run afterwards, or never will: what was started is
        stopped again.

        Cancellation: the same; stopping is bounded by the session's ``resource_cleanup_timeout``.
        """
        _check(name, code, max_runtime)
        if auto_restart or max_runtime is not None:
            life: ThreadLife = TendedThreadLife(
                self._host,
                name,
                code,
                policy=self._restart_policy if auto_restart else None,
                max_runtime=math.inf if max_runtime is None else max_runtime,
                poll=self._poll,
                map_traceback=map_traceback,
                on_end=on_end,
            )
        else:
            life = ThreadLife(
                self._host,
                name,
                code,
                poll=self._poll,
                map_traceback=map_traceback,
                on_end=on_end,
            )
        await life.start()
        return ThreadHandle(life)


def _check(name: object, code: object, max_runtime: object) -> None:
    for what, text in (("name", name), ("code", code)):
        if not isinstance(text, str):
            raise TypeError(f"{what} is a str, not {type(text).__name__}")
        if not text:
            raise ValueError(f"{what} must not be empty")
    if max_runtime is None:
        return
    if not isinstance(max_runtime, int | float) or isinstance(max_runtime, bool):
        raise TypeError(f"max_runtime is a number of seconds, not {max_runtime!r}")
    if not max_runtime > 0:
        raise ValueError(f"max_runtime is more than 0 s, not {max_runtime}")
