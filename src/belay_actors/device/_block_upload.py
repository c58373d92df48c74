"""A block of bytes on its way to the resident loop, which takes it as it is.

The board says when it has room for it. From then on nothing can interrupt it, and nothing but the
rest of the block brings it back to its loop; so what is left is known, whatever becomes of the task
that sends it.
"""

import trio

from belay_actors.transport import Link

_PART = 16 * 1024  # bytes that are offered to the link at once; a pty takes 4


class BlockUpload:
    """One block that was announced.

    Args:
        data: the block.
    """

    def __init__(self, data: bytes) -> None:
        self._rest = memoryview(data)
        self._is_granted = trio.Event()

    @property
    def has_rest(self) -> bool:
        """Whether some of it has not gone out."""
        return bool(self._rest)

    def grant(self) -> None:
        """The board has room for it."""
        self._is_granted.set()

    async def send(self, link: Link) -> None:
        """Waits for the grant, and sends what is left.

        Raises:
            trio.BrokenResourceError: the link is gone.

        Cancellation: may be called again; it goes on where it was.
        """
        await self._is_granted.wait()
        while self._rest:
            sent = link.send_nowait(bytes(self._rest[:_PART]))
            self._rest = self._rest[sent:]
            if not sent:
                await link.wait_send_all_might_not_block()
