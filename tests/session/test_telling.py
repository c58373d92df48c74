"""What could not be given back is told exactly: in the report, in the error, in the log."""

# a scope is under test, so it is what stands in pytest.raises()
# What a failing scope has bound is looked at after it:
# pyright: reportPossiblyUnboundVariable=none

import logging
import os
import signal
from collections.abc import Awaitable, Callable

import pytest
import trio

from belay_actors import (
    CleanupFailed,
    Device,
    DeviceLostError,
    DeviceResetError,
    DeviceSessionManager,
    Event,
    ResourceCleanupError,
    Session,
    SessionResource,
    open_session_manager,
)
from belay_actors.transport import LocalLink
from boards import SOFT_RESET

MakeResource = Callable[..., SessionResource]
Spaces = Callable[[Device], Awaitable[list[int]]]
LinkOf = Callable[[Device], LocalLink]


async def stick() -> None:
    await trio.lowlevel.checkpoint()
    raise OSError("stuck")


async def stick_at_last() -> None:
    try:
        await trio.sleep_forever()
    finally:
        raise OSError("stuck")


def left_of(session: Session) -> dict[str, str]:
    assert session.report is not None
    return {left.what: left.reason for left in session.report.left}


async def test_a04_g03_what_fails_on_the_board_is_told_in_its_own_words(
    device: Device, manager: DeviceSessionManager, make_resource: MakeResource
) -> None:
    with pytest.raises(ResourceCleanupError, match=r"1 thing .*: resource 'file'") as caught:
        async with manager.open_session(device) as session:
            await session.execute("def close():\n    raise OSError(5, 'worn out')")

            async def clean() -> None:
                await session.execute("close()")

            session.resources.register_resource(make_resource("file", clean))
    assert session.session_id in str(caught.value)
    (error,) = caught.value.exceptions
    assert isinstance(error, OSError)
    reason = left_of(session)["resource 'file'"]
    assert reason.startswith("OSError: [Errno 5]")
    assert "worn out" in reason
    assert "in close" in reason


async def test_a04_g03_what_fails_in_tasks_of_a_cleanup_is_told_in_its_own_words(
    device: Device, manager: DeviceSessionManager, make_resource: MakeResource
) -> None:
    with pytest.raises(ResourceCleanupError):
        async with manager.open_session(device) as session:

            async def clean() -> None:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(session.execute, "raise ValueError('bent')")
                    nursery.start_soon(stick_at_last)

            session.resources.register_resource(make_resource("arm", clean))
    assert "stuck" in left_of(session)["resource 'arm'"]


class WordlessError(Exception):
    """Cannot be told in words."""

    def __str__(self) -> str:
        return str(self.args[3])

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(name)


async def test_a04_g03_a_cleanup_whose_error_has_no_words_is_told_and_the_session_ends(
    device: Device, manager: DeviceSessionManager, make_resource: MakeResource, spaces: Spaces
) -> None:
    async def fail() -> None:
        await trio.lowlevel.checkpoint()
        raise WordlessError

    with trio.fail_after(5), pytest.raises(ResourceCleanupError, match="'odd'"):
        async with manager.open_session(device) as session:
            await session.execute("x = 1")
            session.resources.register_resource(make_resource("odd", fail))
            session.resources.register_resource(make_resource("even", trio.lowlevel.checkpoint))
    assert left_of(session) == {"resource 'odd'": "WordlessError"}
    assert await spaces(device) == []


async def test_a04_a_resource_that_forgets_its_name_is_given_back(
    device: Device, manager: DeviceSessionManager, make_resource: MakeResource
) -> None:
    class Forgetful:
        resource_type = "Thing"
        estimated_cost = 0
        name: str | None = "lamp"
        inner = make_resource("inner", trio.lowlevel.checkpoint)
        created_at = inner.created_at

        @property
        def resource_id(self) -> str:
            if self.name is None:
                raise LookupError("no name")
            return self.name

        async def cleanup(self) -> None:
            await trio.lowlevel.checkpoint()

    async with manager.open_session(device) as session:
        resource = Forgetful()
        session.resources.register_resource(resource)
        resource.name = None
    assert session.report is not None
    assert session.report.resources_released == ("lamp",)


