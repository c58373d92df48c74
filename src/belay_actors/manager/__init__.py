"""The session manager: which sessions exist, on which devices."""

from belay_actors.manager._manager import (
    DeviceSessionManager as DeviceSessionManager,
    DeviceSessionState as DeviceSessionState,
    SessionStats as SessionStats,
    open_session_manager as open_session_manager,
)
