"""Looks for workers that make no progress, and tells where in the code every task waits."""

import traceback
from collections.abc import Iterator, Sequence

import trio

from .tally import Tally, say
from .worker import Worker

_PERIOD = 5.0  # seconds


async def watch_progress(workers: Sequence[Worker], stuck_after: float, tally: Tally) -> None:
    """Counts each worker that is stuck, once. Runs until cancelled."""
    told: set[str] = set()
    while True:
        await trio.sleep(_PERIOD)
        now = trio.current_time()
        for worker in workers:
            seconds = now - worker.progress.since
            if seconds > stuck_after and worker.name not in told:
                if not told:
                    say("\n".join(_all_stacks()))
                told.add(worker.name)
                tally.surprise(f"{worker.progress.what!r} takes {seconds:.0f} s", worker.name)


def _all_stacks() -> Iterator[str]:
    """Where every task waits."""
    root = trio.lowlevel.current_root_task()
    tasks = [root] if root is not None else []
    while tasks:
        task = tasks.pop()
        yield f"Task {task.name}"
        for frame, line in task.iter_await_frames():
            summary = traceback.FrameSummary(frame.f_code.co_filename, line, frame.f_code.co_name)
            yield f"  {summary.filename}:{summary.lineno} {summary.name}: {summary.line}"
        tasks += [child for nursery in task.child_nurseries for child in nursery.child_tasks]
