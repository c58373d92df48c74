"""The executors of one session, which share what is known of its board."""

import math
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import ParamSpec, TypeVar

from belay_actors.executors._deployments import Deployments
from belay_actors.executors._host import ExecutorHost
from belay_actors.executors._programs import SetupExecutor, TeardownExecutor
from belay_actors.executors._streams import open_stream
from belay_actors.executors._tasks import TaskExecutor
from belay_actors.executors._thread_handle import ThreadHandle
from belay_actors.executors._threads import ThreadExecutor
from belay_actors.functions import DeviceProgram, GeneratorTask, ThreadFunction

P = ParamSpec("P")
T = TypeVar("T")


class Executors:
    """What runs functions in one session. Made by the session.

    Args:
        host: the session.
        threads: starts its threads.
        provide_tools: puts ``should_stop`` and ``sleep_ms`` into its namespace.

    Attributes:
        tasks: calls functions.
        threads: starts threads of the board.
    """

    __slots__ = ("_deployments", "_host", "_setups", "_teardowns", "tasks", "threads")

    def __init__(
        self,
        host: ExecutorHost,
        threads: ThreadExecutor,
        provide_tools: Callable[[], Awaitable[None]],
    ) -> None:
        self._host = host
        self._deployments = Deployments(host, provide_tools)
        self.threads = threads
        self.tasks = TaskExecutor(host, self._deployments)
        # Made when they are asked for: most sessions have no program.
        self._setups: SetupExecutor | None = None
        self._teardowns: TeardownExecutor | None = None

    @property
    def setups(self) -> SetupExecutor:
        """Runs the setups of programs."""
        if self._setups is None:
            self._setups = SetupExecutor(self._host, self._deployments, self.tasks)
        return self._setups

    @property
    def teardowns(self) -> TeardownExecutor:
        """Has the teardowns of programs run at the end."""
        if self._teardowns is None:
            self._teardowns = TeardownExecutor(self._host, self._deployments, self.tasks)
        return self._teardowns

    async def set_up(self, program: type[DeviceProgram]) -> None:
        """Makes a program ready: see ``Session.set_up``."""
        await self.teardowns.register(program)
        await self.setups.run(program)

    async def start_thread(
        self, function: ThreadFunction[P], *args: P.args, **kwargs: P.kwargs
    ) -> ThreadHandle:
        """Starts a function in a thread: see ``Session.start_thread``."""
        if not isinstance(function, ThreadFunction):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"{function!r} is no thread; decorate the function with @thread")
        unit, arguments = self.tasks.prepare(function, args, kwargs)
        await self.threads.check_limits()
        self._deployments.hold(unit)  # the board needs it until the thread's end is known
        try:
            await self._deployments.ensure(unit)
        except BaseException:
            self._deployments.release(unit)
            raise
        return await self.threads.start(
            unit.name,
            f"{unit.name}({arguments})",
            auto_restart=function.options.auto_restart,
            max_runtime=function.options.max_runtime,
            map_traceback=lambda traceback: self._deployments.map_traceback(traceback, unit),
            on_end=lambda: self._deployments.release(unit),
        )

    @asynccontextmanager
    async def open_stream(
        self, function: GeneratorTask[P, T], *args: P.args, **kwargs: P.kwargs
    ) -> AsyncGenerator[AsyncIterator[T], None]:
        """Runs a generator: see ``Session.stream``."""
        if not isinstance(function, GeneratorTask):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"{function!r} is no generator function that is decorated with @task")
        unit, arguments = self.tasks.prepare(function, args, kwargs)
        options = function.options
        async with AsyncExitStack() as stack:
            if options.exclusive:
                await stack.enter_async_context(self._host.exclusive(at_most=math.inf))
            stack.enter_context(self._deployments.in_use(unit))
            await self._deployments.ensure(unit)
            yield await stack.enter_async_context(
                open_stream(
                    self._host,
                    name=unit.name,
                    expression=f"{unit.name}({arguments})",
                    convert=function.convert,
                    time_limit=options.timeout,
                    is_idempotent=options.idempotent,
                    place=lambda error: self._deployments.place(error, unit),
                )
            )
