"""DTR and RTS. A pty has none, so what is asked of the system is recorded here instead."""

import errno
import fcntl
import os
import struct
import termios
import threading
from collections.abc import AsyncIterator

import pytest
import trio
import trio.testing

from belay_actors import DeviceNotFoundError, InvalidURLError
from belay_actors.transport import ModemLine, SerialLink, SerialSettings, SerialTransport, parse_url
from ports import Port

DTR, RTS = termios.TIOCM_DTR, termios.TIOCM_RTS


class Lines:
    """Lines of a port, in place of the system's.

    Attributes:
        changes: what was set, and when: the bits, and whether they were set on.
        broken_by: what goes wrong at each change.
        set_by: the threads that have set them.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.changes: list[tuple[int, bool]] = []
        self.broken_by: list[OSError | None] = []
        self.set_by: set[int] = set()
        self._ioctl = fcntl.ioctl
        monkeypatch.setattr(fcntl, "ioctl", self.ioctl)

    def ioctl(self, descriptor: int, request: int, argument: "int | bytes" = 0) -> object:
        if request not in (termios.TIOCMBIS, termios.TIOCMBIC):
            return self._ioctl(descriptor, request, argument)
        error = self.broken_by.pop(0) if self.broken_by else None
        if error is not None:
            raise error
        assert isinstance(argument, bytes)
        (bits,) = struct.unpack("i", argument)
        self.changes.append((bits, request == termios.TIOCMBIS))
        self.set_by.add(threading.get_ident())
        return argument


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Lines:
    return Lines(monkeypatch)


@pytest.fixture
async def resettable(port: Port, lines: Lines) -> AsyncIterator[SerialLink]:
    """A link to a board that RTS resets."""
    settings = SerialSettings(reset_line=ModemLine.RTS)
    link = await SerialTransport(port.path, port.path, settings).connect()
    yield link
    await link.aclose()


@pytest.mark.parametrize(
    ("options", "changes"),
    [
        ("", []),
        ("?reset=rts", []),
        ("?dtr=on", [(DTR, True)]),
        ("?rts=off", [(RTS, False)]),
        ("?dtr=off&rts=off", [(DTR | RTS, False)]),
        ("?rts=on&dtr=on", [(DTR | RTS, True)]),
        ("?dtr=off&rts=on", [(RTS, True), (DTR, False)]),
    ],
)
async def test_lines_are_set_when_the_port_is_opened(
    port: Port, lines: Lines, options: str, changes: list[tuple[int, bool]]
) -> None:
    """Both at once: on many boards one of them alone is a reset."""
    link = await parse_url(f"serial:{port.path}{options}").connect()
    assert lines.changes == changes
    assert threading.get_ident() not in lines.set_by
    await link.aclose()
    assert lines.changes == changes


@pytest.mark.parametrize("option", ["dtr=on", "rts=off"])
@pytest.mark.parametrize("number", [errno.ENOTTY, errno.EINVAL])
async def test_a_port_without_lines_cannot_have_them_set(
    port: Port, lines: Lines, option: str, number: int
) -> None:
    url = f"serial:{port.path}?{option}"
    lines.broken_by = [OSError(number, "no lines")]
    with pytest.raises(InvalidURLError, match=r"has no DTR and RTS.*leave out") as caught:
        await parse_url(url).connect()
    assert caught.value.device == url
    assert port.path in str(caught.value)


async def test_a_pty_has_no_lines(port: Port) -> None:
    with pytest.raises(InvalidURLError, match="has no DTR and RTS"):
        await parse_url(f"serial:{port.path}?dtr=off").connect()


async def test_an_unplug_while_lines_are_set(port: Port, lines: Lines) -> None:
    lines.broken_by = [OSError(errno.ENODEV, os.strerror(errno.ENODEV))]
    with pytest.raises(DeviceNotFoundError):
        await parse_url(f"serial:{port.path}?dtr=off").connect()


async def test_without_a_reset_line_nothing_is_restarted(link: SerialLink, lines: Lines) -> None:
    with trio.testing.assert_checkpoints():
        assert not await link.restart()
    assert not lines.changes
    assert not (await link.find_end()).is_restart


async def test_a_reset_is_a_pulse(
    resettable: SerialLink, lines: Lines, autojump_clock: trio.testing.MockClock
) -> None:
    start = trio.current_time()
    with trio.testing.assert_checkpoints():
        assert await resettable.restart()
    assert lines.changes == [(RTS, True), (RTS, False)]
    assert trio.current_time() - start == pytest.approx(0.1)
    end = await resettable.find_end()
    assert end.is_restart
    assert end.reason == "the board was reset by its RTS line"


async def test_other_tasks_go_on_while_a_line_is_set(
    resettable: SerialLink, lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A USB adapter that hangs takes seconds to say so."""
    is_asked, go_on = trio.Event(), threading.Event()
    ioctl = fcntl.ioctl

    def ioctl_slowly(descriptor: int, request: int, argument: "int | bytes" = 0) -> object:
        if request in (termios.TIOCMBIS, termios.TIOCMBIC):
            trio.from_thread.run_sync(is_asked.set)
            assert go_on.wait(5)
        return ioctl(descriptor, request, argument)

    monkeypatch.setattr(fcntl, "ioctl", ioctl_slowly)
    with trio.fail_after(5):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(resettable.restart)
            await is_asked.wait()
            go_on.set()
    assert lines.changes == [(RTS, True), (RTS, False)]


async def test_a_reset_that_is_cancelled_lets_the_board_go(
    resettable: SerialLink, lines: Lines, autojump_clock: trio.testing.MockClock
) -> None:
    with trio.move_on_after(0.05) as scope:
        await resettable.restart()
    assert scope.cancelled_caught
    assert lines.changes == [(RTS, True), (RTS, False)]


@pytest.mark.parametrize("when", [0, 1])
async def test_an_unplug_during_a_reset(resettable: SerialLink, lines: Lines, when: int) -> None:
    lines.broken_by = [None] * when + [OSError(errno.EIO, os.strerror(errno.EIO))] * 2
    assert not await resettable.restart()
    assert not (await resettable.find_end()).is_restart


async def test_a_port_without_lines_resets_nothing(port: Port) -> None:
    settings = SerialSettings(reset_line=ModemLine.DTR)
    link = await SerialTransport(port.path, port.path, settings).connect()
    assert not await link.restart()
    await link.aclose()


async def test_a_closed_port_is_not_reset(
    resettable: SerialLink, lines: Lines, autojump_clock: trio.testing.MockClock
) -> None:
    async with trio.open_nursery() as nursery:

        @nursery.start_soon
        async def _() -> None:
            with pytest.raises(trio.ClosedResourceError):
                await resettable.restart()

        await trio.sleep(0.05)
        await resettable.aclose()
    with pytest.raises(trio.ClosedResourceError):
        await resettable.restart()
    assert lines.changes == [(RTS, True)]
