"""A micro:bit with its real firmware, emulated by QEMU: started, ready, and controlled by QMP."""

import json
import os
import re
import shutil
import subprocess
import tempfile
import tty
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import trio

QEMU = shutil.which("qemu-system-arm")
FIRMWARE = Path("/usr/share/firmware-microbit-micropython/firmware.hex")
WHY_NOT = "needs Debian's qemu-system-arm and firmware-microbit-micropython"

_PATH = re.compile(rb"redirected to (/dev/pts/\d+)")
_PROMPT = b">>> "
_START_TIME = 20  # seconds; it takes 0.1 on an idle machine


def has_microbit() -> bool:
    """Whether an emulated micro:bit can be started here."""
    return QEMU is not None and FIRMWARE.is_file()


class EmulatedMicrobit:
    """A running QEMU. Made by ``open_microbit``.

    Attributes:
        path: of its serial port.
    """

    def __init__(self, process: trio.Process, path: str, control: trio.SocketStream) -> None:
        self.path = path
        self._process = process
        self._control = control
        self._unread = b""
        # QEMU looks for somebody at its pty only once a second; so there is always somebody.
        self._holder = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        tty.setraw(self._holder)

    async def wait_ready(self) -> None:
        """Waits until it shows its prompt."""
        shown = b""
        while not shown.endswith(_PROMPT):
            os.write(self._holder, b"\r")
            with trio.move_on_after(0.1):
                while not shown.endswith(_PROMPT):
                    await trio.lowlevel.wait_readable(self._holder)
                    shown += os.read(self._holder, 4096)
        await self._read_rest()

    async def _read_rest(self) -> None:
        """Throws away the prompts that come when more than one carriage return was needed."""
        with trio.move_on_after(0.05):
            while True:
                await trio.lowlevel.wait_readable(self._holder)
                os.read(self._holder, 4096)

    async def execute(self, command: str) -> None:
        """Gives a QMP command, and waits until it has been carried out."""
        await self._control.send_all(json.dumps({"execute": command}).encode() + b"\n")
        while "return" not in await self._read_message():
            pass

    async def _read_message(self) -> dict[str, object]:
        while b"\n" not in self._unread:
            received = await self._control.receive_some()
            if not received:
                raise RuntimeError("QEMU has ended")
            self._unread += received
        line, _, self._unread = self._unread.partition(b"\n")
        message: dict[str, object] = json.loads(line)
        return message

    async def kill(self) -> None:
        """Ends it, as if it was unplugged."""
        if self._holder >= 0:
            os.close(self._holder)
            self._holder = -1
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()
        await self._control.aclose()


@asynccontextmanager
async def open_microbit() -> AsyncGenerator[EmulatedMicrobit, None]:
    """Starts a micro:bit that is at its friendly prompt; ends it when the scope is left."""
    with tempfile.TemporaryDirectory() as directory:
        socket = f"{directory}/qmp"
        process = await trio.lowlevel.open_process(
            [
                *(str(QEMU), "-M", "microbit", "-display", "none", "-monitor", "none"),
                *("-device", f"loader,file={FIRMWARE}"),
                *("-serial", "pty", "-qmp", f"unix:{socket},server=on,wait=off"),
            ],
            stdout=subprocess.PIPE,
        )
        assert process.stdout is not None
        try:
            with trio.fail_after(_START_TIME):
                path = await _read_path(process.stdout)
                board = EmulatedMicrobit(process, path, await trio.open_unix_socket(socket))
                await board.execute("qmp_capabilities")
                await board.wait_ready()
            yield board
            with trio.CancelScope(shield=True):
                await board.kill()
        finally:
            if process.returncode is None:
                process.kill()
            with trio.CancelScope(shield=True):
                await process.wait()
                await process.stdout.aclose()


async def _read_path(output: trio.abc.ReceiveStream) -> str:
    """Reads which pty QEMU has made."""
    said = b""
    while (match := _PATH.search(said)) is None:
        received = await output.receive_some()
        if not received:
            raise RuntimeError(f"QEMU has ended: {said!r}")
        said += received
    return match[1].decode()
