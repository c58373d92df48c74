"""From code to its runs on a board. What they need of a session they ask by protocols of theirs."""

from belay_actors.executors._restarts import RestartPolicy as RestartPolicy
from belay_actors.executors._thread_handle import ThreadHandle as ThreadHandle
from belay_actors.executors._thread_host import (
    ThreadHost as ThreadHost,
    ThreadRunner as ThreadRunner,
)
from belay_actors.executors._thread_state import (
    ThreadHandleState as ThreadHandleState,
    ThreadHandleStatus as ThreadHandleStatus,
)
from belay_actors.executors._threads import ThreadExecutor as ThreadExecutor
