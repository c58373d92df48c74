"""What an observer hears of: frozen records of names, numbers and nothing else.

An event holds no code, no output, no value from or for a board, and no exception, only an
exception's class name. So it may be kept, logged and sent elsewhere, and it keeps nothing alive.
"""

from typing import Literal, TypeAlias

import attrs

CallKind: TypeAlias = Literal["execute", "evaluate", "stream"]


@attrs.frozen(kw_only=True)
class SessionCreated:
    """A session is open.

    Attributes:
        session_id: of the session.
        device: name of its device.
        duration: seconds that its creation took.
    """

    session_id: str
    device: str
    duration: float


@attrs.frozen(kw_only=True)
class SessionEnded:
    """A session has ended, and gave back what it could. It is the last that is heard of it.

    Attributes:
        session_id: of the session.
        device: name of its device.
        duration: seconds that it lived, its end included.
        resources: how many resources were given back.
        leftovers: how many things could not be given back.
        error: class name of what ended it; ``None`` where its scope was left without an error.
    """

    session_id: str
    device: str
    duration: float
    resources: int
    leftovers: int
    error: str | None


@attrs.frozen(kw_only=True)
class ResourceRegistered:
    """A session took a resource over.

    Attributes:
        session_id: of the session.
        device: name of its device.
        resource_id: of the resource, unique in its session.
        resource_type: name of its kind.
        estimated_cost: bytes that it is thought to take on the board.
    """

    session_id: str
    device: str
    resource_id: str
    resource_type: str
    estimated_cost: int


@attrs.frozen(kw_only=True)
class ThreadRegistered:
    """A thread on the board belongs to a session.

    Attributes:
        session_id: of the session.
        device: name of its device.
        thread_id: of the thread, unique in its session.
        method_name: name of what it runs.
    """

    session_id: str
    device: str
    thread_id: str
    method_name: str


@attrs.frozen(kw_only=True)
class ThreadEnded:
    """A thread that ``Session.start_thread`` has started has ended for good, without a failure.

    Attributes:
        session_id: of the session.
        device: name of its device.
        thread_id: of the thread.
        method_name: name of what it ran.
        status: ``"returned"``, ``"stopped"``, or ``"lost"`` with its board.
        restarts: how many times it was started again.
    """

    session_id: str
    device: str
    thread_id: str
    method_name: str
    status: str
    restarts: int


@attrs.frozen(kw_only=True)
class ThreadFailed:
    """Such a thread has failed, and will not be started again.

    Attributes:
        session_id: of the session.
        device: name of its device.
        thread_id: of the thread.
        method_name: name of what it ran.
        restarts: how many times it was started again.
        error: class name of what it failed with, on the board.
    """

    session_id: str
    device: str
    thread_id: str
    method_name: str
    restarts: int
    error: str


@attrs.frozen(kw_only=True)
class ThreadRestarting:
    """A thread has failed, and will be started again.

    Attributes:
        session_id: of the session.
        device: name of its device.
        thread_id: of the thread.
        method_name: name of what it runs.
        restarts: how many times it was started again before.
        delay: seconds until it is.
        error: class name of what it failed with, on the board.
    """

    session_id: str
    device: str
    thread_id: str
    method_name: str
    restarts: int
    delay: float
    error: str


@attrs.frozen(kw_only=True)
class MethodDeployed:
    """A method was sent to the board, and stays there for the session.

    Attributes:
        session_id: of the session.
        device: name of its device.
        signature: that it is known by.
    """

    session_id: str
    device: str
    signature: str


@attrs.frozen(kw_only=True)
class CleanupFailed:
    """A session could not give something back.

    Attributes:
        session_id: of the session.
        device: name of its device.
        what: could not be given back, such as a resource's id.
        error: class name of the failure.
    """

    session_id: str
    device: str
    what: str
    error: str


@attrs.frozen(kw_only=True)
class CallStarted:
    """A session asked for a call; it may have to wait for its turn on the board.

    Attributes:
        session_id: of the session.
        device: name of its device.
        call_id: unique in its session.
        kind: ``"execute"``, ``"evaluate"``, or ``"stream"`` for each request of one.
    """

    session_id: str
    device: str
    call_id: int
    kind: CallKind


@attrs.frozen(kw_only=True)
class CallEnded:
    """A call is over, in whatever way.

    Attributes:
        session_id: of the session.
        device: name of its device.
        call_id: of the ``CallStarted``.
        kind: ``"execute"``, ``"evaluate"``, or ``"stream"`` for each request of one.
        duration: seconds since its start, the wait for its turn included.
        error: class name of what it raised, ``"Cancelled"`` included; ``None`` if it returned.
    """

    session_id: str
    device: str
    call_id: int
    kind: CallKind
    duration: float
    error: str | None


@attrs.frozen(kw_only=True)
class SessionRetried:
    """Work in a session failed, and will be tried again in a new one.

    Attributes:
        device: name of the device.
        attempt: which attempt failed; 1 is the first.
        max_attempts: how many there may be.
        delay: seconds until the next one.
        error: class name of the failure.
    """

    device: str
    attempt: int
    max_attempts: int
    delay: float
    error: str


Event: TypeAlias = (
    SessionCreated
    | SessionEnded
    | ResourceRegistered
    | ThreadRegistered
    | ThreadEnded
    | ThreadFailed
    | ThreadRestarting
    | MethodDeployed
    | CleanupFailed
    | CallStarted
    | CallEnded
    | SessionRetried
)