@pytest.mark.parametrize("is_scoped", [True, False])
async def test_a04_g03_what_a_cancelled_session_leaves_is_in_the_log(
    device: Device,
    manager: DeviceSessionManager,
    make_resource: MakeResource,
    caplog: pytest.LogCaptureFixture,
    is_scoped: bool,
) -> None:
    with trio.CancelScope() as scope:
        session = await manager.create_session(device)
        async with manager.open_session(device) if is_scoped else session as session:
            session.resources.register_resource(make_resource("door", stick))
            scope.cancel()
            await trio.sleep_forever()
    assert scope.cancelled_caught
    about = {"session_id": session.session_id, "device": device.name}
    records = {
        record.getMessage(): {name: vars(record).get(name) for name in about}
        for record in caplog.records
        if record.levelno >= logging.WARNING
    }
    assert list(records.values()) == [about, about]
    failed, cancelled = records
    assert failed == "Failed to clean up resource door: OSError"
    assert "was cancelled, and: 1 thing could not be given back: resource 'door'" in cancelled


async def test_a04_g03_observers_are_told_of_each_failed_cleanup(
    device: Device, make_resource: MakeResource
) -> None:
    class Listener:
        told: list[Event] = []  # noqa: RUF012

        def observe(self, event: Event, /) -> None:
            if isinstance(event, CleanupFailed):
                self.told.append(event)

    listener = Listener()
    async with open_session_manager(observers=[listener]) as manager:
        session = await manager.create_session(device)
        for name in ("door", "gate"):
            session.resources.register_resource(make_resource(name, stick))
        with pytest.raises(ResourceCleanupError):
            await session.resources.release_resource("door")
        with pytest.raises(ResourceCleanupError):
            await manager.end_session(session.session_id)
    about = {"session_id": session.session_id, "device": device.name, "error": "OSError"}
    assert listener.told == [CleanupFailed(what=name, **about) for name in ("door", "gate")]


async def test_a04_a_board_that_is_reset_during_a_cleanup_has_nothing_left(
    device: Device, manager: DeviceSessionManager, make_resource: MakeResource, link_of: LinkOf
) -> None:
    async with manager.open_session(device) as session:
        await session.execute("x = 1")

        async def use() -> None:
            await session.execute("x = 2")

        async def use_in_tasks() -> None:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(use)
                nursery.start_soon(use)

        async def use_at_reset() -> None:
            link_of(device).send_nowait(SOFT_RESET)
            while True:
                await use()
                await trio.sleep(0.01)

        session.resources.register_resource(make_resource("a", use))
        session.resources.register_resource(make_resource("b", use_in_tasks))
        session.resources.register_resource(make_resource("c", use_at_reset))
    assert device.generation == 2
    assert left_of(session) == {}


async def test_a04_what_fails_because_another_board_was_reset_is_told(
    device: Device, manager: DeviceSessionManager, make_resource: MakeResource
) -> None:
    with pytest.raises(ResourceCleanupError):
        async with manager.open_session(device) as session:

            async def use_other() -> None:
                await trio.lowlevel.checkpoint()
                raise DeviceResetError("it was reset", device="another")

            session.resources.register_resource(make_resource("a", use_other))
    assert "was reset" in left_of(session)["resource 'a'"]


async def test_a04_what_a_lost_board_has_left_is_told(
    device: Device, manager: DeviceSessionManager, make_resource: MakeResource, link_of: LinkOf
) -> None:
    with pytest.raises(ResourceCleanupError) as caught:
        async with manager.open_session(device) as session:
            await session.execute("x = 1")

            async def use() -> None:
                await session.execute("x = 2")

            async def lose() -> None:
                os.kill(link_of(device).pid, signal.SIGKILL)
                await session.execute("while True: pass")

            session.resources.register_resource(make_resource("a", use))
            session.resources.register_resource(make_resource("b", lose))
    assert [type(error) for error in caught.value.exceptions] == [DeviceLostError] * 3
    assert list(left_of(session)) == ["resource 'b'", "resource 'a'", "the session's names"]
