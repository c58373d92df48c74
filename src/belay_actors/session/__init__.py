"""Sessions: supervisors that own what is taken on a board, and give it back whatever happens."""

from belay_actors.session._cleanup import Leftover as Leftover
from belay_actors.session._current import (
    current_sessions as current_sessions,
    enter as enter,
    is_in_cleanup as is_in_cleanup,
    is_inside as is_inside,
    leave as leave,
)
from belay_actors.session._device_context import (
    DeviceContext as DeviceContext,
    DeviceInfo as DeviceInfo,
    ProtocolMetrics as ProtocolMetrics,
)
from belay_actors.session._executor_context import ExecutorContext as ExecutorContext
from belay_actors.session._file_system_context import (
    FileInfo as FileInfo,
    FileOperation as FileOperation,
    FileOperationKind as FileOperationKind,
    FileSystemContext as FileSystemContext,
    FileSystemState as FileSystemState,
)
from belay_actors.session._output import (
    DropPolicy as DropPolicy,
    OutputLine as OutputLine,
    OutputLines as OutputLines,
)
from belay_actors.session._program import DeviceProgram as DeviceProgram
from belay_actors.session._report import SessionReport as SessionReport
from belay_actors.session._resource import (
    BackgroundThreadInfo as BackgroundThreadInfo,
    DeployedMethodInfo as DeployedMethodInfo,
    ResourceUsageStats as ResourceUsageStats,
)
from belay_actors.session._session import Session as Session
from belay_actors.session._state import SessionState as SessionState, StateKey as StateKey
from belay_actors.session._supervisor import Supervisor as Supervisor
from belay_actors.session._tracker import ResourceTracker as ResourceTracker
