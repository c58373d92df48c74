"""What is done to boards from outside, while sessions use them.

* ``kill``: SIGKILL; the device is lost, and must be opened anew.
* ``pause``: SIGSTOP, and SIGCONT in a moment; the board answers late, and nobody may notice.
* ``hang``: the same for longer than the recovery grace; a call that is cancelled meanwhile makes
  the device restart its board by force.
* ``reset``: a Ctrl-D at the raw prompt of an idle board, which starts anew.
* ``close``: the host closes the device with all the sessions that are on it.
"""

import signal
from collections.abc import Awaitable, Callable, Sequence
from random import Random

import trio

from belay_actors.wire._requests import LEAVE

from .places import Opening, Place
from .plan import Plan
from .tally import Tally
from .watched import send_signal

_SOFT_RESET = LEAVE + b"\x03\x04"
_IDLE_TRIES = 200
_LONGEST_PAUSE = 1.0  # seconds


class Faults:
    """Does things to boards, one after the other, at random times."""

    def __init__(self, plan: Plan, places: Sequence[Place], tally: Tally) -> None:
        self._plan = plan
        self._places = places
        self._tally = tally
        self._chance = Random(f"{plan.seed} faults")

    async def run(self) -> None:
        """Goes on until cancelled; an interpreter that is paused then goes on."""
        per_second = self._plan.faults_per_minute * len(self._places) / 60
        kinds: dict[Callable[[Opening], Awaitable[bool]], int] = {
            self._kill: 3,
            self._pause: 6,
            self._hang: 1,
            self._reset: 4,
            self._close: 2,
        }
        if not per_second:
            return
        async with trio.open_nursery() as nursery:
            while True:
                await trio.sleep(self._chance.expovariate(per_second))
                place = self._chance.choice(self._places)
                (kind,) = self._chance.choices([*kinds], [*kinds.values()])
                if place.opening is not None:
                    nursery.start_soon(self._do, kind, place.opening)

    async def _do(self, kind: Callable[[Opening], Awaitable[bool]], opening: Opening) -> None:
        if await kind(opening):
            self._tally.faults[kind.__name__.removeprefix("_")] += 1

    async def _kill(self, opening: Opening) -> bool:
        await trio.lowlevel.checkpoint()
        was_killed = opening.transport.signal(signal.SIGKILL) is not None
        opening.is_killed |= was_killed
        return was_killed

    async def _pause(self, opening: Opening) -> bool:
        return await self._stop_for(opening, self._chance.uniform(0.02, _LONGEST_PAUSE))

    async def _hang(self, opening: Opening) -> bool:
        opening.was_hung = True
        grace = self._plan.device_options.recovery_grace
        return await self._stop_for(opening, grace * self._chance.uniform(1, 2))

    async def _stop_for(self, opening: Opening, seconds: float) -> bool:
        pid = opening.transport.signal(signal.SIGSTOP)
        if pid is None:
            await trio.lowlevel.checkpoint()
            return False
        try:
            await trio.sleep(seconds)
        finally:
            send_signal(pid, signal.SIGCONT)
        return True

    async def _reset(self, opening: Opening) -> bool:
        """Only between two calls: in the middle of code that is being sent it would cut that."""
        for _ in range(_IDLE_TRIES):
            calls = opening.device.snapshot().calls
            link = opening.transport.link
            if opening.is_settled and not calls.is_busy and not calls.waiting and link is not None:
                break
            await trio.sleep(self._chance.uniform(0, 0.02))
        else:
            return False
        try:
            if not link.send_nowait(_SOFT_RESET):
                return False
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            return False
        opening.is_settled = False
        opening.soft_resets += 1
        return True

    async def _close(self, opening: Opening) -> bool:
        await trio.lowlevel.checkpoint()
        opening.close()
        return True
