"""What no serial port can be opened of: typed errors, each of which says what to do."""

import errno
import fcntl
import os
import socket
import sys
import termios
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
import trio

from belay_actors import (
    DeviceBusyError,
    DeviceError,
    DeviceNotFoundError,
    DevicePermissionError,
    InvalidURLError,
)
from ports import Port

Refusal = Callable[..., Awaitable[DeviceError]]
FailToOpen = Callable[[int], None]
MakePort = Callable[[], Port]

is_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")


@pytest.fixture
def fail_to_open(port: Port, monkeypatch: pytest.MonkeyPatch) -> FailToOpen:
    """Has the port refused with an error of the system, by its number."""

    def fail_to_open(number: int) -> None:
        open_any = os.open

        def open_or_fail(path: str, *args: int) -> int:
            if path == port.path:
                raise OSError(number, os.strerror(number))
            return open_any(path, *args)

        monkeypatch.setattr(os, "open", open_or_fail)

    return fail_to_open


async def test_a_path_that_does_not_exist(refusal: Refusal, tmp_path: Path) -> None:
    error = await refusal(f"{tmp_path}/ttyUSB0")
    assert isinstance(error, DeviceNotFoundError)
    assert f"there is no {tmp_path}/ttyUSB0" in str(error)
    assert "plugged in" in str(error)


@pytest.mark.parametrize(
    "number", [errno.ENOENT, errno.ENXIO, errno.ENODEV, errno.EIO, errno.ENOTDIR, errno.ELOOP]
)
async def test_a_path_that_vanishes(
    port: Port, refusal: Refusal, fail_to_open: FailToOpen, number: int
) -> None:
    fail_to_open(number)
    error = await refusal(port.path)
    assert isinstance(error, DeviceNotFoundError)
    assert f"there is no {port.path}" in str(error)


async def test_a_port_that_vanishes_while_it_is_opened(
    port: Port, refusal: Refusal, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_any = os.open

    def open_and_hang_up(name: str, *args: int) -> int:
        descriptor = open_any(name, *args)
        if name == port.path:
            os.close(port.far._descriptor)
            port.far._descriptor = -1
        return descriptor

    monkeypatch.setattr(os, "open", open_and_hang_up)
    assert isinstance(await refusal(port.path), DeviceNotFoundError)


def make_directory(path: Path) -> None:
    path.mkdir()


def make_file(path: Path) -> None:
    path.write_text("no port")


def make_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))


@pytest.mark.parametrize("make", [make_directory, make_file, os.mkfifo, make_socket])
async def test_a_path_that_is_no_serial_port(
    refusal: Refusal, tmp_path: Path, make: Callable[[Path], None]
) -> None:
    make(tmp_path / "thing")
    error = await refusal(f"{tmp_path}/thing")
    assert isinstance(error, DeviceNotFoundError)
    assert f"{tmp_path}/thing is no serial port" in str(error)
    assert "/dev/ttyACM0" in str(error)


async def test_a_device_that_is_no_serial_port(refusal: Refusal) -> None:
    error = await refusal("/dev/null")
    assert isinstance(error, DeviceNotFoundError)
    assert "/dev/null is no serial port" in str(error)


@pytest.mark.parametrize("number", [errno.EACCES, errno.EPERM])
async def test_a_port_that_one_may_not_open(
    port: Port, refusal: Refusal, fail_to_open: FailToOpen, number: int
) -> None:
    fail_to_open(number)
    error = await refusal(port.path)
    assert isinstance(error, DevicePermissionError)
    assert "join the group" in str(error)
    assert "dialout" in str(error)


async def test_a_busy_port(port: Port, refusal: Refusal, fail_to_open: FailToOpen) -> None:
    fail_to_open(errno.EBUSY)
    assert isinstance(await refusal(port.path), DeviceBusyError)


async def test_what_is_wrong_here_is_not_put_down_to_another_program(
    port: Port, refusal: Refusal, fail_to_open: FailToOpen
) -> None:
    fail_to_open(errno.EMFILE)
    error = await refusal(port.path)
    assert type(error) is DeviceError
    assert "Too many open files" in str(error)


AS_NOBODY = """
import os, sys, trio
from belay_actors.transport import SerialTransport
os.setgid(65534)
os.setuid(65534)
for path in sys.argv[1:]:
    try:
        trio.run(SerialTransport("", path).connect)
    except Exception as error:
        print(type(error).__name__)
    else:
        print("opened")
"""


@is_root
async def test_an_ordinary_user(make_port: MakePort) -> None:
    ports = [make_port() for _ in range(3)]
    for port, mode in zip(ports, (0o600, 0o666, 0o666), strict=True):
        os.fchmod(port.slave, mode)
    fcntl.ioctl(ports[2].slave, termios.TIOCEXCL)
    command = [sys.executable, "-c", AS_NOBODY, *(port.path for port in ports)]
    done = await trio.run_process(command, capture_stdout=True)
    expected = ["DevicePermissionError", "opened", "DeviceBusyError"]
    assert done.stdout.decode().split() == expected


@pytest.mark.parametrize("error", [ValueError("no such speed"), NotImplementedError("no speeds")])
async def test_a_speed_that_the_system_refuses(
    port: Port, refusal: Refusal, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def refuse(stream: object, descriptor: int) -> None:
        raise error

    monkeypatch.setattr("trio_serial.SerialStream._set_special_baudrate", refuse)
    refused = await refusal(port.path, baudrate=12_345)
    assert isinstance(refused, InvalidURLError)
    assert str(error) in str(refused)
