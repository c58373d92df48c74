"""Which sessions the calling task is in: of any manager, outermost first."""

import contextvars
from collections.abc import Generator, Iterator
from contextlib import contextmanager

from belay_actors.session import Session

_current: contextvars.ContextVar[tuple[Session, ...]] = contextvars.ContextVar(
    "belay_actors_current_sessions", default=()
)


def current_sessions() -> Iterator[Session]:
    """Yields the active sessions in whose scopes the calling task runs, innermost first.

    A task that outlives the scope in which it was started is in it no more.
    """
    return (session for session in reversed(_current.get()) if session.is_active)


def is_inside(session: Session) -> bool:
    """Whether the calling task runs in the session's scope."""
    return session in _current.get()


@contextmanager
def entered(session: Session) -> Generator[None, None, None]:
    """Makes a session the calling task's current one."""
    token = _current.set((*_current.get(), session))
    try:
        yield
    finally:
        _current.reset(token)
