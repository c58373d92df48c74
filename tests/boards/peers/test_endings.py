"""Whatever goes wrong at the end is told, and the board is let go of all the same.

| event | belay 0.30 | mpremote 1.29 | mpytool 2.6 |
|---|---|---|---|
| teardown raises | port never closed | - | - |

The nearest to a teardown, for now, is a resource of a session whose cleanup raises.
"""

# a scope is under test, so it is what stands in pytest.raises()

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import attrs
import pytest
import trio

from belay_actors import (
    RemoteError,
    ResourceCleanupError,
    Session,
    open_device,
    open_session_manager,
)

if TYPE_CHECKING:
    from boards import Board


@attrs.frozen(eq=False)
class Lamp:
    """Something to switch off."""

    resource_id: str
    switch_off: Callable[[], Awaitable[object]]
    resource_type: str = "Lamp"
    estimated_cost: int = 0
    created_at: datetime = attrs.field(factory=lambda: datetime.now(UTC))

    async def cleanup(self) -> None:
        await self.switch_off()


@asynccontextmanager
async def open_session_with_bad_ends(board: "Board") -> AsyncGenerator[Session, None]:
    """A session of a device of its own; it holds two lamps that fail between two that do not."""
    async with (
        open_device(board) as device,
        open_session_manager() as manager,
        manager.open_session(device) as session,
    ):
        await device.execute("switched_off = []")

        async def fail_here() -> None:
            await trio.lowlevel.checkpoint()
            raise ValueError("stuck here")

        async def fail_there() -> None:
            await session.execute("raise ValueError('stuck there')")

        async def succeed() -> None:
            await device.execute("switched_off.append(1)")

        for name, switch_off in [
            ("oldest", succeed), ("here", fail_here), ("there", fail_there), ("newest", succeed)
        ]:  # fmt: skip
            session.resources.register_resource(Lamp(name, switch_off))
        yield session


async def check_let_go(board: "Board") -> None:
    """The port is closed, the other lamps are off, and the board is at its prompt for anybody."""
    assert board.link.is_closed
    async with open_device(board) as device:
        assert device.generation == 1
        assert not device.snapshot().was_swept
        assert await device.evaluate("switched_off") == [1, 1]


async def test_teardown_raises(board: "Board") -> None:
    with pytest.raises(ResourceCleanupError, match="2 things") as caught:
        async with open_session_with_bad_ends(board):
            pass
    there, here = caught.value.exceptions
    assert isinstance(there, RemoteError)
    assert there.remote_message == "stuck there"
    assert str(here) == "stuck here"
    assert there.__notes__[-1] == "This was the cleanup of resource 'there'."
    await check_let_go(board)


async def test_teardown_raises_after_the_body_has_raised(board: "Board") -> None:
    with pytest.raises(KeyError, match="of the body") as caught:
        async with open_session_with_bad_ends(board):
            raise KeyError("of the body")
    notes = "\n".join(caught.value.__notes__)
    assert "stuck here" in notes
    assert "stuck there" in notes
    await check_let_go(board)


async def test_teardown_raises_when_the_body_is_cancelled(
    board: "Board", caplog: pytest.LogCaptureFixture
) -> None:
    with trio.CancelScope() as scope:
        async with open_session_with_bad_ends(board) as session, trio.open_nursery() as nursery:
            nursery.start_soon(session.execute, "print('it runs')\nwhile True: pass")
            await board.has_said("it runs")
            scope.cancel()
    assert scope.cancelled_caught
    assert "2 things could not be given back" in caplog.text
    await check_let_go(board)
