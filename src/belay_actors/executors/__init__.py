"""From a Python function to what runs on the board: the runtime of functions, below the session."""

from belay_actors.executors._board_stream import StreamHost as StreamHost
from belay_actors.executors._executors import Executors as Executors
from belay_actors.executors._programs import (
    SetupExecutor as SetupExecutor,
    TeardownExecutor as TeardownExecutor,
)
from belay_actors.executors._resource import SessionResource as SessionResource
from belay_actors.executors._restarts import RestartPolicy as RestartPolicy
from belay_actors.executors._runner import FunctionRunner as FunctionRunner
from belay_actors.executors._streams import Stream as Stream, open_stream as open_stream
from belay_actors.executors._tasks import TaskExecutor as TaskExecutor
from belay_actors.executors._thread_handle import ThreadHandle as ThreadHandle
from belay_actors.executors._thread_host import (
    ThreadHost as ThreadHost,
    ThreadRunner as ThreadRunner,
)
from belay_actors.executors._threads import ThreadExecutor as ThreadExecutor
