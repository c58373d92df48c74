"""A board on a serial port: a UART behind an adapter, or USB that looks like one.

Here are its link, with pacing and the reset by a control line, and its transport. How ports are
opened and closed is told in ``_port``, how bytes are read and written in ``_descriptor``.

Pacing: a board without flow control keeps a few bytes that came while it was busy (63 on a
micro:bit), and drops the rest in silence. So code goes out in pieces of that size, one in the time
that the wire takes for it. On a real UART that costs nothing; a USB port that only looks like one
has flow control of its own, and a firmware that knows raw-paste, which is not paced.

Whether that flow control reaches up to the interpreter cannot be seen from here: an adapter's does
not, and some firmware drops what it has no room for. A port is lossless only if its user says so.
"""

import functools
import termios

import attrs
import trio

from belay_actors.transport._base import LinkEnd, Transport
from belay_actors.transport._descriptor import DescriptorLink
from belay_actors.transport._modem import ModemLine, set_lines
from belay_actors.transport._port import SerialSettings, close_port, open_port
from belay_actors.transport._refusals import explain_refusal

_BITS_PER_BYTE = 10  # a start bit, eight data bits, a stop bit
_RESET_PULSE = 0.1  # seconds; as esptool and avrdude have it


class SerialLink(DescriptorLink):
    """An open serial port."""

    def __init__(self, descriptor: int, path: str, settings: SerialSettings) -> None:
        super().__init__(descriptor)
        self.name = path.removeprefix("/dev/")
        self.is_lossless = settings.is_lossless
        self._settings = settings
        self._end = LinkEnd(f"{path} was unplugged, or has hung up", is_restart=False)

    async def send_paced(self, data: bytes) -> None:
        size = self._settings.input_buffer
        byte_time = _BITS_PER_BYTE / self._settings.baudrate
        await self.send_all(data[:size])
        for start in range(size, len(data), size):
            await trio.sleep(size * byte_time)
            await self.send_all(data[start : start + size])

    async def interrupt(self) -> bool:
        await trio.lowlevel.checkpoint()
        return False

    async def restart(self) -> bool:
        """Resets the board by its control line, if it is known to have one.

        Cancellation: the line is let go; the board has been reset, or not.
        """
        line = self._settings.reset_line
        await trio.lowlevel.checkpoint()
        if line is None:
            return False
        try:
            await self._set(line, is_on=True)
            try:
                await trio.sleep(_RESET_PULSE)
            finally:
                with trio.CancelScope(shield=True):
                    await self._set(line, is_on=False)
        except OSError:
            return False
        self._end = LinkEnd(f"the board was reset by its {line.name} line", is_restart=True)
        return True

    async def _set(self, line: ModemLine, *, is_on: bool) -> None:
        self._check_open()
        change = functools.partial(set_lines, self._descriptor, (line,), is_on=is_on)
        await trio.to_thread.run_sync(change)

    async def find_end(self) -> LinkEnd:
        await trio.lowlevel.checkpoint()
        return self._end

    async def aclose(self) -> None:
        """Closes the port, after what was sent has gone out. What a board does not take is dropped.

        Cancellation: drops what has not gone out, and closes the port all the same.
        """
        descriptor = self._take_descriptor()
        if descriptor >= 0:
            await close_port(descriptor)
        await trio.lowlevel.checkpoint()


@attrs.frozen
class SerialTransport(Transport):
    """``serial:PATH[?baudrate=115200&…]``.

    Args:
        url: for messages.
        path: of the port.
        settings: of the port.
    """

    url: str
    path: str
    settings: SerialSettings = attrs.field(factory=SerialSettings)

    async def connect(self) -> SerialLink:
        try:
            descriptor = await open_port(self.path, self.settings)
        except (OSError, termios.error, ValueError, NotImplementedError) as error:
            raise explain_refusal(error, self.path, self.url) from error
        return SerialLink(descriptor, self.path, self.settings)
