"""The session manager: opens sessions on devices, and makes sure that all of them end."""

from belay_actors.manager._creation import SessionCreationOptions as SessionCreationOptions
from belay_actors.manager._health import (
    DeviceHealth as DeviceHealth,
    HealthStatus as HealthStatus,
    ManagerHealth as ManagerHealth,
)
from belay_actors.manager._lifecycle import (
    DeviceSessionState as DeviceSessionState,
    StateChange as StateChange,
)
from belay_actors.manager._manager import DeviceSessionManager as DeviceSessionManager
from belay_actors.manager._open import open_session_manager as open_session_manager
from belay_actors.manager._registry import SessionStats as SessionStats
from belay_actors.manager._retry import RetryPolicy as RetryPolicy
