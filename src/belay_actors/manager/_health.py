"""A health check that costs nothing: it reads what the actors know of themselves.

It tells of now only. What was wrong a minute ago and is well again is no part of it, so nothing is
degraded for ever; and no board is asked, so it can be made in the midst of a long call.
"""

import enum
from collections.abc import Iterable

import attrs

from belay_actors.device import Device, DeviceState
from belay_actors.manager._lifecycle import DeviceSessionState
from belay_actors.manager._registry import SessionStats


class HealthStatus(enum.Enum):
    """How well something is: all of it, some of it, or not at all."""

    HEALTHY = "healthy"
    DEGRADED = "degraded"
    UNHEALTHY = "unhealthy"


@attrs.frozen(kw_only=True)
class DeviceHealth:
    """A device at one moment, as its actor's mailbox tells.

    Attributes:
        device: its name.
        state: whether it can be used.
        is_busy: whether a call runs.
        waiting: how many callers wait for their turn.
        busy_seconds: for how long the call that runs has been running; 0 if none does. A long call
            is legal, so this is for you to judge.
    """

    device: str
    state: DeviceState
    is_busy: bool
    waiting: int
    busy_seconds: float


@attrs.frozen(kw_only=True)
class ManagerHealth:
    """A manager at one moment.

    Attributes:
        status: degraded while the session limit is reached, or a device with sessions is being
            closed or is lost; unhealthy when no sessions can be opened any more.
        reasons: why it is not healthy, in words.
        state: of the manager.
        sessions: its sessions in numbers.
        devices: those that it has opened sessions on, and that are open or have sessions still.
    """

    status: HealthStatus
    reasons: tuple[str, ...]
    state: DeviceSessionState
    sessions: SessionStats
    devices: tuple[DeviceHealth, ...]


def check_device(device: Device) -> DeviceHealth:
    """Returns a device's health; nothing is sent."""
    calls = device.snapshot().calls
    return DeviceHealth(
        device=device.name,
        state=device.state,
        is_busy=calls.is_busy,
        waiting=calls.waiting,
        busy_seconds=calls.busy_seconds,
    )


def check_manager(
    state: DeviceSessionState, sessions: SessionStats, devices: Iterable[Device]
) -> ManagerHealth:
    """Returns a manager's health; nothing is sent."""
    checked = tuple(map(check_device, devices))
    reasons = [
        f"device {each.device} is {each.state.value}"
        for each in checked
        if each.state is not DeviceState.OPEN
    ]
    if sessions.active_session_count >= sessions.max_session_count:
        reasons.append(f"the limit of {sessions.max_session_count} sessions is reached")
    status = HealthStatus.DEGRADED if reasons else HealthStatus.HEALTHY
    if state in (DeviceSessionState.SHUTDOWN, DeviceSessionState.DISPOSED):
        status = HealthStatus.UNHEALTHY
        reasons.append(f"the manager is {state.value}: no sessions can be opened")
    return ManagerHealth(
        status=status,
        reasons=tuple(reasons),
        state=state,
        sessions=sessions,
        devices=checked,
    )
