"""One session from its opening to its end, and what must be true of it then."""

import math
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from random import Random

import attrs
import trio

from belay_actors import DeviceSessionManager, DeviceState, Session

from .deeds import Deeds
from .model import Model, expect
from .places import Opening
from .tally import Tally

_RESOURCE_COST = 100


class Deliberate(Exception):  # noqa: N818  # it is what the soak does, not what it finds
    """Raised on purpose, to see it come out."""


@attrs.frozen(eq=False)
class Resource:
    """Something to give back, which takes calls on the board."""

    resource_id: str
    life: "Life"
    resource_type: str = "SoakResource"
    estimated_cost: int = _RESOURCE_COST
    created_at: datetime = attrs.field(factory=lambda: datetime.now(UTC))

    async def cleanup(self) -> None:
        await self.life.deeds.token()
        self.life.given_back.append(self.resource_id)


@attrs.define(eq=False)
class Life:
    """A session's life on one board.

    Attributes:
        name: unique among all sessions of the soak.
        opening: of the device it is on.
        manager: that opens it, if no other is named.
        pause: mean seconds between two deeds.
        progress: tells what is being done.
    """

    name: str
    opening: Opening
    manager: DeviceSessionManager
    chance: Random
    tally: Tally
    pause: float
    progress: "Progress"
    generation: int = attrs.field(init=False)
    taken: list[str] = attrs.field(init=False, factory=list[str])
    given_back: list[str] = attrs.field(init=False, factory=list[str])
    _session: Session | None = attrs.field(init=False, default=None)
    _deeds: Deeds | None = attrs.field(init=False, default=None)

    def __attrs_post_init__(self) -> None:
        self.generation = self.opening.device.generation

    @property
    def deeds(self) -> Deeds:
        """What its session does."""
        assert self._deeds is not None, "the session was not opened"
        return self._deeds

    @asynccontextmanager
    async def open(
        self, manager: DeviceSessionManager | None = None
    ) -> AsyncGenerator[Session, None]:
        """Opens the session for the body, with some resources to give back."""
        manager = manager or self.manager
        async with manager.open_session(self.opening.device) as session:
            self.begin(session, manager)
            yield session

    def begin(self, session: Session, manager: DeviceSessionManager) -> None:
        """Takes a session that was just opened."""
        self._session = session
        self._deeds = Deeds(
            session, manager, Model(self.name), self.chance, self.tally, self.progress.note
        )
        for number in range(self.chance.choice((0, 0, 1, 3))):
            self.taken.append(f"{self.name}:{number}")
            session.resources.register_resource(Resource(self.taken[-1], self))

    async def work(self) -> None:
        """Does a few things, and rests in between."""
        for _ in range(self.chance.randrange(3, 20)):
            await self.deeds.do_one()
            await trio.sleep(self.chance.expovariate(1 / self.pause))

    async def work_on(self) -> None:
        """Works until cancelled."""
        while True:
            await self.work()

    def check_given_back(self) -> None:
        """What must be true when the session has ended.

        Raises:
            WrongReply: it is not.
        """
        session = self._session
        if session is None:
            return
        expect(session.is_active, False, "is_active of a session that has ended")
        expect(session.resources.get_active_resources(), (), "its resources")
        expect(session.report is not None, True, "its report")
        was_disturbed = (
            self.opening.is_killed
            or self.opening.was_hung
            or self.opening.device.generation != self.generation
            or self.opening.device.state is DeviceState.LOST
        )
        if session.report is not None and not was_disturbed:
            expect(session.report.left, (), "what is left of it")
            expect(self.given_back, self.taken[::-1], "what it has given back")
            expect(session.report.resources_released, tuple(self.given_back), "its report")


@attrs.define
class Progress:
    """What a worker does at present, and since when, on trio's clock."""

    what: str = "nothing yet"
    since: float = 0.0

    def note(self, what: str) -> None:
        """It does something else from now on."""
        self.what = what
        self.since = trio.current_time()

    def end(self) -> None:
        """It does nothing any more, and may take all time for that."""
        self.since = math.inf
