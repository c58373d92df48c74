"""What a session knows of the board's files: their state, as cached, and what was done to them.

The commands that read and write files register here what they do, so that nothing that is cached
outlives a change, and so that a log tells what a session did. It ends with the session.
"""

import enum
from collections import deque
from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType

import attrs
import trio

from belay_actors.device import CodeRunner
from belay_actors.errors import RemoteError
from belay_actors.session._resource import check_name

_LOG_LENGTH = 1000  # operations; older ones are forgotten, but counted
_STATVFS = "__import__('os').statvfs('/')[:4]"


class FileOperationKind(enum.Enum):
    """What was done to a file or directory."""

    READ = "read"
    WRITE = "write"
    REMOVE = "remove"
    RENAME = "rename"
    LIST = "list"
    MAKE_DIRECTORY = "make directory"

    @property
    def is_change(self) -> bool:
        """Whether the file system is another one afterwards."""
        return self not in (FileOperationKind.READ, FileOperationKind.LIST)


@attrs.frozen(kw_only=True)
class FileOperation:
    """One thing that was done to the board's file system.

    Attributes:
        kind: what.
        path: to what.
        new_path: the new name, of a renaming.
        size: in bytes, of what was read or written; ``None`` where that makes no sense.
        error: class name of the exception that it ended in, or ``None``.
        at: when (UTC).
    """

    kind: FileOperationKind
    path: str
    new_path: str | None = None
    size: int | None = None
    error: str | None = None
    at: datetime = attrs.field(factory=lambda: datetime.now(UTC))


@attrs.frozen(kw_only=True)
class FileInfo:
    """A file or directory as a session has last seen it.

    Attributes:
        path: on the board.
        is_directory: what it is.
        size: in bytes; 0 for a directory.
    """

    path: str
    is_directory: bool
    size: int


@attrs.frozen(kw_only=True)
class FileSystemState:
    """The board's file system as a session knows it.

    Attributes:
        total_bytes: its size; ``None`` if the board does not tell.
        free_bytes: how many are free; ``None`` likewise.
        cached: what is known of paths.
        operation_count: how many operations the session has registered.
        operations: the newest 1000 of them, oldest first.
    """

    total_bytes: int | None
    free_bytes: int | None
    cached: Mapping[str, FileInfo]
    operation_count: int
    operations: tuple[FileOperation, ...]


class FileSystemContext:
    """A session's view of the board's files.

    Attributes:
        session_id: of the session.
    """

    __slots__ = (
        "_asking",
        "_cached",
        "_changes",
        "_count",
        "_log",
        "_runner",
        "_space",
        "session_id",
    )

    def __init__(self, runner: CodeRunner, session_id: str) -> None:
        self.session_id = session_id
        self._runner = runner
        self._space: tuple[int | None, int | None] | None = None
        self._asking = trio.Lock()
        self._changes = 0  # how many times something was forgotten
        self._cached: dict[str, FileInfo] = {}
        self._log: deque[FileOperation] = deque(maxlen=_LOG_LENGTH)
        self._count = 0

    async def get_state(self) -> FileSystemState:
        """Returns what is known; the board is asked for its space only if that is not cached.

        Raises:
            DeviceError, SessionError: as for any call.

        Cancellation: as for any call.
        """
        async with self._asking:  # who comes meanwhile waits for the same answer
            space, changes = self._space, self._changes
            if space is None:
                space = await self._ask_space()
                if changes == self._changes:  # else it may be an old answer already
                    self._space = space
        total, free = space
        return FileSystemState(
            total_bytes=total,
            free_bytes=free,
            cached=MappingProxyType(dict(self._cached)),
            operation_count=self._count,
            operations=tuple(self._log),
        )

    async def _ask_space(self) -> tuple[int | None, int | None]:
        try:
            answer = await self._runner.evaluate(_STATVFS)
        except RemoteError:  # no such module or function, or nothing mounted
            return None, None
        match answer:
            case (int(), int(fragment), int(blocks), int(free)):
                return fragment * blocks, fragment * free
            case _:
                return None, None

    def remember(self, info: FileInfo) -> None:
        """Caches what was seen of a path; for file commands."""
        self._cached[info.path] = info

    def get_cached(self, path: str) -> FileInfo | None:
        """Returns what is known of a path, without asking the board."""
        return self._cached.get(path)

    def invalidate_cache(self, path: str = "/") -> None:
        """Forgets what is known of a path, of all below it, and of the free space.

        Args:
            path: ``"/"`` for everything.

        Raises:
            TypeError, ValueError: the path is no text, or empty.
        """
        check_name("path", path)
        self._space = None
        self._changes += 1
        path = path.rstrip("/")
        for known in [*self._cached]:
            if not path or known == path or known.startswith(f"{path}/"):
                del self._cached[known]

    def register_file_operation(self, operation: FileOperation) -> None:
        """Writes an operation into the log; a change makes what it touches unknown.

        Raises:
            TypeError: it is no ``FileOperation``.
        """
        if not isinstance(operation, FileOperation):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"a FileOperation is wanted, not {type(operation).__name__}")
        self._log.append(operation)
        self._count += 1
        if operation.kind.is_change:
            self.invalidate_cache(operation.path)
            if operation.new_path is not None:
                self.invalidate_cache(operation.new_path)

    def forget(self) -> None:
        """Forgets what is cached, because the session has ended; the log stays."""
        self.invalidate_cache()
