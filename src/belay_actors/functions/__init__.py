"""From a Python function to source for a board: what decorators make, and what is sent of it.

Nothing here knows a device: a session deploys a function's units, writes a call's arguments, and
converts its result.
"""

from belay_actors.functions._caller import (
    FunctionCaller as FunctionCaller,
    RunningThread as RunningThread,
)
from belay_actors.functions._function import BoardFunction as BoardFunction
from belay_actors.functions._generator import (
    BoundGeneratorTask as BoundGeneratorTask,
    GeneratorTask as GeneratorTask,
)
from belay_actors.functions._options import (
    SetupOptions as SetupOptions,
    TaskOptions as TaskOptions,
    ThreadOptions as ThreadOptions,
)
from belay_actors.functions._program import (
    DeviceProgram as DeviceProgram,
    arguments_for as arguments_for,
    setups_of as setups_of,
    tasks_of as tasks_of,
    teardowns_of as teardowns_of,
    threads_of as threads_of,
)
from belay_actors.functions._setup import (
    Setup as Setup,
    Teardown as Teardown,
    setup as setup,
    teardown as teardown,
)
from belay_actors.functions._task import BoundTask as BoundTask, Task as Task, task as task
from belay_actors.functions._thread import (
    BoundThreadFunction as BoundThreadFunction,
    ThreadFunction as ThreadFunction,
    thread as thread,
)
from belay_actors.functions._thread_state import (
    ThreadHandleState as ThreadHandleState,
    ThreadHandleStatus as ThreadHandleStatus,
)
from belay_actors.functions._traceback import (
    SentText as SentText,
    host_traceback as host_traceback,
)
from belay_actors.functions._unit import (
    BoardText as BoardText,
    Unit as Unit,
    closure as closure,
)
