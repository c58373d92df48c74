"""An error that calls itself recoverable is: the same work in a new session succeeds."""

# What a failing scope has bound is looked at after it:
# pyright: reportPossiblyUnboundVariable=none

import os
import signal
from collections.abc import Awaitable, Callable, Iterator

import pytest
import trio

from belay_actors import (
    Device,
    DeviceLostError,
    DeviceResetError,
    RemoteError,
    Session,
    SessionError,
    SessionFailedError,
    SessionLimitError,
    SessionManagementOptions,
    SessionTimeoutError,
    open_session_manager,
)
from belay_actors.errors import BelayError
from belay_actors.transport import LocalLink
from boards import EXITS_IN_NEXT_CALL

Fail = Callable[[Session], Awaitable[None]]


async def reset(session: Session) -> None:
    await session.device.execute(EXITS_IN_NEXT_CALL)
    await session.execute("x = 1")


async def outlive(session: Session) -> None:
    await session.execute("while True: pass")


async def fail_in_a_child(session: Session) -> None:
    async def fail() -> None:
        await session.execute("x = 1")
        raise SessionError("it was not the moment for it", is_recoverable=True)

    session.start_soon(fail)
    await trio.sleep_forever()


WAYS: dict[type[BelayError], Fail] = {
    DeviceResetError: reset,
    SessionTimeoutError: outlive,
    SessionFailedError: fail_in_a_child,
}


async def check_works(session: Session) -> None:
    await session.execute("x = 20")
    assert await session.evaluate("x + 1") == 21


@pytest.mark.parametrize("kind", WAYS, ids=lambda kind: kind.__name__)
async def test_g02_after_a_recoverable_error_a_new_session_works(
    device: Device, kind: type[BelayError]
) -> None:
    options = SessionManagementOptions(default_session_timeout=0.5)
    async with open_session_manager(options) as manager:
        with pytest.raises(kind) as caught:
            async with manager.open_session(device) as failed:
                await WAYS[kind](failed)
        assert caught.value.is_recoverable
        assert not failed.is_active
        async with manager.open_session(device) as session:
            await check_works(session)


async def test_g02_a_full_manager_is_recoverable_once_a_session_has_ended(device: Device) -> None:
    async with open_session_manager(SessionManagementOptions(max_concurrent_sessions=1)) as manager:
        held = await manager.create_session(device)
        with pytest.raises(SessionLimitError) as caught:
            await manager.create_session(device)
        assert caught.value.is_recoverable
        await manager.end_session(held.session_id)
        await check_works(await manager.create_session(device))


def subclasses(kind: type[BelayError]) -> Iterator[type[BelayError]]:
    for each in kind.__subclasses__():
        yield each
        yield from subclasses(each)


def test_g02_every_class_that_is_always_recoverable_is_tried_here() -> None:
    ours = (kind for kind in subclasses(BelayError) if kind.__module__.startswith("belay_actors"))
    assert {kind for kind in ours if kind.is_recoverable} <= set(WAYS)


async def test_g02_a_lost_device_is_not_recoverable_and_fails_a_new_session_too(
    device: Device, link_of: Callable[[Device], LocalLink]
) -> None:
    async with open_session_manager() as manager:
        for _ in range(2):
            with pytest.raises(DeviceLostError) as caught:
                async with manager.open_session(device) as session:
                    os.kill(link_of(device).pid, signal.SIGKILL)
                    await session.execute("while True: pass")
            assert not caught.value.is_recoverable


async def test_g02_an_error_of_the_code_is_not_recoverable_and_comes_again(device: Device) -> None:
    async with open_session_manager() as manager:
        for _ in range(2):
            with pytest.raises(RemoteError) as caught:
                async with manager.open_session(device) as session:
                    await session.execute("1 / 0")
            assert not caught.value.is_recoverable
