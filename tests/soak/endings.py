"""The ways in which a session's scope is left; whichever it is, the same must be true afterwards.

An ending opens the session of a ``Life``, lets it work, leaves it in its own way, and checks that
what came out is what the documentation promises for that way. What a fault adds to that comes out
of the ending as it is, for the verdict.
"""

from collections.abc import Awaitable, Callable

import trio

from belay_actors import (
    SessionClosedError,
    SessionFailedError,
    SessionManagementOptions,
    SessionNotFoundError,
    SessionTimeoutError,
    open_session_manager,
)

from .life import Deliberate, Life
from .loops import draw_loop
from .model import expect

_LONGEST = 3.0  # seconds until somebody ends a session from outside

Ending = Callable[[Life], Awaitable[None]]


async def returned(life: Life) -> None:
    """The body is done."""
    async with life.open():
        await life.work()


async def raised(life: Life) -> None:
    """The body's error comes out as it is."""
    error = Deliberate(life.name)
    try:
        async with life.open():
            await life.work()
            raise error
    except Deliberate as caught:
        expect(caught is error, True, "the error of a body")


async def cancelled(life: Life) -> None:
    """The scope around the session is cancelled."""
    with trio.move_on_after(_some_time(life)):
        async with life.open():
            await life.work_on()
    life.tally.cancels += 1


async def ended_by_another_task(life: Life) -> None:
    """Another task has the manager end the session."""
    is_open = trio.Event()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_end_later, life, is_open)
        try:
            async with life.open():
                is_open.set()
                await life.work_on()
        except SessionClosedError as error:
            expect(error.session_id, life.deeds.session.session_id, "a session that was ended")


async def _end_later(life: Life, is_open: trio.Event) -> None:
    await is_open.wait()
    await trio.sleep(_some_time(life))
    session = life.deeds.session
    try:
        await life.manager.end_session(session.session_id)
    except SessionNotFoundError:
        expect(session.is_active, False, "is_active of a session that the manager does not have")


async def failed_child(life: Life) -> None:
    """A child task fails, and the session with it."""
    error = Deliberate(life.name)
    done: list[Deliberate] = []  # empty if another child has failed earlier

    async def fail() -> None:
        await trio.sleep(_some_time(life))
        done.append(error)
        raise error

    try:
        async with life.open() as session:
            session.start_soon(fail)
            await life.work_on()
    except SessionFailedError as failure:
        causes = getattr(failure.__cause__, "exceptions", ())
        others = [cause for cause in causes if cause is not error]
        expect(len(causes) - len(others), len(done), "the causes of a failed session")
        if others:
            raise ExceptionGroup("other children failed", others) from None


async def left_while_busy(life: Life) -> None:
    """The body is done while children's calls run and wait."""
    async with life.open() as session:
        await life.work()
        for _ in range(life.chance.randrange(1, 4)):
            session.start_soon(session.execute, draw_loop(life.chance))
        await trio.sleep(life.chance.uniform(0, 0.1))


async def too_old(life: Life) -> None:
    """The session reaches its age limit."""
    options = SessionManagementOptions(default_session_timeout=_some_time(life))
    async with open_session_manager(options) as manager:
        try:
            async with life.open(manager):
                await life.work_on()
        except SessionTimeoutError as error:
            expect(error.session_id, life.deeds.session.session_id, "a session that got too old")


async def left_with_its_manager(life: Life) -> None:
    """The manager ends, and with it a session that tasks outside of it use."""
    async with trio.open_nursery() as nursery, open_session_manager() as manager:
        session = await manager.create_session(life.opening.device)
        life.begin(session, manager)
        for _ in range(life.chance.randrange(1, 4)):
            nursery.start_soon(_work_until_closed, life)
        await trio.sleep(_some_time(life))


async def _work_until_closed(life: Life) -> None:
    try:
        while True:
            await life.deeds.token()
            await life.deeds.sleep()
    except SessionClosedError as error:
        expect(error.session_id, life.deeds.session.session_id, "a session whose manager ended")


def _some_time(life: Life) -> float:
    return life.chance.uniform(0, _LONGEST)


ENDINGS: dict[Ending, int] = {
    returned: 6,
    raised: 2,
    cancelled: 3,
    ended_by_another_task: 3,
    failed_child: 2,
    left_while_busy: 3,
    too_old: 2,
    left_with_its_manager: 2,
}
