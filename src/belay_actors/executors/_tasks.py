"""Calls of functions on the board: sent when they are first needed, then one round trip each."""

import math
from typing import ParamSpec, TypeVar

import trio

from belay_actors.errors import RemoteError
from belay_actors.executors._deployments import Deployments
from belay_actors.executors._host import ExecutorHost
from belay_actors.executors._results import ResultCache
from belay_actors.functions import BoardFunction, Task, Unit, closure
from belay_actors.values import Value

P = ParamSpec("P")
R = TypeVar("R")


class TaskExecutor:
    """Calls functions in one session. Made by the session.

    Args:
        host: the session.
        deployments: what it has on the board.
    """

    __slots__ = ("_deployments", "_host", "_results")

    def __init__(self, host: ExecutorHost, deployments: Deployments) -> None:
        self._host = host
        self._deployments = deployments
        self._results: ResultCache | None = None

    async def call(self, task: Task[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Calls a function on the board; see ``Session.call``."""
        if not isinstance(task, Task):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"{task!r} is no task; decorate the function with @task")
        unit, arguments = self.prepare(task, args, kwargs)
        options = task.options
        seconds = options.cache_result
        if seconds is None and not options.exclusive:
            return task.convert(await self._call_in_turn(task, unit, arguments))
        if seconds is None:
            return task.convert(await self._call(task, unit, arguments))
        if self._results is None:
            self._results = ResultCache()
        key = unit, arguments
        kept = self._results.find(key)
        if kept is not None:
            await trio.lowlevel.checkpoint()
            return task.convert(kept[0])
        value = await self._call(task, unit, arguments)
        result = task.convert(value)
        self._results.keep(key, value, seconds)
        return result

    def prepare(
        self,
        function: BoardFunction[..., object],
        args: tuple[object, ...],
        kwargs: dict[str, object],
    ) -> tuple[Unit, str]:
        """Returns what to send of a function, and its arguments as text; nothing is sent.

        Raises:
            TypeError, ValueError: the arguments do not fit, or cannot travel.
            UnsupportedFunctionError: the function needs what no board can have.
            DeviceCapabilityError: there is no variant of it for this board.
        """
        capabilities = self._host.capabilities
        unit = function.unit(capabilities.platform, capabilities.implementation)
        arguments = function.arguments(args, kwargs, exact_floats=capabilities.has_doubles)
        return unit, arguments

    async def _call(self, task: Task[P, R], unit: Unit, arguments: str) -> Value:
        if not task.options.exclusive:
            return await self._call_in_turn(task, unit, arguments)
        async with self._host.exclusive(at_most=math.inf):
            return await self._call_in_turn(task, unit, arguments)

    async def _call_in_turn(self, task: Task[P, R], unit: Unit, arguments: str) -> Value:
        options, deployments = task.options, self._deployments
        deployments.hold(unit)
        try:
            if not deployments.use(unit):
                await deployments.ensure(unit)
            return await self._host.evaluate_call(
                f"{unit.name}({arguments})",
                time_limit=options.timeout,
                is_idempotent=options.idempotent,
            )
        except RemoteError as error:
            deployments.place(error, unit)
            _hint_at_setup(error, unit)
            raise
        finally:
            deployments.release(unit)


def _hint_at_setup(error: RemoteError, unit: Unit) -> None:
    """Says where a name that is missing could have come from."""
    if error.type_name != "NameError":
        return
    for name in {name for each in closure(unit) for name in each.wants}:
        if repr(name) in error.remote_message:
            error.add_note(
                f"{name!r} is only declared on the host: a @setup, or another call, makes it in "
                "this session before"
            )
