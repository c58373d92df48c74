"""The micro:bit as a board for tests: its real firmware, emulated, through the serial transport."""

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager

import trio

from belay_actors import DeviceNotFoundError
from belay_actors.transport import Link, LinkEnd, SerialTransport
from boards import Board
from qemu import EmulatedMicrobit, open_microbit


class MicrobitBoard(Board):
    """Firmware 1.9.2 on a Cortex-M0: 9 KB of heap, no raw-paste, no threads.

    Attributes:
        can_restart: whether its links can restart it by force, as a board can whose reset line is
            wired to DTR or RTS.
    """

    is_shared = True
    is_small = True
    has_threads = False
    newline = "\r\n"
    writer = "import microbit\nwrite = microbit.uart.write"
    can_restart = True

    def __init__(self, stack: AsyncExitStack) -> None:
        super().__init__()
        self._stack = stack
        self._emulated: EmulatedMicrobit | None = None
        self._was_restarted = False

    @property
    def emulated(self) -> EmulatedMicrobit:
        """The running emulation."""
        assert self._emulated is not None, "it is not plugged in"
        return self._emulated

    async def open_link(self) -> Link:
        if self._emulated is None:
            raise DeviceNotFoundError("the board is unplugged", device=self.url)
        self._was_restarted = False
        return await SerialTransport(self.url, self._emulated.path).connect()

    async def close_link(self, link: Link) -> None:
        await link.aclose()

    async def reset(self) -> None:
        await self.emulated.execute("system_reset")

    async def unplug(self) -> None:
        emulated, self._emulated = self.emulated, None
        await emulated.kill()

    async def plug_in(self) -> None:
        self._emulated = await self._stack.enter_async_context(open_microbit())
        self.url = self._emulated.path

    async def pause(self) -> None:
        await self.emulated.execute("stop")

    async def resume(self) -> None:
        await self.emulated.execute("cont")

    async def restart(self, link: Link) -> bool:
        await trio.lowlevel.checkpoint()
        if self.can_restart:
            await self.resume()
            await self.reset()
            self._was_restarted = True
        return self.can_restart

    async def find_end(self, link: Link) -> LinkEnd:
        if self._was_restarted:
            await trio.lowlevel.checkpoint()
            return LinkEnd("the board was restarted by its reset line", is_restart=True)
        return await link.find_end()


@asynccontextmanager
async def open_microbit_board() -> AsyncGenerator[Board, None]:
    async with AsyncExitStack() as stack:
        board = MicrobitBoard(stack)
        await board.plug_in()
        yield board
