"""Where a manager is in its life, and how others learn of it.

A state is never entered twice, so a life has at most three changes. That is why a subscriber's
buffer can hold all of them: nothing is ever lost, and a slow subscriber keeps nobody waiting.
"""

import contextlib
import enum
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import attrs
import trio


class DeviceSessionState(enum.Enum):
    """Where a manager is in its life: inactive until its first session, disposed at the end."""

    INACTIVE = "inactive"
    ACTIVE = "active"
    SHUTDOWN = "shutdown"
    DISPOSED = "disposed"


_Of = DeviceSessionState

TRANSITIONS: Mapping[DeviceSessionState, frozenset[DeviceSessionState]] = {
    # from          to: its first session, a graceful end, an emergency
    _Of.INACTIVE: frozenset({_Of.ACTIVE, _Of.SHUTDOWN, _Of.DISPOSED}),
    _Of.ACTIVE: frozenset({_Of.SHUTDOWN, _Of.DISPOSED}),
    _Of.SHUTDOWN: frozenset({_Of.DISPOSED}),
    _Of.DISPOSED: frozenset(),
}

_MOST_CHANGES = len(DeviceSessionState) - 1


@attrs.frozen
class StateChange:
    """One step in the life of a manager.

    Attributes:
        previous: the state that it left.
        current: the state that it is in since.
        at: when (UTC).
    """

    previous: DeviceSessionState
    current: DeviceSessionState
    at: datetime


class Lifecycle:
    """The state of a manager. It only moves forward, along ``TRANSITIONS``."""

    def __init__(self) -> None:
        self._state = DeviceSessionState.INACTIVE
        self._subscribers: set[trio.MemorySendChannel[StateChange]] = set()

    def __repr__(self) -> str:
        return f"<Lifecycle {self._state.value}>"

    @property
    def state(self) -> DeviceSessionState:
        """Where the manager is now."""
        return self._state

    def change(self, to: DeviceSessionState) -> None:
        """Moves on, and tells the subscribers; does nothing in that state already.

        Raises:
            AssertionError: the table has no such step, so whoever asked for it has a bug.
        """
        if to is self._state:
            return
        if to not in TRANSITIONS[self._state]:
            raise AssertionError(f"a manager cannot go from {self._state.name} to {to.name}")
        change = StateChange(self._state, to, datetime.now(UTC))
        self._state = to
        for subscriber in self._subscribers:
            with contextlib.suppress(trio.BrokenResourceError):  # it has closed its own end
                subscriber.send_nowait(change)
            if to is DeviceSessionState.DISPOSED:
                subscriber.close()

    @asynccontextmanager
    async def subscribe(self) -> AsyncGenerator[trio.abc.ReceiveChannel[StateChange], None]:
        """Subscribes to the changes for as long as the body runs.

        Yields:
            An asynchronous iterator over all changes from now on, in order. It ends after the one
            to ``DISPOSED``; of a disposed manager it is empty. Nothing is lost on a slow reader.

        Cancellation: at any point harmless, to the manager and to other subscribers.
        """
        sender, receiver = trio.open_memory_channel[StateChange](_MOST_CHANGES)
        with sender, receiver:
            if self._state is DeviceSessionState.DISPOSED:
                sender.close()
            self._subscribers.add(sender)
            try:
                await trio.lowlevel.checkpoint()
                yield receiver
            finally:
                self._subscribers.discard(sender)
