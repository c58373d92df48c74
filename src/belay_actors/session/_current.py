"""Which sessions the calling task is in: in their scopes, or in their cleanups.

Both are context variables, so a task started inside is inside, too, and nobody else is. They hold
sessions of any manager, outermost first.
"""

import contextvars
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from belay_actors.session._session import Session
    from belay_actors.session._supervisor import Supervisor

_Sessions = tuple["Supervisor", ...]  # each of them is a Session

_current: contextvars.ContextVar[_Sessions] = contextvars.ContextVar(
    "belay_actors_current_sessions", default=()
)
_cleaning: contextvars.ContextVar[_Sessions] = contextvars.ContextVar(
    "belay_actors_cleaning", default=()
)


def current_sessions() -> Iterator["Session"]:
    """Yields the sessions that the calling code is in and may use, innermost first.

    A task that outlives the scope in which it was started is in it no more. A session that ends can
    be used by its own cleanup only.
    """
    return (
        cast("Session", session)
        for session in reversed(_current.get())
        if session.is_active or is_in_cleanup(session)
    )


def is_inside(session: "Supervisor") -> bool:
    """Whether the calling task runs in the session's scope."""
    return session in _current.get()


def is_in_cleanup(session: "Supervisor | None" = None) -> bool:
    """Whether the calling code is part of a session's cleanup; of any, if none is named.

    A task that was started in a cleanup, and outlives it, is part of it no more.
    """
    cleaning = (cast("Session", each) for each in _cleaning.get())
    return any(each.report is None and session in (None, each) for each in cleaning)


def enter(session: "Supervisor") -> None:
    """Makes a session the calling task's current one, until it calls ``leave``."""
    _current.set((*_current.get(), session))


def leave(session: "Supervisor") -> None:
    """Undoes an ``enter``, if it was made by this task, or before this task was started."""
    inside = [*_current.get()]
    if session in inside:
        del inside[len(inside) - 1 - inside[::-1].index(session)]
        _current.set(tuple(inside))


@contextmanager
def entered(session: "Supervisor") -> Generator[None, None, None]:
    """Makes a session the calling task's current one."""
    token = _current.set((*_current.get(), session))
    try:
        yield
    finally:
        _current.reset(token)


@contextmanager
def cleaning(session: "Supervisor") -> Generator[None, None, None]:
    """Makes the calling task one that cleans up for a session, which is its current one, too."""
    token = _cleaning.set((*_cleaning.get(), session))
    try:
        with entered(session):
            yield
    finally:
        _cleaning.reset(token)
