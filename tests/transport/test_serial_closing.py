"""Closing a serial port: in a thread, and not for ever; what was sent goes out before."""

import errno
import fcntl
import os
import struct
import termios
import threading
from collections.abc import Iterator
from itertools import chain, repeat

import pytest
import trio
import trio.testing

from belay_actors.transport import SerialLink
from ports import Port


class Closing:
    """A closing that takes its time, as a driver may.

    Attributes:
        has_begun: set when the port is being closed.
        go_on: to be set to let it.
        closed_by: the threads that have closed the port.
        error: what closing it ends with, if anything.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, link: SerialLink) -> None:
        self.has_begun = trio.Event()
        self.go_on = threading.Event()
        self.closed_by: list[int] = []
        self.error: OSError | None = None
        self._descriptor = link._descriptor
        self._close = os.close
        monkeypatch.setattr(os, "close", self.close)

    def close(self, descriptor: int) -> None:
        if descriptor == self._descriptor and not self.closed_by:
            self.closed_by.append(threading.get_ident())
            trio.from_thread.run_sync(self.has_begun.set)
            assert self.go_on.wait(5)
        self._close(descriptor)
        if self.closed_by and self.error is not None:
            raise self.error


@pytest.fixture
def closing(link: SerialLink, monkeypatch: pytest.MonkeyPatch) -> Closing:
    return Closing(monkeypatch, link)


async def test_other_tasks_go_on_while_a_port_is_closed(link: SerialLink, closing: Closing) -> None:
    with trio.fail_after(5):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(link.aclose)
            await closing.has_begun.wait()
            with pytest.raises(trio.ClosedResourceError):
                link.send_nowait(b"x")
            closing.go_on.set()
    assert closing.closed_by


async def test_closing_is_not_cancelled(link: SerialLink, closing: Closing) -> None:
    is_over = False

    async def close() -> None:
        nonlocal is_over
        await link.aclose()
        is_over = True

    with trio.fail_after(5):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(close)
            await closing.has_begun.wait()
            nursery.cancel_scope.cancel()
            with trio.CancelScope(shield=True):
                await trio.testing.wait_all_tasks_blocked()
            assert not is_over
            closing.go_on.set()
    assert threading.get_ident() not in closing.closed_by


async def test_a_port_that_has_gone_is_closed_without_a_word(
    link: SerialLink, port: Port, closing: Closing
) -> None:
    closing.go_on.set()
    closing.error = OSError(errno.EIO, os.strerror(errno.EIO))
    port.far.hang_up()
    await link.aclose()
    closing.error = None


class Queue:
    """What a driver has not sent yet, in place of the system's: a pty has nothing of the kind.

    Attributes:
        sizes: in bytes, one for each time that it is looked at.
        was_dropped: whether that has been thrown away.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, link: SerialLink) -> None:
        self.sizes: Iterator[int] = repeat(0)
        self.was_dropped = False
        self._ioctl = fcntl.ioctl
        monkeypatch.setattr(fcntl, "ioctl", self.ioctl)
        monkeypatch.setattr(termios, "tcflush", self.flush)

    def ioctl(self, descriptor: int, request: int, argument: "int | bytes" = 0) -> object:
        if request == termios.TIOCOUTQ:
            return struct.pack("i", 0 if self.was_dropped else next(self.sizes))
        return self._ioctl(descriptor, request, argument)

    def flush(self, descriptor: int, which: int) -> None:
        assert which == termios.TCOFLUSH
        self.was_dropped = True


@pytest.fixture
def queue(link: SerialLink, monkeypatch: pytest.MonkeyPatch) -> Queue:
    return Queue(monkeypatch, link)


async def test_what_was_sent_goes_out_before(
    link: SerialLink, queue: Queue, autojump_clock: trio.testing.MockClock
) -> None:
    """However long the wire takes for it."""
    queue.sizes = chain(range(2000, 0, -1), repeat(0))
    await link.aclose()
    assert not queue.was_dropped
    assert next(queue.sizes) == 0


async def test_what_a_board_does_not_take_is_dropped(
    link: SerialLink, queue: Queue, autojump_clock: trio.testing.MockClock
) -> None:
    """Or else Linux would wait for 30 s."""
    queue.sizes = chain([9, 8, 7], repeat(6))
    start = trio.current_time()
    await link.aclose()
    assert queue.was_dropped
    assert 0.4 < trio.current_time() - start < 0.7


async def test_closing_that_is_cancelled_drops_what_was_sent(
    link: SerialLink, queue: Queue, autojump_clock: trio.testing.MockClock
) -> None:
    queue.sizes = chain(range(2000, 0, -1), repeat(0))
    start = trio.current_time()
    await trio.aclose_forcefully(link)
    assert queue.was_dropped
    assert trio.current_time() == start
