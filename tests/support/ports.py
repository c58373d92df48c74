"""Serial ports without hardware: a pty is the port, and its master the other end of the cable."""

import os
import select

import trio

from belay_actors.transport import DescriptorLink, LinkEnd, SerialLink, SerialTransport
from belay_actors.transport._pty import open_raw_pty


class FarEnd(DescriptorLink):
    """The other end of a serial cable.

    Unlike a cable, a pty drops what has not been read when its master is closed. So closing waits
    until the near end has read all that was sent, or is closed itself.
    """

    name = "far end"
    is_lossless = True

    def __init__(self, descriptor: int, near: SerialLink | None = None) -> None:
        super().__init__(descriptor)
        self.near = near

    async def interrupt(self) -> bool:
        raise NotImplementedError

    async def restart(self) -> bool:
        raise NotImplementedError

    async def find_end(self) -> LinkEnd:
        raise NotImplementedError

    async def aclose(self) -> None:
        try:
            await trio.lowlevel.checkpoint()
            while self._descriptor >= 0 and self._is_unread():  # noqa: ASYNC110  # no event for it
                await trio.sleep(0.001)
        finally:
            self.hang_up()

    def hang_up(self) -> None:
        descriptor = self._take_descriptor()
        if descriptor >= 0:
            os.close(descriptor)

    def _is_unread(self) -> bool:
        if self.near is None or self.near._descriptor < 0:
            return False
        poll = select.poll()
        poll.register(self.near._descriptor, select.POLLIN)  # sees all that has been written
        return any(events & select.POLLIN for _, events in poll.poll(0))


class Port:
    """A pty that stands in for a serial port.

    Attributes:
        path: of the port.
        far: the other end of its cable.
        slave: the port, open besides, to look into it; -1 when it is not.
    """

    def __init__(self) -> None:
        master, self.slave = open_raw_pty()
        self.path = os.ttyname(self.slave)
        self.far = FarEnd(master)

    def leave_slave(self) -> None:
        """Closes the port that is open besides, so that the far end sees when the link closes."""
        if self.slave >= 0:
            os.close(self.slave)
            self.slave = -1

    async def connect(self) -> SerialLink:
        self.far.near = await SerialTransport(self.path, self.path).connect()
        return self.far.near

    def close(self) -> None:
        self.leave_slave()
        if self.far._descriptor >= 0:
            os.close(self.far._descriptor)
            self.far._descriptor = -1


def count_descriptors() -> int:
    """How many files and the like this process has open."""
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208
