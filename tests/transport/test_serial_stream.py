"""A serial port as a trio stream: the rules of trio, ends that are none, and hang-ups."""

import os
import signal
import termios
import tty
from collections.abc import Awaitable, Callable

import pytest
import trio
import trio.testing

from belay_actors.transport import DescriptorLink, LocalTransport, SerialLink
from ports import FarEnd, Port
from processes import pause

Eventually = Callable[[Callable[[], bool]], Awaitable[None]]
MakePort = Callable[[], Port]


def clog(sender: DescriptorLink, receiver: DescriptorLink) -> None:
    """Stops a sender by flow control until the receiver receives."""
    receive_some = receiver.receive_some

    async def let_go_on(max_bytes: int | None = None) -> bytes:
        if sender._descriptor >= 0:
            termios.tcflow(sender._descriptor, termios.TCOON)
        return await receive_some(max_bytes)

    termios.tcflow(sender._descriptor, termios.TCOOFF)
    receiver.receive_some = let_go_on  # type: ignore[method-assign]


async def test_it_is_a_trio_stream(make_port: MakePort) -> None:
    async def make_streams() -> tuple[SerialLink, FarEnd]:
        port = make_port()
        link = await port.connect()
        port.leave_slave()
        return link, port.far

    async def make_clogged_streams() -> tuple[SerialLink, FarEnd]:
        link, far = await make_streams()
        clog(link, far)
        clog(far, link)
        return link, far

    await trio.testing.check_two_way_stream(make_streams, make_clogged_streams)


async def test_bytes_pass_unchanged_both_ways(link: SerialLink, port: Port) -> None:
    every = bytes(range(256))
    await link.send_all(every)
    await port.far.send_all(every)
    assert await read(link, 256) == every
    assert await read(port.far, 256) == every


async def read(link: DescriptorLink, size: int) -> bytes:
    data = b""
    with trio.fail_after(5):
        while len(data) < size:
            data += await link.receive_some()
    return data


class Reads:
    """Counts the reads of a descriptor, and may be told to steal what they would get."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        self.steal: Callable[[], object] = bool
        self._read = os.read
        monkeypatch.setattr(os, "read", self)

    def __call__(self, descriptor: int, size: int) -> bytes:
        self.steal()
        self.count += 1
        return self._read(descriptor, size)


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> Reads:
    return Reads(monkeypatch)


def let_reads_be_empty(port: Port) -> None:
    """As another program would: a read that has nothing to read says so by an empty result."""
    mode = termios.tcgetattr(port.slave)
    mode[tty.CC][termios.VMIN] = 0
    termios.tcsetattr(port.slave, termios.TCSANOW, mode)


@pytest.mark.parametrize("is_empty", [True, False])
async def test_a_read_of_nothing_is_no_end_of_the_stream(
    link: SerialLink, port: Port, reads: Reads, eventually: Eventually, is_empty: bool
) -> None:
    if is_empty:  # otherwise it would block
        let_reads_be_empty(port)
    reads.steal = lambda: termios.tcflush(port.slave, termios.TCIFLUSH)
    received: list[bytes] = []

    async with trio.open_nursery() as nursery:

        @nursery.start_soon
        async def _() -> None:
            received.append(await link.receive_some())

        await trio.testing.wait_all_tasks_blocked()
        for count in range(1, 4):
            await port.far.send_all(b"stolen")
            await eventually(lambda: reads.count == count)  # noqa: B023  # at once
        await trio.testing.wait_all_tasks_blocked(0.02)
        assert not received
        assert reads.count == 3, "it reads although there is nothing"
        reads.steal = bool
        await port.far.send_all(b"given")
    assert received == [b"given"]


@pytest.mark.parametrize("is_empty", [True, False])
async def test_a_hang_up_is_the_end(link: SerialLink, port: Port, is_empty: bool) -> None:
    if is_empty:
        let_reads_be_empty(port)
    async with trio.open_nursery() as nursery:

        @nursery.start_soon
        async def _() -> None:
            assert await link.receive_some() == b""

        await trio.testing.wait_all_tasks_blocked()
        port.far.hang_up()
    assert await link.receive_some() == b""
    end = await link.find_end()
    assert not end.is_restart
    assert end.reason == f"{port.path} was unplugged, or has hung up"


async def test_a_hang_up_breaks_what_is_sent(link: SerialLink, port: Port) -> None:
    port.far.hang_up()
    with pytest.raises(trio.BrokenResourceError):
        await link.send_all(b"x")
    with pytest.raises(trio.BrokenResourceError):
        await link.send_paced(b"x")
    with pytest.raises(trio.BrokenResourceError):
        link.send_nowait(b"x")


@pytest.mark.parametrize("from_far", [False, True])
async def test_a_hang_up_breaks_what_waits_to_be_sent(port: Port, from_far: bool) -> None:
    link = await port.connect()
    port.leave_slave()
    sender = port.far if from_far else link
    async with trio.open_nursery() as nursery:

        @nursery.start_soon
        async def _() -> None:
            with trio.fail_after(5), pytest.raises(trio.BrokenResourceError):
                await sender.send_all(bytes(1_000_000))

        await trio.testing.wait_all_tasks_blocked()
        if from_far:
            await link.aclose()
        else:
            port.far.hang_up()
    await link.aclose()


async def test_what_waits_to_be_sent_to_a_local_interpreter_breaks_when_it_dies() -> None:
    link = await LocalTransport("micropython:").connect()
    await pause(link.pid)
    async with trio.open_nursery() as nursery:

        @nursery.start_soon
        async def _() -> None:
            with trio.fail_after(5), pytest.raises(trio.BrokenResourceError):
                await link.send_all(bytes(1_000_000))

        await trio.testing.wait_all_tasks_blocked()
        os.kill(link.pid, signal.SIGKILL)
    await link.aclose()


async def test_closing_while_bytes_arrive_is_no_end_of_the_stream(
    link: SerialLink, port: Port, monkeypatch: pytest.MonkeyPatch
) -> None:
    wait_readable = trio.lowlevel.wait_readable

    async def close_in_between(descriptor: int) -> None:
        await wait_readable(descriptor)
        await link.aclose()  # as another task may, before this one runs again

    monkeypatch.setattr(trio.lowlevel, "wait_readable", close_in_between)
    await port.far.send_all(b"x")
    with pytest.raises(trio.ClosedResourceError):
        await link.receive_some()


async def test_what_is_left_to_send_is_not_copied(
    link: SerialLink, port: Port, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A port takes a few KB at a time: to copy the rest each time is quadratic."""
    data = bytes(20_000)
    copies: list[bool] = []
    write = os.write

    def write_a_little(descriptor: int, part: "bytes | memoryview") -> int:
        copies.append(memoryview(part).obj is not data)
        return write(descriptor, part[:3000])

    monkeypatch.setattr(os, "write", write_a_little)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(link.send_all, data)
        assert await read(port.far, len(data)) == data
    assert copies == [False] * 7


@pytest.mark.parametrize("size", [0, -1])
async def test_sizes_are_checked(link: SerialLink, size: int) -> None:
    with pytest.raises(ValueError, match=f"max_bytes is above 0, not {size}"):
        await link.receive_some(size)


async def test_a_closed_port_says_so(link: SerialLink) -> None:
    await link.aclose()
    await link.aclose()
    with pytest.raises(trio.ClosedResourceError):
        await link.receive_some()
    with pytest.raises(trio.ClosedResourceError):
        await link.send_all(b"x")
    with pytest.raises(trio.ClosedResourceError):
        await link.send_paced(b"x")
    with pytest.raises(trio.ClosedResourceError):
        link.send_nowait(b"x")
