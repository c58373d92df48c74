"""Opening a serial port: in a thread, for nobody else, raw; and what is none is told apart."""

import fcntl
import os
import struct
import subprocess
import sys
import termios
import threading
import tty
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest
import trio

from belay_actors import (
    DeviceBusyError,
    DeviceError,
)
from belay_actors.transport import ModemLine, SerialLink, SerialSettings, SerialTransport
from ports import Port

Eventually = Callable[[Callable[[], bool]], Awaitable[None]]
MakePort = Callable[[], Port]
Refusal = Callable[..., Awaitable[DeviceError]]

TIOCGEXCL = 0x80045440  # Linux's; the module termios lacks them
TCGETS2 = 0x802C542A

is_linux = pytest.mark.skipif(sys.platform != "linux", reason="looks into Linux's terminals")
is_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")


# In a thread.


class Opening:
    """An opening that takes its time, as a USB driver may.

    Attributes:
        has_begun: set when the port is being opened.
        go_on: to be set to let it.
        closed_by: the threads that have closed something.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, path: str) -> None:
        self.has_begun = trio.Event()
        self.go_on = threading.Event()
        self.closed_by: list[int] = []
        self._path = path
        self._open, self._close = os.open, os.close
        monkeypatch.setattr(os, "open", self.open)
        monkeypatch.setattr(os, "close", self.close)

    def open(self, path: str, *args: int) -> int:
        if path == self._path:
            trio.from_thread.run_sync(self.has_begun.set)
            assert self.go_on.wait(5)
        return self._open(path, *args)

    def close(self, descriptor: int) -> None:
        self.closed_by.append(threading.get_ident())
        self._close(descriptor)


@pytest.fixture
def opening(port: Port, monkeypatch: pytest.MonkeyPatch) -> Opening:
    return Opening(monkeypatch, port.path)


def is_open(path: str) -> bool:
    """Whether this process has a port open; links that vanish meanwhile are none of it."""
    for link in Path("/proc/self/fd").iterdir():
        try:
            if os.readlink(link) == path:  # noqa: PTH115
                return True
        except OSError:
            continue
    return False


async def test_other_tasks_go_on_while_a_port_is_opened(port: Port, opening: Opening) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(port.connect)
        with trio.fail_after(5):
            await opening.has_begun.wait()
        opening.go_on.set()
    assert port.far.near is not None
    await port.far.near.aclose()


async def test_an_opening_that_is_cancelled_is_undone_when_it_ends(
    port: Port, opening: Opening, eventually: Eventually
) -> None:
    port.leave_slave()
    opening.closed_by.clear()
    with trio.fail_after(5):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(port.connect)
            await opening.has_begun.wait()
            nursery.cancel_scope.cancel()
    assert not is_open(port.path)
    opening.go_on.set()
    await eventually(lambda: bool(opening.closed_by) and not is_open(port.path))
    assert threading.get_ident() not in opening.closed_by
    assert port.far.near is None
    await (await port.connect()).aclose()


async def test_an_opening_that_ends_while_it_is_cancelled_is_undone(
    port: Port, opening: Opening, monkeypatch: pytest.MonkeyPatch, eventually: Eventually
) -> None:
    """The thread has opened the port, but its task never learns of it."""
    port.leave_slave()
    opening.closed_by.clear()
    opening.go_on.set()
    run_sync = trio.to_thread.run_sync

    async def run_in_vain(
        work: Callable[..., object], *args: object, abandon_on_cancel: bool = False
    ) -> object:
        result = await run_sync(work, *args)
        if abandon_on_cancel:
            scope.cancel()
            await trio.lowlevel.checkpoint()
        return result

    monkeypatch.setattr(trio.to_thread, "run_sync", run_in_vain)
    with trio.CancelScope() as scope:
        await port.connect()
    assert scope.cancelled_caught
    await eventually(lambda: not is_open(port.path))
    assert threading.get_ident() not in opening.closed_by


# For nobody else.


async def test_a_port_is_opened_only_once_in_a_program(
    link: SerialLink, port: Port, refusal: Refusal
) -> None:
    error = await refusal(port.path)
    assert isinstance(error, DeviceBusyError)
    assert port.path in str(error)
    assert "close" in str(error)


async def test_a_port_can_be_opened_again_once_it_was_closed(link: SerialLink, port: Port) -> None:
    await link.aclose()
    again = await port.connect()
    await port.far.send_all(b"x")
    assert await again.receive_some() == b"x"
    await again.aclose()


async def test_a_port_can_be_opened_again_while_a_child_process_is_started(
    link: SerialLink, port: Port
) -> None:
    """Between fork and exec it has whatever this process has, a lock on a port included."""
    of_the_child = os.dup(link._descriptor)
    await link.aclose()
    await (await port.connect()).aclose()
    os.close(of_the_child)


HOLD = """
import fcntl, os, sys
fcntl.flock(os.open(sys.argv[1], os.O_RDWR | os.O_NOCTTY), fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def holder(port: Port) -> Iterator[subprocess.Popen[bytes]]:
    """A program that has locked the port."""
    command = [sys.executable, "-c", HOLD, port.path]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        yield holder


async def test_a_port_that_another_program_has_locked_is_busy(
    port: Port, refusal: Refusal, holder: subprocess.Popen[bytes]
) -> None:
    assert isinstance(await refusal(port.path), DeviceBusyError)
    holder.communicate()
    await (await port.connect()).aclose()


def is_exclusive(descriptor: int) -> bool:
    """Whether no ordinary user can open the terminal."""
    return fcntl.ioctl(descriptor, TIOCGEXCL, bytes(4)) != bytes(4)


@is_linux
async def test_programs_that_do_not_ask_for_a_lock_are_kept_out_too(
    link: SerialLink, port: Port
) -> None:
    assert is_exclusive(port.slave)
    await link.aclose()
    assert not is_exclusive(port.slave)  # a pty would stay so for as long as its master is open


@is_linux
async def test_a_port_that_cannot_be_set_up_is_left_as_it_was(port: Port, refusal: Refusal) -> None:
    error = await refusal(port.path, lines=((ModemLine.DTR, True),))
    assert not is_exclusive(port.slave)
    port.leave_slave()
    assert not is_open(port.path), f"{error!r} keeps it open"


# Raw.


def mode_of(port: Port) -> list[int]:
    return [flags for flags in termios.tcgetattr(port.slave)[:4] if isinstance(flags, int)]


async def test_the_port_is_raw(port: Port) -> None:
    mode = termios.tcgetattr(port.slave)
    mode[tty.IFLAG] = termios.BRKINT | termios.ICRNL | termios.INLCR | termios.ISTRIP | termios.IXON
    mode[tty.OFLAG] = termios.OPOST | termios.ONLCR
    mode[tty.LFLAG] = termios.ECHO | termios.ICANON | termios.ISIG | termios.IEXTEN
    termios.tcsetattr(port.slave, termios.TCSANOW, mode)
    link = await port.connect()
    iflag, oflag, cflag, lflag = mode_of(port)
    assert (iflag, oflag, lflag) == (0, 0, 0)
    assert cflag & termios.CSIZE == termios.CS8
    assert cflag & termios.CLOCAL
    assert termios.tcgetattr(port.slave)[tty.CC][termios.VMIN] == 1
    await link.aclose()


async def test_what_came_before_is_nobodys(port: Port) -> None:
    await port.far.send_all(b"old")
    link = await port.connect()
    await port.far.send_all(b"new")
    assert await link.receive_some() == b"new"
    await link.aclose()


def speeds(descriptor: int) -> tuple[int, int]:
    """The terminal's speeds in bits per second, in and out."""
    fields = struct.unpack("11I", fcntl.ioctl(descriptor, TCGETS2, bytes(44)))
    return fields[9], fields[10]


@is_linux
@pytest.mark.parametrize("baudrate", [1200, 9600, 115200, 250_000, 12_345, 2_000_000])
async def test_speeds(port: Port, baudrate: int) -> None:
    settings = SerialSettings(baudrate=baudrate)
    link = await SerialTransport("", port.path, settings).connect()
    assert speeds(port.slave) == (baudrate, baudrate)
    await link.aclose()


@pytest.mark.parametrize("field", ["baudrate", "input_buffer"])
@pytest.mark.parametrize("value", [0, -1, 1.5, "9600"])
def test_settings_are_checked(field: str, value: object) -> None:
    with pytest.raises(ValueError, match=f"{field} is an integer above 0, not {value!r}"):
        SerialSettings(**{field: value})  # type: ignore[arg-type]  # pyright: ignore


# Names.


async def test_a_port_in_dev_is_named_by_the_rest_of_its_path(link: SerialLink, port: Port) -> None:
    assert link.name == port.path.removeprefix("/dev/")


async def test_ports_that_are_open_have_different_names(
    make_port: MakePort, tmp_path: Path
) -> None:
    links: list[SerialLink] = []
    for directory in ("left", "right"):
        place = tmp_path / directory / "board"
        place.parent.mkdir()
        place.symlink_to(make_port().path)
        links.append(await SerialTransport("", str(place)).connect())
    assert links[0].name != links[1].name
    for link in links:
        await link.aclose()
