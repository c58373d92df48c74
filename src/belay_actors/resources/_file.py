"""Temporary files on a board."""

import errno
import secrets
from typing import Self

import attrs

from belay_actors.errors import RemoteOSError
from belay_actors.resources._board_resource import BoardResource, Step
from belay_actors.session import Session

# Bytes that are written in one call. As text they are up to five times as long, and a small board
# must hold them twice.
_PIECE = 1024
_SMALL_PIECE = 64


@attrs.define(eq=False)
class TemporaryFileResource(BoardResource):
    """A file on the board, which is removed when its session ends.

    ``create`` makes one. ``TemporaryFileResource(session, path)`` is for a file that is there, or
    is about to be; register it with ``session.resources.register_resource``. If it is gone by
    then, that is fine.

    Args:
        session: that it belongs to.
        resource_id: its path on the board.
    """

    resource_type: str = attrs.field(init=False, repr=False, default="TemporaryFile")

    size: int = attrs.field(default=0, init=False)

    def __attrs_post_init__(self) -> None:
        _check_text("the path", self.resource_id)
        if not self.resource_id:
            raise ValueError("a file needs a path")
        super().__attrs_post_init__()

    @classmethod
    async def create(
        cls, session: Session, *, suffix: str = "", directory: str = "", content: bytes = b""
    ) -> Self:
        """Makes a file of a name that there was not before.

        Args:
            session: that it is for.
            suffix: end of its name, such as ``".csv"``.
            directory: that it is to be in, on the board, and that is there; by default the current
                one.
            content: what it holds.

        Returns:
            The file; its ``path`` is where it is.

        Raises:
            TypeError, ValueError: an argument is wrong; nothing was sent.
            RemoteOSError: there is no such directory, or no room.
            RemoteError, DeviceError, SessionError: as for ``Session.execute``.

        Cancellation: the file is removed.
        """
        _check_text("suffix", suffix)
        _check_text("directory", directory)
        if "/" in suffix:
            raise ValueError(f"suffix is a part of a name, without a slash: {suffix!r}")
        data = bytes(memoryview(content))  # TypeError where it is something else
        name = f"tmp-{secrets.token_hex(8)}{suffix}"
        resource = cls(session, f"{directory.rstrip('/')}/{name}" if directory else name)
        resource.size = len(data)
        await resource._make(lambda: resource._write(data), needs=[])
        return resource

    @property
    def path(self) -> str:
        """Where it is on the board."""
        return self.resource_id

    @property
    def estimated_cost(self) -> int:
        """Bytes that it takes on the board, as far as they are known."""
        return self.size

    def _make_steps(self) -> list[Step]:
        return [self._close, self._remove]

    # While it is written it is open under its path, which is no name that code could have used.

    async def _write(self, data: bytes) -> None:
        session, path = self.session, self.path
        await session.execute(f"globals()[{path!r}] = open({path!r}, 'wb')")
        is_small = session.capabilities.max_code_bytes is not None
        size = _SMALL_PIECE if is_small else _PIECE
        for start in range(0, len(data), size):
            piece = data[start : start + size]
            written = await session.evaluate(f"globals()[{path!r}].write({piece!r})", int)
            if written != len(piece):
                raise OSError(errno.ENOSPC, f"only {written} of {len(piece)} bytes fitted", path)
        await self._close()

    async def _close(self) -> None:
        await self.session.execute(
            f"(lambda file: file and file.close())(globals().pop({self.path!r}, None))"
        )

    async def _remove(self) -> None:
        try:
            await self.session.execute(f"__import__('os').remove({self.path!r})")
        except RemoteOSError as error:
            is_gone = error.errno == errno.ENOENT
            if error.errno is None:
                is_gone = not await self._is_there()  # noqa: ASYNC120  # cancelled, it says nothing
            if not is_gone:
                raise

    async def _is_there(self) -> bool:
        """Asks a board whose errors have no numbers."""
        try:
            await self.session.execute(f"open({self.path!r}).close()")
        except RemoteOSError:
            return False
        return True


def _check_text(what: str, text: str) -> None:
    if not isinstance(text, str):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"{what} is a str, not {type(text).__name__}")
    if "\0" in text:
        raise ValueError(f"{what} must not hold a NUL")
    text.encode()  # a lone surrogate cannot be sent: UnicodeEncodeError, which is a ValueError
