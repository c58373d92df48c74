"""A link that was answered at once the last time: it looks for a moment, before it sleeps.

The clock stands still unless a test moves it, so a moment lasts as long as the test wants it to.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
import trio
import trio.testing

from belay_actors.transport import SerialLink, _descriptor
from ports import Port

Eventually = Callable[[Callable[[], bool]], Awaitable[None]]
LATE = 1.0  # seconds; for an answer at once


class Clock:
    """The link's clock."""

    def __init__(self) -> None:
        self.now = 0.0
        self.looks = 0
        self.pace = 0.0  # seconds that pass between two looks

    def __call__(self) -> float:
        self.looks += 1
        self.now += self.pace
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(_descriptor, "perf_counter", clock)
    return clock


class Sleeps:
    """Counts how often the link slept until there was something to read."""

    def __init__(self, link: SerialLink) -> None:
        self.count = 0
        self._descriptor = link._descriptor
        self._wait_readable = trio.lowlevel.wait_readable

    async def __call__(self, descriptor: int) -> None:
        self.count += descriptor == self._descriptor
        await self._wait_readable(descriptor)


@pytest.fixture
def sleeps(link: SerialLink, monkeypatch: pytest.MonkeyPatch) -> Sleeps:
    sleeps = Sleeps(link)
    monkeypatch.setattr(trio.lowlevel, "wait_readable", sleeps)
    return sleeps


async def ask(link: SerialLink, port: Port) -> None:
    link.send_nowait(b"?")
    assert await port.far.receive_some() == b"?"


async def answer(link: SerialLink, port: Port) -> None:
    await port.far.send_all(b"!")
    with trio.fail_after(5):
        assert await link.receive_some() == b"!"


async def converse(link: SerialLink, port: Port) -> None:
    await ask(link, port)
    await answer(link, port)


async def test_what_was_never_asked_is_slept_on(
    link: SerialLink, port: Port, clock: Clock, sleeps: Sleeps
) -> None:
    await answer(link, port)
    await answer(link, port)
    assert sleeps.count == 2


async def test_an_answer_at_once_lets_it_look_for_the_next(
    link: SerialLink, port: Port, clock: Clock, sleeps: Sleeps, eventually: Eventually
) -> None:
    await converse(link, port)
    await ask(link, port)
    before = sleeps.count
    async with trio.open_nursery() as nursery:
        nursery.start_soon(answer_after_looks, link, port, clock, eventually)
        assert await link.receive_some() == b"!"
    assert sleeps.count == before


async def answer_after_looks(
    link: SerialLink, port: Port, clock: Clock, eventually: Eventually
) -> None:
    seen = clock.looks
    await eventually(lambda: clock.looks > seen + 5)  # others have their turns
    port.far.send_nowait(b"!")


async def test_it_looks_for_a_moment_only(
    link: SerialLink, port: Port, clock: Clock, sleeps: Sleeps
) -> None:
    await converse(link, port)
    await ask(link, port)
    before, clock.pace = sleeps.count, 0.0001
    async with trio.open_nursery() as nursery:

        @nursery.start_soon
        async def _() -> None:
            assert await link.receive_some() == b"!"

        await trio.testing.wait_all_tasks_blocked()
        assert sleeps.count == before + 1
        await port.far.send_all(b"!")


async def test_after_a_late_answer_it_does_not_look(
    link: SerialLink, port: Port, clock: Clock, sleeps: Sleeps
) -> None:
    await converse(link, port)
    await ask(link, port)
    clock.now += LATE
    await answer(link, port)
    before = sleeps.count
    await ask(link, port)
    await answer(link, port)
    assert sleeps.count == before + 1
    await converse(link, port)  # that one was at once
    assert sleeps.count == before + 1


async def test_what_nobody_has_asked_for_is_slept_on(
    link: SerialLink, port: Port, clock: Clock, sleeps: Sleeps
) -> None:
    await converse(link, port)
    clock.now += LATE
    before = sleeps.count
    await answer(link, port)
    assert sleeps.count == before + 1


@pytest.fixture
def small_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal holds three bytes."""
    monkeypatch.setattr(_descriptor, "_FULL", 3)


@pytest.mark.usefixtures("small_terminal")
async def test_after_as_much_as_a_terminal_holds_it_looks_for_more(
    link: SerialLink, port: Port, clock: Clock, sleeps: Sleeps, eventually: Eventually
) -> None:
    await port.far.send_all(b"!!!")
    assert await link.receive_some() == b"!!!"
    before = sleeps.count
    async with looking(link.receive_some, clock, eventually):
        await port.far.send_all(b"!")
    assert sleeps.count == before


async def test_a_cancellation_while_it_looks_loses_nothing(
    link: SerialLink, port: Port, clock: Clock, sleeps: Sleeps, eventually: Eventually
) -> None:
    await converse(link, port)
    await ask(link, port)
    before = sleeps.count
    async with looking(link.receive_some, clock, eventually) as scope:
        scope.cancel()
    assert sleeps.count == before
    await answer(link, port)


async def test_closing_while_it_looks(
    link: SerialLink, port: Port, clock: Clock, eventually: Eventually
) -> None:
    await converse(link, port)
    await ask(link, port)

    async def receive() -> None:
        with pytest.raises(trio.ClosedResourceError):
            await link.receive_some()

    async with looking(receive, clock, eventually):
        await link.aclose()


async def test_a_hang_up_while_it_looks(
    link: SerialLink, port: Port, clock: Clock, eventually: Eventually
) -> None:
    port.leave_slave()
    await converse(link, port)
    await ask(link, port)

    async def receive() -> None:
        assert await link.receive_some() == b""

    async with looking(receive, clock, eventually):
        port.far.hang_up()


@asynccontextmanager
async def looking(
    receive: Callable[[], Awaitable[object]], clock: Clock, eventually: Eventually
) -> AsyncGenerator[trio.CancelScope, None]:
    """Waits until a link that receives has looked several times; yields the scope that it is in."""
    seen = clock.looks
    async with trio.open_nursery() as nursery:
        nursery.start_soon(receive)
        await eventually(lambda: clock.looks > seen + 2)
        yield nursery.cancel_scope
