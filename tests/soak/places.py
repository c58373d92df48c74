"""The places where boards are: each holds one device, and opens it anew when it was lost or closed.

Who does something to a board from outside writes it down in its ``Opening`` first. So it is known
at any time which errors its sessions may see, and every other one is a surprise.
"""

from collections.abc import Iterable
from random import Random

import attrs
import trio

from belay_actors import (
    Device,
    DeviceClosedError,
    DeviceError,
    DeviceLostError,
    DeviceResetError,
    open_device,
    open_session_manager,
)
from belay_actors.device import Seat

from .model import WrongReply, expect
from .plan import Plan
from .tally import Tally
from .watched import WatchedTransport

_CORE_KEY = -1


@attrs.define(eq=False)
class Opening:
    """A device from its opening to its close.

    Attributes:
        is_killed: its interpreter was killed from outside, so it is lost, or about to be.
        was_hung: its interpreter was paused for so long that a cleanup may run out of time.
        is_closing: the soak closes it, with the sessions that are on it.
        is_settled: no reset is on its way.
        soft_resets: how many were sent to it.
    """

    device: Device
    transport: WatchedTransport
    is_killed: bool = False
    was_hung: bool = False
    is_closing: bool = False
    is_settled: bool = True
    soft_resets: int = 0
    leaving: trio.Event = attrs.field(factory=trio.Event)

    def close(self) -> None:
        """Has the device closed, whatever runs on it."""
        self.is_closing = True
        self.leaving.set()

    @property
    def resets_too_many(self) -> int:
        """Resets that nobody has caused; below 0, resets that the device has not noticed."""
        caused = self.soft_resets + self.transport.restarts_by_force
        return self.device.generation - 1 - caused

    async def session_keys(self) -> set[int]:
        """Keys of the session namespaces that are on the board now."""
        seat = Seat(_CORE_KEY, self.device.generation, None)
        value, _ = await self.device.run_in(seat, "sorted(spaces)", is_expression=True)
        assert isinstance(value, list)
        return {key for key in value if isinstance(key, int) and key > 0}

    async def find_strays(self) -> set[int]:
        """Keys of namespaces on the board that belong to no session that is open."""
        before = {*self.device._dependents}
        return await self.session_keys() - before - {*self.device._dependents}


class Place:
    """One of the boards; ``keep`` must run.

    Args:
        number: of the board; its name comes from it.
    """

    def __init__(self, number: int, plan: Plan, tally: Tally) -> None:
        self.name = f"board{number}"
        self._plan = plan
        self._options = plan.options_of(number)
        self._tally = tally
        self._opening: Opening | None = None
        self._opened = trio.Event()

    @property
    def opening(self) -> Opening | None:
        """The device that is there now."""
        return self._opening

    async def wait(self) -> Opening:
        """Waits for a device that can be used."""
        while self._opening is None:
            await self._opened.wait()
        return self._opening

    async def keep(self, is_over: trio.Event) -> None:
        """Keeps a device open until it is over and the device was found well."""
        while not await self._open_once(is_over):
            self._tally.recoveries["opened anew"] += 1

    async def _open_once(self, is_over: trio.Event) -> bool:
        """Opens the device and closes it. Returns whether it was found well at the end."""
        transport = WatchedTransport(self._tally)
        started = trio.current_time()
        async with open_device(transport, name=self.name, options=self._options) as device:
            self._tally.opening.add(trio.current_time() - started)
            self._opening = opening = Opening(device, transport)
            self._opened.set()
            try:
                await self._wait_for_the_end(opening, is_over)
                is_well = is_over.is_set() and await self._check(opening)
            finally:
                self._opening, self._opened = None, trio.Event()
        self._settle_accounts(opening)
        return is_well

    async def _wait_for_the_end(self, opening: Opening, is_over: trio.Event) -> None:
        async with trio.open_nursery() as nursery:

            async def wait_over() -> None:
                await is_over.wait()
                await self._settle(opening)
                nursery.cancel_scope.cancel()

            async def wait_leaving() -> None:
                await opening.leaving.wait()
                nursery.cancel_scope.cancel()

            nursery.start_soon(wait_over)
            nursery.start_soon(wait_leaving)
            await self._hear_news(opening)
            nursery.cancel_scope.cancel()

    async def _settle(self, opening: Opening) -> None:
        """Waits until a reset that is on its way has been told to the sessions of the board."""
        with trio.move_on_after(self._plan.stuck_after):
            while not opening.is_settled:  # noqa: ASYNC110
                await trio.sleep(0.01)
            return
        self._tally.surprise("no session has heard of a reset", self.name)

    async def _hear_news(self, opening: Opening) -> None:
        """Holds a session only to hear of resets, until the device is lost."""
        async with open_session_manager() as manager:
            while True:
                try:
                    async with manager.open_session(opening.device):
                        opening.is_settled = True
                        await trio.sleep_forever()
                except DeviceResetError:
                    self._tally.recoveries["reset, used on"] += 1
                except DeviceLostError as error:
                    if not opening.is_killed:
                        self._tally.surprise("the device was lost for no reason", self.name, error)
                    return

    async def _check(self, opening: Opening) -> bool:
        """Whether the board answers after all, and has no names of sessions any more."""
        try:
            expect(await opening.device.evaluate("6 * 7"), 42, "6 * 7")
            strays = await opening.session_keys()
        except DeviceError as error:
            if not opening.is_killed:
                self._tally.surprise("the device is not well at the end", self.name, error)
            return not opening.is_killed
        except WrongReply as wrong:
            self._tally.wrong_reply(str(wrong), self.name)
            return True
        if strays:
            self._tally.leak(f"{self.name}: namespaces {sorted(strays)} are left on the board")
        return True

    def _settle_accounts(self, opening: Opening) -> None:
        """What can be said about a device only when it has been closed."""
        for pid in opening.transport.processes():
            self._tally.leak(f"{self.name}: interpreter {pid} is left after its device was closed")
        self._count_resets(opening)
        self._tally.recoveries["interrupted"] += opening.device.snapshot().calls.interrupted

    def _count_resets(self, opening: Opening) -> None:
        many = opening.resets_too_many
        if many > 0:
            self._tally.surprise(f"{many} resets that nobody has caused", self.name)
        # A board that was killed, or restarted by force, may not have got to its reset before.
        is_exact = opening.is_settled and not opening.is_killed
        if many < 0 and is_exact and not opening.transport.restarts_by_force:
            self._tally.surprise(f"{-many} resets went unnoticed", self.name)


async def inspect(places: Iterable[Place], chance: Random, tally: Tally) -> None:
    """Looks, now and then, for names on boards that belong to no session. Runs until cancelled."""
    choices = [*places]
    while True:
        await trio.sleep(chance.expovariate(len(choices) / 10))
        place = chance.choice(choices)
        opening = await place.wait()
        try:
            strays = await opening.find_strays()
        except (DeviceLostError, DeviceResetError, DeviceClosedError):
            continue  # whether that was to be expected is for others to say
        if strays:
            tally.leak(f"{place.name}: namespaces {sorted(strays)} belong to no session")
