"""A worker: one session after the other, each on a board and with an ending drawn by chance."""

from collections.abc import Sequence
from random import Random
from typing import cast

import trio

from belay_actors import DeviceSessionManager

from .endings import ENDINGS
from .life import Life, Progress
from .model import WrongReply
from .places import Place
from .plan import Plan
from .tally import Tally
from .verdict import judge


class Worker:
    """Works until it is cancelled.

    Args:
        index: its number; with the seed it decides what is left to chance.
    """

    def __init__(
        self,
        index: int,
        plan: Plan,
        places: Sequence[Place],
        manager: DeviceSessionManager,
        tally: Tally,
    ) -> None:
        self.name = f"w{index}"
        self.progress = Progress()
        self._plan = plan
        self._places = places
        self._manager = manager
        self._tally = tally
        self._chance = Random(f"{plan.seed} worker {index}")
        self._lives = 0

    async def run(self) -> None:
        """Lives one session after the other."""
        try:
            while True:
                await self._live()
                await trio.sleep(self._chance.expovariate(1 / self._plan.pause))
        finally:
            self.progress.end()

    async def _live(self) -> None:
        self.progress.note("waiting for a board")
        life = await self._draw_life()
        (ending,) = self._chance.choices([*ENDINGS], [*ENDINGS.values()])
        who = f"{life.name} ({ending.__name__}) on {life.opening.device.name}"
        try:
            await ending(life)
        except BaseException as error:
            cancelled, rest = _split(error)
            if rest is not None:
                rest.add_note(f"while it did: {self.progress.what}")
                judge(rest, life.opening, life.generation, who, self._tally)
            if cancelled is not None:
                raise cancelled from None
        finally:
            self._tally.endings[ending.__name__.replace("_", " ")] += 1
            self._check(life, who)

    async def _draw_life(self) -> Life:
        opening = await self._chance.choice(self._places).wait()
        self._lives += 1
        return Life(
            f"{self.name}.{self._lives}",
            opening,
            self._manager,
            self._chance,
            self._tally,
            self._plan.pause,
            self.progress,
        )

    def _check(self, life: Life, who: str) -> None:
        try:
            life.check_given_back()
        except WrongReply as wrong:
            self._tally.leak(f"{who}: {wrong}")


def _split(error: BaseException) -> tuple[BaseException | None, BaseException | None]:
    """Parts an error into what must go on (cancellation, Ctrl-C), and the rest."""
    if isinstance(error, BaseExceptionGroup):
        group = cast("BaseExceptionGroup[BaseException]", error)
        return group.split(lambda each: not isinstance(each, Exception | BaseExceptionGroup))
    return (None, error) if isinstance(error, Exception) else (error, None)
