"""What every transport promises: a place to find a board, and a live byte stream to it."""

import abc

import attrs
import trio


@attrs.frozen
class LinkEnd:
    """How a link came to its end.

    Attributes:
        reason: for messages, such as ``"the interpreter was killed by SIGKILL"``.
        is_restart: whether the board can be reached again at once, newly started; otherwise it is
            gone until somebody opens the device again.
    """

    reason: str
    is_restart: bool


class Link(trio.abc.Stream):
    """A live, exclusive byte stream to one board.

    As with every trio stream, ``receive_some`` returns ``b""`` at the end, and trio's
    ``BrokenResourceError`` and ``ClosedResourceError`` are the only other errors: an ``OSError`` of
    the operating system never comes through.

    Attributes:
        name: of the board, unique among those that are open.
        is_lossless: whether the board's input never overflows. Otherwise what is sent while the
            board does not read may be lost, and flow control is used.
    """

    name: str
    is_lossless: bool

    @abc.abstractmethod
    def send_nowait(self, data: bytes) -> int:
        """Sends as much as can be sent without waiting, and returns how many bytes that was.

        Raises:
            trio.BrokenResourceError: the link is gone.
            trio.ClosedResourceError: the link was closed here.
        """

    async def send_paced(self, data: bytes) -> None:
        """Sends code to a board without flow control, no faster than it can take it in.

        Raises, cancellation: as ``send_all``.
        """
        await self.send_all(data)

    @abc.abstractmethod
    async def interrupt(self) -> bool:
        """Interrupts the running program from outside of the byte stream, where that is possible.

        Returns:
            Whether a running program was reached. ``False`` if none is running, or if this link
            can interrupt only by sending a Ctrl-C.

        Cancellation: the program may or may not have been interrupted.
        """

    @abc.abstractmethod
    async def restart(self) -> bool:
        """Starts the board anew by force, where that is possible; all that is on it is lost.

        Returns:
            Whether that was done. The stream then ends, or shows the board as it starts.

        Cancellation: the board may or may not have been restarted.
        """

    @abc.abstractmethod
    async def find_end(self) -> LinkEnd:
        """Tells why the stream has ended. Only to be called when it has."""


class Transport(abc.ABC):
    """A place where a board can be found; made from a device URL.

    Attributes:
        url: the URL that it was made from.
    """

    url: str

    @abc.abstractmethod
    async def connect(self) -> Link:
        """Opens a link to the board, which may be in any state.

        Raises:
            DeviceNotFoundError: there is nothing at the place.
            DeviceBusyError: another program holds it.
            DevicePermissionError: this user may not open it.
            InvalidURLError: it cannot be set up as the URL says.

        Cancellation: nothing stays open.
        """
