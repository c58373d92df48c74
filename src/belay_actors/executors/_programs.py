"""Programs in a session: their setups run at its start, and their teardowns at its end, always.

Teardowns are sent and registered before the first setup runs. So they run whatever becomes of the
setups, and need no memory that may be short later. They are registered in their order, and what a
session holds is given back in reverse: threads and resources came later, and are gone before.
"""

import functools
import logging
from contextlib import ExitStack, suppress
from datetime import UTC, datetime

import attrs
import trio

from belay_actors.errors import NameConflictError, RemoteError, SessionFailedError
from belay_actors.executors._deployments import Deployments
from belay_actors.executors._host import ExecutorHost
from belay_actors.executors._tasks import TaskExecutor
from belay_actors.functions import (
    DeviceProgram,
    Setup,
    Teardown,
    Unit,
    arguments_for,
    setups_of,
    teardowns_of,
)

_logger = logging.getLogger("belay_actors.session")


class SetupExecutor:
    """Runs the setups of programs, each once in a session. Made by the session.

    Args:
        host: the session.
        deployments: what it has on the board.
        tasks: its executor of tasks.
    """

    __slots__ = ("_begun", "_deployments", "_done", "_host", "_lock", "_tasks")

    def __init__(self, host: ExecutorHost, deployments: Deployments, tasks: TaskExecutor) -> None:
        self._host = host
        self._deployments = deployments
        self._tasks = tasks
        self._lock = trio.Lock()
        # Qualified names: each program has setups of its own.
        self._begun: set[str] = set()
        self._done: set[str] = set()

    async def run(self, program: type[DeviceProgram]) -> None:
        """Runs the setups of a program: its bases' first, each class's in the order of the source.

        What has run in this session, or has begun to, is not run again.

        Raises:
            SessionFailedError: one that is critical failed, now or before; those after it were not
                run.
            DeviceError, SessionError: as for any call.

        Cancellation: as for any call. One that had begun counts as failed, those after it are not
        run.
        """
        async with self._lock:
            for setup in setups_of(program):
                if setup.qualname not in self._done:
                    self._refuse_second_run(setup)
                    await self._run(program, setup)
                    self._done.add(setup.qualname)

    def _refuse_second_run(self, setup: Setup[...]) -> None:
        if setup.qualname in self._begun and setup.options.critical:
            raise SessionFailedError(
                f"the setup {setup.qualname} has begun in this session before, and did not come to "
                "its end; open another session",
                device=self._host.device.name,
                session_id=self._host.session_id,
            )

    async def _run(self, program: type[DeviceProgram], setup: Setup[...]) -> None:
        if setup.qualname in self._begun:
            return
        unit, arguments = self._tasks.prepare(setup, (), arguments_for(program, setup))
        begin = functools.partial(self._begun.add, setup.qualname)
        try:
            await self._deployments.run_once(unit, arguments, begin)
        except RemoteError as error:
            if setup.options.critical:
                raise SessionFailedError(
                    f"the setup {setup.qualname} failed: {error.message}",
                    device=self._host.device.name,
                    session_id=self._host.session_id,
                ) from error
            about = {"session_id": self._host.session_id, "device": self._host.device.name}
            _logger.warning(
                "the setup %s failed and is not critical: %s", setup.qualname, error, extra=about
            )


@attrs.frozen(eq=False)
class BoardTeardown:
    """A teardown as a resource of its session: giving it back runs it.

    What was given back, or has failed to be, is not given back again. One whose run was cancelled,
    with a call of ``cleanup_resources`` perhaps, has not come to its end: it runs again, from its
    beginning, when the session ends.
    """

    resource_id: str
    call: str
    unit: Unit
    _host: ExecutorHost
    _deployments: Deployments
    resource_type: str = "Teardown"
    estimated_cost: int = 0
    created_at: datetime = attrs.field(factory=lambda: datetime.now(UTC))

    async def cleanup(self) -> None:
        """Runs the teardown on the board; raises, and is cancelled, as a call."""
        # It is there, unless something of its names was cut off on its way.
        with suppress(RemoteError, NameConflictError):
            await self._deployments.ensure(self.unit)
        with self._deployments.mapped_tracebacks(self.unit):
            await self._host.evaluate_call(self.call, time_limit=None, is_idempotent=False)
        self._deployments.release(self.unit)


class TeardownExecutor:
    """Has the teardowns of programs run when the session ends. Made by the session.

    Args:
        host: the session.
        deployments: what it has on the board.
        tasks: its executor of tasks.
    """

    __slots__ = ("_deployments", "_host", "_lock", "_registered", "_tasks")

    def __init__(self, host: ExecutorHost, deployments: Deployments, tasks: TaskExecutor) -> None:
        self._host = host
        self._deployments = deployments
        self._tasks = tasks
        self._lock = trio.Lock()
        self._registered: set[str] = set()

    async def register(self, program: type[DeviceProgram]) -> None:
        """Sends the teardowns of a program, and has each run once when the session ends.

        They run in reverse: those of derived classes first, each class's from the last to the
        first. A failure does not stop the others, and is told with what else could not be given
        back.

        Raises:
            RemoteError, DeviceError, SessionError: as for any call.

        Cancellation: as for any call; those that were sent will run.
        """
        async with self._lock:
            for teardown in teardowns_of(program):
                if teardown.qualname not in self._registered:
                    await self._register(program, teardown)

    async def _register(self, program: type[DeviceProgram], teardown: Teardown[...]) -> None:
        arguments_of = arguments_for(program, teardown)
        unit, arguments = self._tasks.prepare(teardown, (), arguments_of)
        with ExitStack() as stack:
            self._deployments.hold(unit)
            stack.callback(self._deployments.release, unit)
            await self._deployments.ensure(unit)
            self._host.resources.register_resource(
                BoardTeardown(
                    f"teardown:{unit.name}",
                    f"{unit.name}({arguments})",
                    unit,
                    self._host,
                    self._deployments,
                )
            )
            stack.pop_all()  # until it has run
        self._registered.add(teardown.qualname)
