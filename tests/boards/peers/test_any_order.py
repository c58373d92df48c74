"""Each call gets its own reply in whatever order calls are made, abandoned and cut off by resets.

| event | belay 0.30 | mpremote 1.29 | mpytool 2.6 |
|---|---|---|---|
| a call after an abandoned call | phantom exception | never recovers | **silently returns the
  previous call's value**, off by one for ever |

Several tasks make random calls; each knows what its own must give, and what its session's name
holds.
"""

import itertools
import random
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import attrs
import pytest
import trio
import trio.testing

from belay_actors import (
    Device,
    DeviceResetError,
    DeviceSessionManager,
    DeviceState,
    RemoteError,
    Session,
)

if TYPE_CHECKING:
    from boards import Board


@attrs.define
class Player:
    """Makes random calls in sessions, abandons some, and checks what the others give.

    Attributes:
        possible: what the name ``kept`` of its session may be; more than one thing after calls
            that were abandoned.
    """

    device: Device
    manager: DeviceSessionManager
    chance: random.Random
    numbers: Iterator[int]
    checked: int = 0
    abandoned: int = 0
    resets: int = 0
    possible: set[int] = attrs.field(factory=set[int])

    async def play(self, rounds: int) -> None:
        """Makes calls, and goes on in a new session when the board was reset."""
        left = rounds
        while left:
            try:
                async with self.manager.open_session(self.device) as session:
                    await session.execute("import time; kept = -1")
                    self.possible = {-1}
                    while left:
                        left -= 1
                        await self._play_one(session)
            except DeviceResetError:
                self.resets += 1

    async def _play_one(self, session: Session) -> None:
        kind = self.chance.choice([self.value, self.output, self.error, self.keep, self.end_late])
        with trio.CancelScope() as scope:
            if self.chance.random() < 0.5:
                scope.deadline = trio.current_time() + self.chance.choice([0, 0.001, 0.03]) * (
                    self.chance.random()
                )
            await kind(session, next(self.numbers))
            self.checked += 1
        self.abandoned += scope.cancelled_caught
        if self.chance.random() < 0.1:
            await self.run_endlessly(session)
        if self.chance.random() < 0.3:
            kept = await session.evaluate("kept", int)
            assert kept in self.possible
            self.possible = {kept}

    async def value(self, session: Session, number: int) -> None:
        assert await session.evaluate(f"[{number}, 'value']") == [number, "value"]

    async def output(self, session: Session, number: int) -> None:
        assert await session.execute(f"print('output', {number})") == f"output {number}\n"

    async def error(self, session: Session, number: int) -> None:
        with pytest.raises(RemoteError) as caught:
            await session.execute(f"raise ValueError('{number}')")
        assert caught.value.remote_message == str(number)

    async def keep(self, session: Session, number: int) -> None:
        self.possible.add(number)
        await session.execute(f"kept = {number}")
        self.possible = {number}

    async def end_late(self, session: Session, number: int) -> None:
        code = f"(time.sleep_ms({number % 30}), {number})[1]"
        assert await session.evaluate(code) == number

    async def run_endlessly(self, session: Session) -> None:
        with trio.move_on_after(0.01 * self.chance.random()) as scope:
            await session.execute("while True: pass")
        assert scope.cancelled_caught
        self.abandoned += 1


@pytest.fixture
def make_player(
    device: Device, manager: DeviceSessionManager, seed: int
) -> Callable[[int], Player]:
    numbers = itertools.count()

    def make_player(index: int) -> Player:
        return Player(device, manager, random.Random(seed + index), numbers)

    return make_player


async def test_a_call_after_an_abandoned_call_in_any_order_of_calls_by_many_tasks(
    device: Device, make_player: Callable[[int], Player]
) -> None:
    players = [make_player(index) for index in range(5)]
    async with trio.open_nursery() as nursery:
        for player in players:
            nursery.start_soon(player.play, 40)
    assert all(player.checked and player.abandoned for player in players)
    assert device.state is DeviceState.OPEN


async def test_a_call_after_an_abandoned_call_in_any_order_of_calls_and_resets(
    board: "Board", device: Device, make_player: Callable[[int], Player]
) -> None:
    players = [make_player(index) for index in range(3)]

    async def disturb() -> None:
        for count in (10, 25, 40, 55):
            while sum(player.checked for player in players) < count:  # noqa: ASYNC110
                await trio.testing.wait_all_tasks_blocked()
            await board.reset()

    async with trio.open_nursery() as disturbers:
        disturbers.start_soon(disturb)
        async with trio.open_nursery() as nursery:
            for player in players:
                nursery.start_soon(player.play, 50)
        disturbers.cancel_scope.cancel()
    assert all(player.checked and player.resets for player in players)
    assert device.generation > 1
    assert device.state is DeviceState.OPEN
