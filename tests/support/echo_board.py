"""A real interpreter that outlives a test, for the examples of Hypothesis."""

from collections.abc import Generator
from contextlib import contextmanager

import trio

from belay_actors import Device, open_device
from belay_actors.testing._isolation._guest import GuestRun
from belay_actors.values import Value, encode

ECHO = "def echo(x): return x"
_LIMIT = 300  # seconds for all tests of a module


class EchoBoard:
    """A board that gives back what it is given.

    Attributes:
        device: that it is opened as.
    """

    def __init__(self, guest: GuestRun, device: Device) -> None:
        self._guest = guest
        self.device = device

    def evaluate(self, expression: str) -> Value:
        """Evaluates an expression there."""
        return self._guest.run(self.device.evaluate, expression)

    def echo(self, value: object) -> Value:
        """Sends a value to a function that returns it."""
        return self.evaluate(f"echo({encode(value)})")


@contextmanager
def open_echo_board() -> Generator[EchoBoard]:
    guest = GuestRun(None, limit=_LIMIT)
    devices: list[Device] = []

    async def live(*, task_status: trio.TaskStatus[None]) -> None:
        async with open_device("micropython:?heapsize=16M") as device:
            await device.execute(ECHO)
            devices.append(device)
            task_status.started()
            await trio.sleep_forever()

    guest.start(live)
    yield EchoBoard(guest, devices[0])
    guest.cancel()
