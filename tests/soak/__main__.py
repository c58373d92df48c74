"""A soak: many sessions on many real MicroPythons, with faults, for a long time.

``python -m tests.soak --minutes 10 --seed 7 --boards 50 --sessions 200``, from the repository's
root. It ends with a table, and with exit code 1 if there was a wrong reply, a leak or a surprise.
"""

import faulthandler
import logging
import sys
from collections.abc import Sequence
from random import Random

import trio

from belay_actors import open_device, open_session_manager

from .faults import Faults
from .host import Holdings, Memory, count_objects
from .places import Place, inspect
from .plan import Plan, read_plan
from .tally import Tally, say
from .watch import watch_progress
from .worker import Worker

_WARM_UP = 0.1  # of the time; at its end, half-way and at the end memory is read
_END_TIME = 180.0  # seconds for opening and closing, after which the process is ended


async def soak(plan: Plan, tally: Tally) -> None:
    """Opens the boards, lets the sessions work, and closes the boards."""
    places = [Place(number, plan, tally) for number in range(plan.boards)]
    async with open_device("micropython:"):
        pass  # what a run keeps for ever, once there was a device, is no leak
    before = Holdings.read()
    is_over = trio.Event()
    async with trio.open_nursery() as nursery:
        for place in places:
            nursery.start_soon(place.keep, is_over, name=place.name)
        for place in places:
            await place.wait()
        await _work(plan, places, tally)
        is_over.set()
    for leak in Holdings.read().leaks_since(before):
        tally.leak(leak)
    tally.check_restarts()
    tally.is_complete = True


async def _work(plan: Plan, places: list[Place], tally: Tally) -> None:
    """All sessions at once, until the time is over and all of them are cancelled in a moment."""
    async with open_session_manager(plan.session_options) as manager:
        workers = [Worker(number, plan, places, manager, tally) for number in range(plan.sessions)]
        async with trio.open_nursery() as watch:
            watch.start_soon(watch_progress, workers, plan.stuck_after, tally)
            async with trio.open_nursery() as nursery:
                for worker in workers:
                    nursery.start_soon(worker.run, name=worker.name)
                nursery.start_soon(Faults(plan, places, tally).run)
                nursery.start_soon(inspect, places, Random(f"{plan.seed} inspect"), tally)
                await _watch_memory(plan, tally)
                nursery.cancel_scope.cancel()
            watch.cancel_scope.cancel()
    tally.memory.append(Memory.read())
    if count_objects()["Session"] > len(places):  # each place has one to hear news by
        tally.leak(f"of the host's objects {dict(count_objects())} are kept")


async def _watch_memory(plan: Plan, tally: Tally) -> None:
    """Lets the time go by, and reads memory now and then."""
    for part in (_WARM_UP, 0.5 - _WARM_UP):
        await trio.sleep(plan.seconds * part)
        tally.memory.append(Memory.read())
    await trio.sleep(plan.seconds * 0.5)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a soak by the command line; returns the exit code."""
    plan = read_plan(arguments)
    tally = Tally(plan)
    logging.getLogger("belay_actors").addHandler(logging.NullHandler())
    sys.unraisablehook = lambda hooked: tally.surprise(
        f"unraisable, of {hooked.object!r}", "the host", hooked.exc_value
    )
    faulthandler.dump_traceback_later(plan.seconds + _END_TIME, exit=True)
    say(f"Soak: {plan.command}")
    try:
        trio.run(soak, plan, tally)
    finally:
        say(tally.table())
    faulthandler.cancel_dump_traceback_later()
    return 0 if tally.is_good else 1


if __name__ == "__main__":
    sys.exit(main())
