"""Blocks: bytes that go to a board as they are, much faster than as a literal in code."""

from belay_actors.device._counted import counted
from belay_actors.device._news import Reply
from belay_actors.device._outcome import to_value
from belay_actors.device._records import Seat
from belay_actors.device._streams import BoardStreams
from belay_actors.values import check_identifier


class BoardBlocks(BoardStreams):
    """The part of a device that takes blocks."""

    async def put_in(self, seat: Seat, name: str, data: bytes, *, is_urgent: bool = False) -> None:
        """Keeps bytes under a name in a seat's namespace, as a ``bytearray``.

        Args:
            seat: of the session.
            name: for them; see ``check_block``.
            data: up to what the board has memory for.
            is_urgent: go before all calls that are not.

        Raises:
            RemoteError: the board has no memory for them.
            DeviceError: the board failed.

        Cancellation: as for any call; the name is there with all bytes, or as it was before. By
        the raw REPL it may be there with some of them.
        """

        async def operation() -> Reply:
            await self._attachment.prepare_drop()
            return await counted(seat, self._attachment.put(seat.key, name, data))

        reply = await self._ask_settled(seat, operation, is_urgent=is_urgent)
        to_value(reply, self.capabilities.newline, self.name, seat.session_id)


def check_block(name: object, data: object) -> None:
    """Raises ``TypeError`` or ``ValueError`` for what cannot be kept on a board under a name."""
    check_identifier("a name", name)
    if not isinstance(data, bytes | bytearray | memoryview):
        raise TypeError(f"a block is made of bytes, not of a {type(data).__name__}")
