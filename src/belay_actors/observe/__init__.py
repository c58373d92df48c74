"""What can be heard of sessions: events, and those who hear them.

A floor at the very bottom: it imports nothing of the library, and whoever has something to tell
tells it. Counters to be asked for at any time are elsewhere, in snapshots and statistics.
"""

from belay_actors.observe._events import (
    CallEnded as CallEnded,
    CallKind as CallKind,
    CallStarted as CallStarted,
    CleanupFailed as CleanupFailed,
    Event as Event,
    MethodDeployed as MethodDeployed,
    ResourceRegistered as ResourceRegistered,
    SessionCreated as SessionCreated,
    SessionEnded as SessionEnded,
    SessionRetried as SessionRetried,
    ThreadEnded as ThreadEnded,
    ThreadFailed as ThreadFailed,
    ThreadRegistered as ThreadRegistered,
    ThreadRestarting as ThreadRestarting,
)
from belay_actors.observe._logging import LoggingObserver as LoggingObserver
from belay_actors.observe._observers import Observer as Observer, Observers as Observers
from belay_actors.observe._opentelemetry import OpenTelemetryObserver as OpenTelemetryObserver
