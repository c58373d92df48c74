"""What hangs on a serial port, and is no board: told within the attach timeout, and what to do."""

import os
import random
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import trio
import trio.testing

from belay_actors import (
    DeviceError,
    DeviceNotFoundError,
    DeviceOptions,
    ProtocolError,
    open_device,
)
from belay_actors.transport._pty import open_raw_pty

pytestmark = pytest.mark.usefixtures("no_descriptor_left")

Behaviour = Callable[[trio.lowlevel.FdStream], Awaitable[None]]
Refusal = Callable[..., Awaitable[DeviceError]]

QUICK = DeviceOptions(attach_timeout=0.3)
SLACK = 0.5  # seconds for opening, closing, and a busy machine
RAW_BANNER = b"raw REPL; CTRL-B to exit\r\n>"


class Port:
    """A serial port with something at the other end of its cable.

    Attributes:
        far: that end.
        path: of the port.
        slave: the port, open besides.
    """

    def __init__(self) -> None:
        master, self.slave = open_raw_pty()
        self.far = trio.lowlevel.FdStream(master)
        self.path = os.ttyname(self.slave)


@pytest.fixture
async def port() -> AsyncIterator[Port]:
    port = Port()
    yield port
    await port.far.aclose()
    os.close(port.slave)


async def refusal(url: str, options: DeviceOptions = QUICK) -> DeviceError:
    """The error that opening ends with, in time."""
    start = trio.current_time()
    with pytest.raises(DeviceError) as caught:
        async with open_device(url, options=options):
            pass
    assert trio.current_time() - start < options.attach_timeout + SLACK
    assert caught.value.device == url
    return caught.value


async def be_silent(far: trio.lowlevel.FdStream) -> None:
    async for _ in far:
        pass


async def echo(far: trio.lowlevel.FdStream) -> None:
    async for data in far:
        await far.send_all(data)


async def talk_nonsense(far: trio.lowlevel.FdStream) -> None:
    generator = random.Random(1)
    while True:
        await far.send_all(generator.randbytes(1000))


async def stutter(far: trio.lowlevel.FdStream) -> None:
    """Every few bytes, what a raw REPL says when it is entered."""
    while True:
        await far.send_all(RAW_BANNER)


async def show_the_raw_prompt_only(far: trio.lowlevel.FdStream) -> None:
    """As a board would that hangs as soon as it is to run code."""
    async for data in far:
        if data.endswith(b"\x01"):
            await far.send_all(RAW_BANNER)


async def answer_each_line(far: trio.lowlevel.FdStream) -> None:
    async for _ in far:
        await far.send_all(b"AT: ERROR\r\n")


@pytest.mark.parametrize(
    "behave",
    [be_silent, echo, talk_nonsense, stutter, show_the_raw_prompt_only, answer_each_line],
)
async def test_what_is_no_micropython(port: Port, nursery: trio.Nursery, behave: Behaviour) -> None:
    nursery.start_soon(behave, port.far)
    error = await refusal(port.path)
    print(type(error), error)
    assert isinstance(error, DeviceNotFoundError | ProtocolError)
    assert port.path in str(error)
