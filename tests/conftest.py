"""Fixtures for all: a real interpreter, and the check that no process is left behind."""

import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest
import trio

from belay_actors import Device, DeviceSessionManager, open_device, open_session_manager
from belay_actors.device._connection import Connection
from belay_actors.transport import LocalLink
from sweep_table import write_table


def _children() -> set[int]:
    """Ids of this process's children, the ones that nobody has waited for included."""
    found: set[int] = set()
    for place in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = place.read_text("ascii", "replace").rpartition(") ")[2].split()[1]
        except OSError:  # it has ended meanwhile
            continue
        if int(parent) == os.getpid():
            found.add(int(place.parent.name))
    return found


@pytest.fixture(autouse=True)
def no_process_left() -> Iterator[None]:
    before = _children()
    yield
    assert _children() <= before, "a child process was left"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--raw", action="store_true", help="all calls by the raw REPL, and none by the loop"
    )


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    write_table(terminalreporter)


@pytest.fixture(autouse=True)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Has boards not start their resident loop, where that is asked for."""
    if request.config.getoption("--raw"):
        monkeypatch.setattr(Connection, "can_reside", False)


@pytest.fixture
def by_raw_repl(way: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """For tests that do something to the raw REPL, or by it."""
    monkeypatch.setattr(Connection, "can_reside", False)


@pytest.fixture
def children() -> Callable[[], set[int]]:
    return _children


@pytest.fixture
async def device() -> AsyncIterator[Device]:
    async with open_device("micropython:") as device:
        yield device


@pytest.fixture
async def other_device() -> AsyncIterator[Device]:
    async with open_device("micropython:") as device:
        yield device


@pytest.fixture
async def manager(device: Device) -> AsyncIterator[DeviceSessionManager]:
    """A manager that is left before the device is closed."""
    async with open_session_manager() as manager:
        yield manager


@pytest.fixture
def link_of() -> Callable[[Device], LocalLink]:
    def link_of(device: Device) -> LocalLink:
        link = device._board.attachment.connection.link
        assert isinstance(link, LocalLink)
        return link

    return link_of


@pytest.fixture
def ctrl_c() -> Iterator[None]:
    """A Ctrl-C that works as in a terminal; for a program in the background it may be ignored."""
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, handler)


@pytest.fixture
def eventually() -> Callable[[Callable[[], bool]], Awaitable[None]]:
    """Waits for what a board does on its own time, where there is no event to wait for."""

    async def eventually(is_true: Callable[[], bool]) -> None:
        with trio.fail_after(5):
            while not is_true():  # noqa: ASYNC110
                await trio.sleep(0.005)

    return eventually
