"""Many MicroPython boards in one trio program, safely.

Every board gets a transport actor that owns its wire and serves one call at a time. Every use of a
board happens in a session, which owns what was started or taken there and gives it back, whatever
way its scope is left::

    async with open_device("micropython:") as device, open_session_manager() as manager:
        async with manager.open_session(device) as session:
            await session.execute("import time; started = time.ticks_ms()")
            elapsed = await session.evaluate("time.ticks_diff(time.ticks_ms(), started)", int)
"""

from belay_actors.device import (
    BoardMemory as BoardMemory,
    Device as Device,
    DeviceCapabilities as DeviceCapabilities,
    DeviceSnapshot as DeviceSnapshot,
    DeviceState as DeviceState,
    Lease as Lease,
    LeaseBook as LeaseBook,
    ProtocolCapabilities as ProtocolCapabilities,
    ThreadState as ThreadState,
    ThreadStatus as ThreadStatus,
    open_device as open_device,
)
from belay_actors.errors import (
    BelayError as BelayError,
    CallTimeoutError as CallTimeoutError,
    DeviceBusyError as DeviceBusyError,
    DeviceCapabilityError as DeviceCapabilityError,
    DeviceClosedError as DeviceClosedError,
    DeviceError as DeviceError,
    DeviceLostError as DeviceLostError,
    DeviceNotFoundError as DeviceNotFoundError,
    DevicePermissionError as DevicePermissionError,
    DeviceResetError as DeviceResetError,
    DeviceUnresponsiveError as DeviceUnresponsiveError,
    DuplicateResourceError as DuplicateResourceError,
    InvalidOptionsError as InvalidOptionsError,
    InvalidURLError as InvalidURLError,
    LeaseExpiredError as LeaseExpiredError,
    NameConflictError as NameConflictError,
    OutcomeUnknownError as OutcomeUnknownError,
    OutputLimitError as OutputLimitError,
    ProtocolError as ProtocolError,
    RemoteError as RemoteError,
    RemoteOSError as RemoteOSError,
    ResourceBusyError as ResourceBusyError,
    ResourceCleanupError as ResourceCleanupError,
    ResourceNotFoundError as ResourceNotFoundError,
    SessionClosedError as SessionClosedError,
    SessionError as SessionError,
    SessionFailedError as SessionFailedError,
    SessionLimitError as SessionLimitError,
    SessionNotFoundError as SessionNotFoundError,
    SessionTimeoutError as SessionTimeoutError,
    StreamClosedError as StreamClosedError,
    UnstoppableThreadError as UnstoppableThreadError,
    UnsupportedValueError as UnsupportedValueError,
    WouldDeadlock as WouldDeadlock,
)
from belay_actors.executors import (
    RestartPolicy as RestartPolicy,
    SessionResource as SessionResource,
    SetupExecutor as SetupExecutor,
    Stream as Stream,
    TaskExecutor as TaskExecutor,
    TeardownExecutor as TeardownExecutor,
    ThreadExecutor as ThreadExecutor,
    ThreadHandle as ThreadHandle,
)
from belay_actors.functions import (
    GeneratorTask as GeneratorTask,
    Setup as Setup,
    Task as Task,
    Teardown as Teardown,
    ThreadFunction as ThreadFunction,
    ThreadHandleState as ThreadHandleState,
    ThreadHandleStatus as ThreadHandleStatus,
    setup as setup,
    task as task,
    teardown as teardown,
    thread as thread,
)
from belay_actors.manager import (
    DeviceHealth as DeviceHealth,
    DeviceSessionManager as DeviceSessionManager,
    DeviceSessionState as DeviceSessionState,
    HealthStatus as HealthStatus,
    ManagerHealth as ManagerHealth,
    RetryPolicy as RetryPolicy,
    SessionCreationOptions as SessionCreationOptions,
    SessionStats as SessionStats,
    StateChange as StateChange,
    open_session_manager as open_session_manager,
)
from belay_actors.observe import (
    CallEnded as CallEnded,
    CallStarted as CallStarted,
    CleanupFailed as CleanupFailed,
    Event as Event,
    MethodDeployed as MethodDeployed,
    Observer as Observer,
    OpenTelemetryObserver as OpenTelemetryObserver,
    ResourceRegistered as ResourceRegistered,
    SessionCreated as SessionCreated,
    SessionEnded as SessionEnded,
    SessionRetried as SessionRetried,
    ThreadEnded as ThreadEnded,
    ThreadFailed as ThreadFailed,
    ThreadRegistered as ThreadRegistered,
    ThreadRestarting as ThreadRestarting,
)
from belay_actors.options import (
    DeviceOptions as DeviceOptions,
    SessionManagementOptions as SessionManagementOptions,
    options_from_environment as options_from_environment,
    options_from_mapping as options_from_mapping,
    options_from_toml as options_from_toml,
)
from belay_actors.resources import (
    BusResource as BusResource,
    CallbackResource as CallbackResource,
    DeviceTimerResource as DeviceTimerResource,
    PinResource as PinResource,
    TemporaryFileResource as TemporaryFileResource,
)
from belay_actors.session import (
    BackgroundThreadInfo as BackgroundThreadInfo,
    DeployedMethodInfo as DeployedMethodInfo,
    DeviceContext as DeviceContext,
    DeviceInfo as DeviceInfo,
    DeviceProgram as DeviceProgram,
    DropPolicy as DropPolicy,
    ExecutorContext as ExecutorContext,
    FileInfo as FileInfo,
    FileOperation as FileOperation,
    FileOperationKind as FileOperationKind,
    FileSystemContext as FileSystemContext,
    FileSystemState as FileSystemState,
    Leftover as Leftover,
    OutputLine as OutputLine,
    OutputLines as OutputLines,
    ProtocolMetrics as ProtocolMetrics,
    ResourceTracker as ResourceTracker,
    ResourceUsageStats as ResourceUsageStats,
    Session as Session,
    SessionReport as SessionReport,
    SessionState as SessionState,
    StateKey as StateKey,
)
from belay_actors.values import Value as Value
