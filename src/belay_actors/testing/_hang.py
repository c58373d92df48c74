"""Ends a run of trio that would never end, and tells what its tasks waited for.

A program under test may deadlock, or spin (a task that swallows its cancellation is told of it
again and again). So there is a limit of time and one of steps. At the first of them the run is
cancelled, which is enough for most; a run that goes on for as long again is given up.
"""

import ctypes
import os
import traceback
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import trio

_MOST_STEPS = 100_000
_MOST_LINES = 4
# Frames of no interest: trio's, and those that every test run has.
_TRIO = str(Path(trio.__file__).parent) + os.sep
_OWN = (__file__, str(Path(__file__).with_name("_point.py")))


class HangError(AssertionError):
    """A run did not end. The message tells where its tasks were."""


class Watchdog(trio.abc.Instrument):
    """Watches over one run. An instrument of that run, which must call ``start``.

    Args:
        seconds: that the run may take, on its own clock.

    Attributes:
        has_begun: set after ``start``, when its own task has made its first step.
    """

    def __init__(self, seconds: float) -> None:
        self.has_begun = trio.Event()
        self._seconds = seconds
        self._steps = 0
        self._scope = trio.CancelScope()
        self._report: str | None = None
        self._is_given_up = False

    def start(self) -> trio.CancelScope:
        """Begins to watch.

        Returns:
            The scope that all of the run must be in.
        """
        trio.lowlevel.spawn_system_task(self._watch, name="watchdog of a test")
        return self._scope

    @contextmanager
    def explaining(self) -> Generator[None, None, None]:
        """What ``trio.run`` is called in: says that the run hung, whatever came of that."""
        try:
            yield
        except BaseException as error:
            if self._report is not None:
                raise self._make_error() from error  # noqa: ASYNC104  # the run is over
            raise
        if self._report is not None:
            raise self._make_error()

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        """Counts. For trio."""
        del task
        self._steps += 1
        if self._steps % _MOST_STEPS == 0:
            self._object(f"after {_MOST_STEPS} steps")
        if self._is_given_up:
            _leave_run_behind()
            # trio forgives an instrument that raises, and removes it. One that is removed already
            # ends the run with a TrioInternalError, and that is what is needed here.
            trio.lowlevel.remove_instrument(self)
            raise self._make_error()

    async def _watch(self) -> None:
        self.has_begun.set()
        for _ in range(2):
            await trio.sleep(self._seconds)
            self._object(f"after {self._seconds:g} s")

    def _object(self, when: str) -> None:
        if self._report is None:
            self._report = f"the run had not ended {when}; its tasks were at\n{describe_tasks()}"
            self._scope.cancel()
        else:
            self._is_given_up = True

    def _make_error(self) -> HangError:
        end = (
            "\nIt did not end when it was cancelled, and was given up." if self._is_given_up else ""
        )
        return HangError(f"{self._report}{end}")


def _leave_run_behind() -> None:
    """Keeps all tasks of the run for ever.

    Collecting a coroutine ends it by ``GeneratorExit``, and one that swallows everything would
    spin again, this time with nobody to stop it. So there is one reference too many.
    """
    root = trio.lowlevel.current_root_task()
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(root))


def all_tasks() -> list[trio.lowlevel.Task]:
    """All tasks of the present run."""
    root = trio.lowlevel.current_root_task()
    found = [] if root is None else [root]
    for task in found:  # grows while it is walked
        for nursery in task.child_nurseries:
            found += nursery.child_tasks
    return found


def where(task: trio.lowlevel.Task) -> str:
    """The innermost lines of a task's stack, without trio's own and ours; may be empty."""
    if getattr(task.coro, "cr_frame", None) is None:  # it has ended
        return ""
    stack = traceback.StackSummary.extract(task.iter_await_frames())
    lines = [
        f"{frame.filename}:{frame.lineno} in {frame.name}"
        for frame in reversed(stack)
        if not frame.filename.startswith(_TRIO) and frame.filename not in _OWN
    ]
    return " < ".join(lines[:_MOST_LINES])


def describe_tasks() -> str:
    """A line for each task of the present run that is not one of trio's own or ours."""
    places = ((task.name, where(task)) for task in all_tasks())
    return "\n".join(f"  {name}: {place}" for name, place in places if place)
