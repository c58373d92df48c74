"""Blocks: bytes that travel as they are, in the loop and by the raw REPL, on real interpreters."""

import os
import signal
from collections.abc import AsyncIterator, Callable

import pytest
import trio
import trio.testing

from belay_actors import (
    Device,
    DeviceLostError,
    DeviceOptions,
    DeviceSessionManager,
    RemoteError,
    ResourceCleanupError,
    Session,
    open_device,
)
from belay_actors.transport import LocalLink

EVERY_BYTE = bytes(range(256))
SUM = "sum(block)"


@pytest.fixture(params=[True, False], ids=["resident", "raw"])
async def device(request: pytest.FixtureRequest) -> AsyncIterator[Device]:
    options = DeviceOptions(resident=request.param)
    async with open_device("micropython:", options=options) as device:
        yield device


@pytest.fixture
async def session(device: Device, manager: DeviceSessionManager) -> AsyncIterator[Session]:
    async with manager.open_session(device) as session:
        yield session


@pytest.mark.parametrize("size", [0, 1, 63, 64, 65, 4095, 4096, 10_000])
async def test_any_bytes_arrive_as_they_are(session: Session, size: int) -> None:
    data = (EVERY_BYTE * 40)[:size]
    await session.put("block", data)
    assert await session.evaluate("type(block) is bytearray") is True
    assert await session.evaluate("bytes(block)") == data


async def test_a_long_name_is_a_name(session: Session) -> None:
    name = "a_very_long_name_of_a_variable_that_fits_into_no_header_of_64_bytes"
    await session.put(name, EVERY_BYTE)
    assert await session.evaluate(f"bytes({name})") == EVERY_BYTE


async def test_it_takes_the_place_of_what_was_there(session: Session) -> None:
    await session.put("block", EVERY_BYTE)
    await session.put("block", b"new")
    assert await session.evaluate("bytes(block)") == b"new"


async def test_each_session_has_its_own(session: Session, manager: DeviceSessionManager) -> None:
    await session.put("block", b"one")
    async with manager.open_session(session.device) as other:
        await other.put("block", b"two")
        assert await session.evaluate("bytes(block)") == b"one"


@pytest.mark.parametrize("name", ["", "a b", "1st", "for", "größe", "a;b", "a\n"])
async def test_what_is_no_name_is_refused(session: Session, name: str) -> None:
    with pytest.raises(ValueError, match="not an identifier"):
        await session.put(name, b"")
    assert session.calls == 0


async def test_what_is_no_bytes_is_refused(session: Session) -> None:
    with pytest.raises(TypeError, match="bytes"):
        await session.put("block", "text")  # type: ignore[arg-type]
    assert session.calls == 0


async def test_what_the_board_has_no_memory_for_is_an_error_and_nothing_else(
    manager: DeviceSessionManager,
) -> None:
    async with (
        open_device("micropython:?heapsize=128k") as device,
        manager.open_session(device) as session,
    ):
        await session.put("block", b"before")
        with pytest.raises(RemoteError, match="memory") as caught:
            await session.put("block", b"\x04" * 1_000_001)
        assert caught.value.type_name == "MemoryError"
        assert await session.evaluate("bytes(block)") == b"before"


async def test_a_thread_may_print_meanwhile(session: Session) -> None:
    await session.execute(
        "import _thread, time\n"
        "def tick():\n"
        "    while True:\n"
        "        print('tick' * 100)\n"
        "        time.sleep_ms(1)\n"
        "_thread.start_new_thread(tick, ())"
    )
    for _ in range(5):
        await session.put("block", EVERY_BYTE * 20)
        assert await session.evaluate(SUM) == sum(EVERY_BYTE) * 20


async def test_after_a_cancellation_the_board_is_ready(session: Session) -> None:
    data = EVERY_BYTE * 2000
    for steps in range(0, 60, 3):
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(session.put, "block", data)
                for _ in range(steps):
                    await trio.lowlevel.checkpoint()
                scope.cancel()
        assert await session.evaluate("6 * 7") == 42


async def test_a_board_that_is_killed_meanwhile_is_lost(
    device: Device, manager: DeviceSessionManager, link_of: Callable[[Device], LocalLink]
) -> None:
    async def put(session: Session) -> None:
        with pytest.raises(DeviceLostError):
            await session.put("block", bytes(1_500_000))

    with pytest.raises((DeviceLostError, ResourceCleanupError)):
        async with manager.open_session(device) as session, trio.open_nursery() as nursery:
            nursery.start_soon(put, session)
            await trio.testing.wait_all_tasks_blocked()
            os.kill(link_of(device).pid, signal.SIGKILL)
