"""Sessions: supervisors that own what is taken on a board, and give it back whatever happens."""

from belay_actors.session._report import SessionReport as SessionReport
from belay_actors.session._resources import (
    ResourceTracker as ResourceTracker,
    ResourceUsageStats as ResourceUsageStats,
    SessionResource as SessionResource,
)
from belay_actors.session._session import Session as Session
