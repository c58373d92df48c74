"""One event of each kind, all different."""

import pytest

from belay_actors import (
    CallEnded,
    CallStarted,
    CleanupFailed,
    Event,
    MethodDeployed,
    ResourceRegistered,
    SessionCreated,
    SessionEnded,
    SessionRetried,
    ThreadEnded,
    ThreadFailed,
    ThreadRegistered,
    ThreadRestarting,
)


@pytest.fixture
def events() -> list[Event]:
    """One of each kind, in an order in which they might come."""
    of = {"session_id": "session-1", "device": "left"}
    return [
        SessionCreated(**of, duration=0.25),
        ResourceRegistered(**of, resource_id="pwm", resource_type="DeviceTimer", estimated_cost=96),
        ThreadRegistered(**of, thread_id="blink-1", method_name="blink"),
        ThreadRestarting(
            **of, thread_id="blink-1", method_name="blink", restarts=1, delay=2.0, error="OSError"
        ),
        ThreadFailed(
            **of, thread_id="blink-1", method_name="blink", restarts=1, error="ValueError"
        ),
        ThreadEnded(**of, thread_id="beat-1", method_name="beat", status="returned", restarts=0),
        MethodDeployed(**of, signature="mean(n)"),
        CallStarted(**of, call_id=1, kind="execute"),
        CallEnded(**of, call_id=1, kind="execute", duration=0.5, error=None),
        CleanupFailed(**of, what="pwm", error="RemoteError"),
        SessionEnded(**of, duration=2.0, resources=3, leftovers=1, error="SessionFailedError"),
        SessionRetried(
            device="left", attempt=1, max_attempts=3, delay=2.0, error="SessionFailedError"
        ),
    ]
