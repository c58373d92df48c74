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
import trio.testing

from belay_actors import (
    CleanupFailed,
    Device,
    DeviceLostError,
    DeviceResetError,
    DeviceSessionManager,
    Event,
    ResourceCleanupError,
    Session,
    SessionManagementOptions,
    SessionResource,
    open_session_manager,
)
from belay_actors.transport import LocalLink

MakeResource = Callable[..., SessionResource]
Spaces = Callable[[Device], Awaitable[list[int]]]
LinkOf = Callable[[Device], LocalLink]


async def stick() -> None:
    await trio.lowlevel.checkpoint()
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
                    nursery.start_soon(stick)

            session.resources.register_resource(make_resource("arm", clean))
    assert "stuck" in left_of(session)["resource 'arm'"]


class Wordless(Exception):
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
        raise Wordless

    with trio.fail_after(5), pytest.raises(ResourceCleanupError, match="'odd'"):
        async with manager.open_session(device) as session:
            await session.execute("x = 1")
            session.resources.register_resource(make_resource("odd", fail))
            session.resources.register_resource(make_resource("even", trio.lowlevel.checkpoint))
    assert left_of(session) == {"resource 'odd'": "Wordless"}
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
