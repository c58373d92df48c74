"""What hangs on a serial port and is no board: it is told in time, and what to do about it."""

import errno
import os
import random
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
import trio
import trio.testing

from belay_actors import (
    DeviceBusyError,
    DeviceCapabilityError,
    DeviceError,
    DeviceNotFoundError,
    DeviceOptions,
    DevicePermissionError,
    InvalidURLError,
    open_device,
)
from ports import Port, count_descriptors
from serial_board import SerialBoard

pytestmark = pytest.mark.usefixtures("no_descriptor_left")

Behaviour = Callable[[Port], Awaitable[None]]

QUICK = DeviceOptions(attach_timeout=0.3)
SLACK = 0.7  # seconds for opening, closing, and a busy machine
RAW_BANNER = b"raw REPL; CTRL-B to exit\r\n>"


async def refusal(url: str, options: DeviceOptions = QUICK) -> DeviceError:
    """The error that opening ends with, in time; with it alive, nothing is open any more."""
    before = count_descriptors()
    start = trio.current_time()
    with pytest.raises(DeviceError) as caught:
        async with open_device(url, options=options):
            pass
    assert trio.current_time() - start < options.attach_timeout + SLACK
    assert count_descriptors() <= before
    assert caught.value.device == url
    return caught.value


async def be_silent(port: Port) -> None:
    while True:
        await port.far.receive_some()


async def echo(port: Port) -> None:
    while True:
        await port.far.send_all(await port.far.receive_some())


async def talk_nonsense(port: Port) -> None:
    generator = random.Random(1)
    while True:
        await port.far.send_all(generator.randbytes(1000))


async def show_the_raw_prompt_for_ever(port: Port) -> None:
    while True:
        await port.far.send_all(RAW_BANNER)


async def hang_at_the_first_code(port: Port) -> None:
    while True:
        if (await port.far.receive_some()).endswith(b"\x01"):
            await port.far.send_all(RAW_BANNER)


async def answer_each_line(port: Port) -> None:
    while True:
        await port.far.receive_some()
        await port.far.send_all(b"AT: ERROR\r\n")


async def restart_again_and_again(port: Port) -> None:
    while True:
        await port.far.send_all(b"\r\nRTC=0 fatal exception(28):\r\nrebooting\r\n")
        await trio.sleep(0.02)


async def never_read(port: Port) -> None:
    """Nothing fits into the cable any more."""
    with trio.move_on_after(0.05):
        while True:
            await trio.lowlevel.wait_writable(port.slave)
            os.write(port.slave, bytes(4096))
    await trio.sleep_forever()


async def hang_up(port: Port) -> None:
    await port.far.receive_some()
    port.far.hang_up()


@pytest.mark.parametrize(
    "behave",
    [
        be_silent,
        echo,
        talk_nonsense,
        show_the_raw_prompt_for_ever,
        hang_at_the_first_code,
        answer_each_line,
        restart_again_and_again,
    ],
)
async def test_what_is_no_micropython(port: Port, nursery: trio.Nursery, behave: Behaviour) -> None:
    nursery.start_soon(behave, port)
    error = await refusal(port.path)
    assert isinstance(error, DeviceNotFoundError)
    assert f"what is at {port.path} does not answer as a MicroPython within 0.3 s" in str(error)
    assert "check that the URL names a board" in str(error)
    assert ("AT: ERROR" in str(error)) == (behave is answer_each_line)


async def test_what_never_reads(port: Port, nursery: trio.Nursery) -> None:
    os.set_blocking(port.slave, False)
    nursery.start_soon(never_read, port)
    await trio.testing.wait_all_tasks_blocked(0.1)
    error = await refusal(port.path)
    assert isinstance(error, DeviceNotFoundError)
    assert "does not answer" in str(error)


async def test_what_hangs_up(port: Port, nursery: trio.Nursery) -> None:
    nursery.start_soon(hang_up, port)
    error = await refusal(port.path)
    assert isinstance(error, DeviceNotFoundError)
    assert f"no MicroPython at {port.path}: {port.path} was unplugged" in str(error)


async def test_a_micropython_without_raw_repl(port: Port, nursery: trio.Nursery) -> None:
    async def greet(port: Port) -> None:
        while True:
            await port.far.receive_some()
            await port.far.send_all(b"MicroPython v1.19 on 2022-06-18\r\n>>> ")

    nursery.start_soon(greet, port)
    error = await refusal(port.path)
    assert isinstance(error, DeviceCapabilityError)
    assert "use a newer firmware" in str(error)


async def test_by_default_it_takes_three_seconds(port: Port, nursery: trio.Nursery) -> None:
    nursery.start_soon(echo, port)
    start = trio.current_time()
    assert isinstance(await refusal(port.path, DeviceOptions()), DeviceNotFoundError)
    assert trio.current_time() - start > 2.9


async def test_opening_that_is_cancelled_leaves_nothing_open(port: Port) -> None:
    before = count_descriptors()
    with trio.move_on_after(0.05) as scope:
        async with open_device(port.path):
            pass
    assert scope.cancelled_caught
    assert count_descriptors() == before


# Paths that are no ports; more of them are in the transport's own tests.


async def test_a_path_that_does_not_exist(tmp_path: Path) -> None:
    error = await refusal(f"{tmp_path}/ttyACM0")
    assert isinstance(error, DeviceNotFoundError)
    assert "plugged in" in str(error)


async def test_a_directory(tmp_path: Path) -> None:
    error = await refusal(str(tmp_path))
    assert isinstance(error, DeviceNotFoundError)
    assert "is no serial port" in str(error)


async def test_a_port_that_is_open_already(serial_board: SerialBoard) -> None:
    async with open_device(serial_board.path) as device:
        error = await refusal(f"serial:{serial_board.path}")
        assert isinstance(error, DeviceBusyError)
        assert "close that first" in str(error)
        assert await device.evaluate("1 + 1") == 2


async def test_a_port_that_one_may_not_open(port: Port, monkeypatch: pytest.MonkeyPatch) -> None:
    open_any = os.open

    def refuse(path: str, *args: int) -> int:
        if path == port.path:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return open_any(path, *args)

    monkeypatch.setattr(os, "open", refuse)
    error = await refusal(port.path)
    assert isinstance(error, DevicePermissionError)
    assert "join the group" in str(error)


async def test_lines_that_a_port_does_not_have(port: Port) -> None:
    error = await refusal(f"serial:{port.path}?dtr=off")
    assert isinstance(error, InvalidURLError)
    assert "leave out" in str(error)
