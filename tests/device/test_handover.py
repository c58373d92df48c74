"""What hosts leave behind on a board for the next one: nothing, or something that is swept.

The transport here keeps its interpreter running when a link is closed, as a real board does when a
program lets go of its port.
"""

from collections.abc import AsyncIterator

import pytest
import trio
import trio.testing

from belay_actors import (
    DeviceOptions,
    DeviceSnapshot,
    open_device,
    open_session_manager,
)
from belay_actors.device._attach import attach
from belay_actors.device._attachment import MAIN_KEY, Attachment
from belay_actors.transport import Link, LinkEnd, LocalLink, LocalTransport, Transport


class BorrowedLink(Link):
    """A link that leaves the inner one open."""

    def __init__(self, inner: LocalLink) -> None:
        self.inner = inner
        self.name = inner.name
        self.is_lossless = inner.is_lossless

    def send_nowait(self, data: bytes) -> int:
        return self.inner.send_nowait(data)

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await self.inner.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        await self.inner.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        return await self.inner.receive_some(max_bytes)

    async def interrupt(self) -> bool:
        return await self.inner.interrupt()

    async def restart(self) -> bool:
        return False

    async def find_end(self) -> LinkEnd:
        return await self.inner.find_end()

    async def aclose(self) -> None:
        await trio.lowlevel.checkpoint()


class KeptBoard(Transport):
    """One interpreter, however often it is connected to."""

    url = "kept:"

    def __init__(self, inner: LocalLink) -> None:
        self.inner = inner

    async def connect(self) -> BorrowedLink:
        await trio.lowlevel.checkpoint()
        return BorrowedLink(self.inner)

    async def ask(self, line: str) -> str:
        """Types a line at the friendly prompt and returns everything up to the next prompt."""
        self.inner.send_nowait(line.encode() + b"\r")
        said = b""
        with trio.fail_after(5):
            while said.count(b">>> ") < (2 if b"MicroPython" in said else 1):
                said += await self.inner.receive_some()
        return said.decode()


class Nobody:
    """Listens to nothing."""

    def on_session_output(self, key: int, payload: bytes) -> None: ...

    def on_unsolicited(self, data: bytes) -> None: ...

    def on_dropped_frame(self) -> None: ...


@pytest.fixture
async def board() -> AsyncIterator[KeptBoard]:
    link = await LocalTransport("micropython:").connect()
    try:
        yield KeptBoard(link)
    finally:
        await link.aclose()


async def be_an_earlier_host(board: KeptBoard) -> Attachment:
    """Attaches as a host does that will die without a word."""
    _, attachment = await attach(board, Nobody(), DeviceOptions())
    await attachment.run(MAIN_KEY, "kept = 7", is_expression=False)
    await attachment.run(5, "secret = 1", is_expression=False)
    return attachment


async def look(board: KeptBoard) -> DeviceSnapshot:
    async with open_device(board) as device:
        assert await device.evaluate("6 * 7") == 42
        return device.snapshot()


async def test_a_fresh_board_has_nothing_to_sweep(board: KeptBoard) -> None:
    assert (await look(board)).was_swept is False


async def test_leftovers_of_a_host_that_died_are_swept_and_its_own_names_kept(
    board: KeptBoard,
) -> None:
    await be_an_earlier_host(board)
    async with open_device(board) as device, open_session_manager() as manager:
        assert device.snapshot().was_swept is True
        assert await device.evaluate("kept") == 7
        async with manager.open_session(device) as session:
            assert await session.evaluate("'secret' in globals()") is False
        assert device.generation == 1


async def test_a_program_that_a_dead_host_left_running_is_interrupted(board: KeptBoard) -> None:
    attachment = await be_an_earlier_host(board)
    with trio.move_on_after(0.05):
        await attachment.run(MAIN_KEY, "n = 0\nwhile True: n += 1", is_expression=False)
    assert (await look(board)).was_swept is True


@pytest.mark.parametrize(
    "typed",
    [b"x = (1,\r", b"def f():\r", b"'half a", b"\x05paste mode", b"\x01", b"\x01half a call"],
)
async def test_a_board_is_found_in_any_state_of_its_prompt(board: KeptBoard, typed: bytes) -> None:
    await board.ask("")
    board.inner.send_nowait(typed)
    assert (await look(board)).was_swept is False


async def test_closing_leaves_the_friendly_prompt_and_the_programs_names(board: KeptBoard) -> None:
    async with open_device(board) as device:
        await device.execute("mine = 5")
    assert "\r\n5" in await board.ask("mine")


async def test_closing_takes_the_core_off_the_board(board: KeptBoard) -> None:
    async with open_device(board) as device:
        await device.execute("mine = 5")
    assert "False" in await board.ask("'__b' in globals()")
    assert (await look(board)).was_swept is False


async def test_closing_with_a_program_running_leaves_the_friendly_prompt(board: KeptBoard) -> None:
    async with open_device(board) as device, trio.open_nursery() as nursery:
        nursery.start_soon(device.execute, "while True: pass")
        await trio.testing.wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    assert "\r\n3" in await board.ask("1 + 2")


async def test_closing_never_resets_the_board(board: KeptBoard) -> None:
    for number in range(3):
        async with open_device(board) as device:
            if number:
                assert await device.evaluate("count") == number
            await device.execute(f"count = {number + 1}")
            assert device.generation == 1
    assert "\r\n3" in await board.ask("count")
