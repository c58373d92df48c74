"""Keeps the sessions that no ``async with`` keeps, until somebody ends them.

Such a session needs no task of its own while nothing happens, so hundreds of idle ones are cheap.
It gets one when it has to end without anybody waiting for that (it was reset, lost or too old), and
when it starts child tasks. All of these are children of the manager.
"""

import logging
import math

import trio

from belay_actors.errors import BelayError, SessionClosedError, SessionFailedError
from belay_actors.session import Session

_logger = logging.getLogger("belay_actors.manager")


class Keeper:
    """The sessions of one manager that have no scope.

    Args:
        nursery: of the manager.
        timeout: greatest age of a session in seconds.
    """

    def __init__(self, nursery: trio.Nursery, timeout: float) -> None:
        self._nursery = nursery
        self._timeout = timeout
        self._sessions: dict[Session, None] = {}
        self._aging: dict[Session, None] = {}  # oldest first: all have the same time to live
        self._nap: trio.CancelScope | None = None

    def __contains__(self, session: Session) -> bool:
        return session in self._sessions

    def keep(self, session: Session) -> None:
        """Takes in a session that was just opened."""
        session.keep_by(self)
        self._sessions[session] = None
        self._aging[session] = None
        if self._nap is None:
            self._nap = trio.CancelScope()
            self._nursery.start_soon(self._watch_age, self._nap)
        self._set_alarm()

    def release(self, session: Session) -> None:
        """Forgets a session that has ended, and tells the log if nobody else will know why."""
        if session not in self._sessions:
            return
        del self._sessions[session]
        self._aging.pop(session, None)
        self._set_alarm()
        why = session.refusal()
        if type(why) is not SessionClosedError:
            _logger.warning("%r failed: %s", session, session.with_cleanup(why))

    # What a session asks of its keeper.

    def end_soon(self, session: Session) -> None:
        """Ends a session in a task of its own."""
        self._nursery.start_soon(session.end, name=f"end of {session.session_id}")

    def open_scope(self, session: Session) -> None:
        """Gives a session a task with a nursery, so that it can have child tasks."""
        self._nursery.start_soon(self._hold, session, name=f"scope of {session.session_id}")

    async def _hold(self, session: Session) -> None:
        try:
            async with session.run_scope():
                await session.wait_ended()
        except SessionFailedError as error:
            _logger.warning("%r failed: %s", session, error)
        except (BelayError, ExceptionGroup):
            pass  # was told when the session ended, or is told to whoever has ended it

    # Age.

    def _set_alarm(self) -> None:
        oldest = next(iter(self._aging), None)
        if self._nap is not None:
            self._nap.deadline = math.inf if oldest is None else oldest.opened_at + self._timeout

    async def _watch_age(self, nap: trio.CancelScope) -> None:
        while True:
            with nap:
                await trio.sleep_forever()
            now = trio.current_time()
            for session in [*self._aging]:
                if session.opened_at + self._timeout > now:
                    break
                del self._aging[session]
                session.expire()
            self._nap = nap = trio.CancelScope()
            self._set_alarm()
