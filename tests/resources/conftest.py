"""A board whose ``machine`` module records what is done to its hardware."""

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from belay_actors import Device, DeviceSessionManager, Session, Value, open_session_manager

_MACHINE = """
import sys
log = []

class Pin:
    IN = 0
    OUT = 1
    PULL_UP = 2
    def __init__(self, id, *args, **kw):
        if id == 99:
            raise ValueError("invalid pin")
        self.id = id
    def init(self, mode=-1, pull=-1, value=None):
        if self.id == 98:
            raise OSError(5)
        log.append(("pin", self.id, mode, pull, value))
    def on(self):
        log.append(("on", self.id))
    def irq(self, handler=None):
        log.append(("irq", self.id, handler))

class Timer:
    ONE_SHOT = 0
    PERIODIC = 1
    def __init__(self, id):
        self.id = id
    def init(self, mode, period, callback):
        self.callback = callback
        log.append(("timer", self.id, mode, period))
    def deinit(self):
        log.append(("deinit", self.id))

class I2C:
    def __init__(self, id, scl=None, sda=None, freq=0):
        log.append(("i2c", id, scl and scl.id, sda and sda.id, freq))
    def scan(self):
        return [60]

class UART:
    def __init__(self, id, baudrate=0):
        self.id = id
        log.append(("uart", id, baudrate))
    def deinit(self):
        log.append(("uart off", self.id))

class machine:
    pass

for kind in Pin, Timer, I2C, UART:
    setattr(machine, kind.__name__, kind)
sys.modules["machine"] = machine
"""


@pytest.fixture
async def manager(device: Device) -> AsyncIterator[DeviceSessionManager]:
    """A manager on a board with such a module."""
    await device.execute(_MACHINE)
    async with open_session_manager() as manager, manager.open_session(device) as keeper:
        await keeper.execute("pass")  # modules are unloaded with the last session
        yield manager


@pytest.fixture
async def session(device: Device, manager: DeviceSessionManager) -> AsyncIterator[Session]:
    async with manager.open_session(device) as session:
        yield session


@pytest.fixture
def log(device: Device) -> Callable[[], Awaitable[Value]]:
    """What was done to the hardware since this was asked before."""

    async def log() -> Value:
        entries = await device.evaluate("log[:]")
        await device.execute("log[:] = []")
        return entries

    return log
