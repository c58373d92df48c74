"""How a manager is opened: what it is made of, checked."""

from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager

from belay_actors.manager._manager import DeviceSessionManager
from belay_actors.observe import Observer, Observers
from belay_actors.options import SessionManagementOptions


@asynccontextmanager
async def open_session_manager(
    options: SessionManagementOptions | None = None, *, observers: Iterable[Observer] = ()
) -> AsyncGenerator[DeviceSessionManager, None]:
    """Opens a manager for the body. Leaving it ends all of its sessions.

    Args:
        options: limits and timeouts of the sessions.
        observers: hear of sessions, calls and resources, beside the log; nothing with
            ``enable_session_metrics`` off.

    Yields:
        The manager; it may be used from any task, with any number of devices.

    Raises:
        TypeError: the options or an observer are none.
        ResourceCleanupError: sessions that were created without a scope, and were open at the end,
            could not give everything back. An error of the body comes out as it is, with notes.

    Cancellation: the sessions are ended, shielded, each within ``resource_cleanup_timeout``.
    """
    options = SessionManagementOptions() if options is None else options
    if not isinstance(options, SessionManagementOptions):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"SessionManagementOptions are wanted, not {options!r}")
    told = Observers(observers)
    manager = DeviceSessionManager(options, told if options.enable_session_metrics else Observers())
    async with manager.run_scope():
        yield manager
