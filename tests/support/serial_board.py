"""A real MicroPython on a serial port."""

import os

import trio

from belay_actors.transport import LocalLink, LocalTransport
from belay_actors.transport._pty import open_raw_pty

CTRL_C = b"\x03"
SIGNAL_TIME = 1.0  # seconds in which a process notices a signal; a second one would kill it


class SerialBoard:
    """An interpreter behind a serial port: its own pty, the port's pty, and a cable in between.

    A Ctrl-C on the cable interrupts what runs, as on a board; this process needs a signal for it.

    Attributes:
        path: of the port.
        board: the interpreter.
        bytes_at_once: that the cable carries.
    """

    def __init__(self) -> None:
        master, self._slave = open_raw_pty()
        self.path = os.ttyname(self._slave)
        self.bytes_at_once = 65536
        self.board: LocalLink
        self._cable = trio.lowlevel.FdStream(master)
        self._has_power = trio.Event()
        self._is_off = trio.Event()
        self._plug = trio.CancelScope()
        self._has_ended = trio.Event()
        self._interrupted_at = -SIGNAL_TIME

    async def serve(self, task_status: trio.TaskStatus[None]) -> None:
        """Runs until it is unplugged."""
        self.turn_on()
        try:
            with self._plug:
                while True:
                    await self._has_power.wait()
                    self.board = await LocalTransport("micropython:").connect()
                    task_status.started()
                    task_status = trio.TASK_STATUS_IGNORED
                    await self._carry()
        finally:
            self._has_ended.set()

    async def _carry(self) -> None:
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._to_host)
                nursery.start_soon(self._to_board)
                await self._is_off.wait()
                nursery.cancel_scope.cancel()
        finally:
            with trio.CancelScope(shield=True):
                await self.board.aclose()

    def turn_on(self) -> None:
        """Starts a new interpreter."""
        self._is_off = trio.Event()
        self._has_power.set()

    def turn_off(self) -> None:
        """Ends the interpreter; the port stays."""
        self._has_power = trio.Event()
        self._is_off.set()

    async def unplug(self) -> None:
        """Hangs the port up."""
        self._plug.cancel()
        await self._has_ended.wait()
        await self._cable.aclose()

    async def aclose(self) -> None:
        await self.unplug()
        os.close(self._slave)

    async def _to_host(self) -> None:
        while data := await self.board.receive_some():
            if b"\x04" in data:  # it has noticed
                self._interrupted_at = -SIGNAL_TIME
            for start in range(0, len(data), self.bytes_at_once):
                await self._cable.send_all(data[start : start + self.bytes_at_once])

    async def _to_board(self) -> None:
        while data := await self._cable.receive_some(self.bytes_at_once):
            text, *others = data.split(CTRL_C)
            await self.board.send_all(text)
            for text in others:
                if not await self._interrupt():
                    await self.board.send_all(CTRL_C)
                await self.board.send_all(text)

    async def _interrupt(self) -> bool:
        if trio.current_time() < self._interrupted_at + SIGNAL_TIME:
            return True
        is_running = await self.board.interrupt()
        if is_running:
            self._interrupted_at = trio.current_time()
        return is_running
