"""Every error that the library raises on purpose.

Each says what happened, to which device and session, and what to do next; the two names are also
attributes. Three families under ``BelayError``: the device or its wire failed (``DeviceError``),
code on a healthy board failed (``RemoteError``), a session could not do as asked
(``SessionError``). Cancellation is never translated: a cancelled caller sees trio's ``Cancelled``
and nothing else.
"""

from collections.abc import Sequence
from typing import Self, cast


class BelayError(Exception):
    """The root of all errors of this library.

    Args:
        message: what happened and what to do next.
        device: name of the device, where one is concerned.
        session_id: id of the session, where one is concerned.

    Attributes:
        is_recoverable: whether the same work in a new session can be expected to succeed.
    """

    is_recoverable: bool = False

    def __init__(
        self, message: str, *, device: str | None = None, session_id: str | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.device = device
        self.session_id = session_id

    def __str__(self) -> str:
        about = [
            f"{label} {name}"
            for label, name in (("device", self.device), ("session", self.session_id))
            if name is not None
        ]
        return f"{self.message} [{', '.join(about)}]" if about else self.message


class DeviceError(BelayError):
    """The device, its wire or its firmware failed; code on the board is not to blame."""


class InvalidURLError(DeviceError, ValueError):
    """A device URL that names no known transport, or has an unknown or malformed part."""


class DeviceNotFoundError(DeviceError):
    """There is no MicroPython at the place that the URL names."""


class DeviceBusyError(DeviceError):
    """Another program holds the device."""


class DevicePermissionError(DeviceError):
    """This user may not open the device."""


class DeviceClosedError(DeviceError):
    """The device was closed by this program; open it again to go on."""


class DeviceLostError(DeviceError):
    """The link to the board is gone (unplugged, killed): the device must be opened again."""


class DeviceResetError(DeviceError):
    """The board started anew, so everything on it is gone; the device itself can be used on."""

    is_recoverable = True


class DeviceUnresponsiveError(DeviceError):
    """The board did not answer to anything that can interrupt it, within the recovery grace."""


class ProtocolError(DeviceError):
    """The board's bytes made no sense; the device has been brought back into step."""


class OutputLimitError(DeviceError):
    """A call printed more than ``DeviceOptions.max_output_bytes``; it was interrupted."""


class CallTimeoutError(DeviceError, TimeoutError):
    """A call ran longer on the board than it was allowed to; it was interrupted."""


class DeviceCapabilityError(DeviceError):
    """The board's firmware lacks what was asked for, and nothing was sent.

    Or nobody knows what it has, because its answer cannot be used.
    """


class UnsupportedValueError(BelayError, TypeError):
    """A value cannot come back from the board; its message names the type."""


class UnsupportedFunctionError(BelayError, TypeError):
    """A function cannot run on a board; its message says where, why, and what to do instead."""


class RemoteError(BelayError):
    """Code on the board raised. The board is healthy and ready for the next call.

    Attributes:
        type_name: name of the exception's class on the board, such as ``"ZeroDivisionError"``.
        remote_message: ``str()`` of that exception.
        traceback: the board's own traceback, without the library's frames; with the host's files
            and lines of functions that were sent from there.
        output: what the call had printed before.
    """

    output: str = ""

    def __init__(
        self,
        type_name: str,
        remote_message: str,
        traceback: str,
        *,
        device: str | None = None,
        session_id: str | None = None,
    ) -> None:
        summary = f"{type_name}: {remote_message}" if remote_message else type_name
        super().__init__(summary, device=device, session_id=session_id)
        self.type_name = type_name
        self.remote_message = remote_message
        self.traceback = ""
        self.set_traceback(traceback)

    def set_traceback(self, traceback: str) -> None:
        """Replaces the board's traceback, also in the note that shows it."""
        old, self.traceback = self._note, traceback
        notes = [note for note in getattr(self, "__notes__", ()) if note != old]
        self.__notes__ = [self._note, *notes] if traceback else notes

    @property
    def _note(self) -> str:
        return f"On the board:\n{self.traceback.rstrip()}"


class RemoteOSError(RemoteError, OSError):
    """An ``OSError`` on the board.

    Attributes:
        errno: the board's number (MicroPython uses Linux's); ``None`` where it has none.
    """

    def __init__(
        self,
        type_name: str,
        remote_message: str,
        traceback: str,
        errno: int | None,
        *,
        device: str | None = None,
        session_id: str | None = None,
    ) -> None:
        super().__init__(type_name, remote_message, traceback, device=device, session_id=session_id)
        self.errno = errno


class SessionError(BelayError):
    """A session could not do as asked."""

    def __init__(
        self,
        message: str,
        *,
        is_recoverable: bool = False,
        device: str | None = None,
        session_id: str | None = None,
    ) -> None:
        super().__init__(message, device=device, session_id=session_id)
        self.is_recoverable = is_recoverable


class SessionClosedError(SessionError):
    """The session (or its manager) has ended; open another one."""


class SessionFailedError(SessionError):
    """A child of the session failed, or its device did; ``__cause__`` is that failure."""


class SessionLimitError(SessionError):
    """``max_concurrent_sessions`` are open already; recoverable once one of them ends."""


class SessionTimeoutError(SessionError):
    """The session reached its ``default_session_timeout`` and was ended."""


class LeaseExpiredError(SessionError):
    """A session has held its board for longer than it had asked for; others have it now."""


class StreamClosedError(SessionError):
    """The stream gives no more items: its scope was left, or it was interrupted on the board."""


class SessionNotFoundError(SessionError, KeyError):
    """The manager has no open session of that id."""

    __str__ = SessionError.__str__


class NameConflictError(SessionError, ValueError):
    """The session has something else on the board under that name; nothing was sent."""


class DuplicateResourceError(SessionError, ValueError):
    """The session already holds a resource of that id."""


class ResourceNotFoundError(SessionError, KeyError):
    """The session holds no resource, or thread, of that id."""

    __str__ = SessionError.__str__


class ResourceBusyError(SessionError):
    """Another session holds the hardware; recoverable once that session has given it back.

    Attributes:
        resource: name of the hardware.
        holder: id of the session that holds it.
    """

    def __init__(
        self,
        message: str,
        *,
        resource: str,
        holder: str,
        device: str | None = None,
        session_id: str | None = None,
    ) -> None:
        super().__init__(message, is_recoverable=True, device=device, session_id=session_id)
        self.resource = resource
        self.holder = holder


class UnstoppableThreadError(SessionError):
    """A thread of the board was asked to stop and did not; only a reset ends it.

    Attributes:
        thread_id: of the thread.
        last_beat: seconds since its last sign of life, when that was last asked.
    """

    def __init__(
        self,
        message: str,
        *,
        thread_id: str,
        last_beat: float,
        device: str | None = None,
        session_id: str | None = None,
    ) -> None:
        super().__init__(message, device=device, session_id=session_id)
        self.thread_id = thread_id
        self.last_beat = last_beat


class OutcomeUnknownError(SessionError):
    """Work failed while a call ran, so it may have been done or not; it was not tried again.

    ``__cause__`` is the failure itself.
    """


class InvalidOptionsError(BelayError, ValueError):
    """Options could not be loaded; all that is wrong with them is told at once.

    Attributes:
        problems: one text for each.
    """

    def __init__(self, message: str, problems: Sequence[str]) -> None:
        super().__init__("\n  ".join([message, *problems]))
        self.problems = tuple(problems)


class ResourceCleanupError(ExceptionGroup[Exception]):
    """Not everything of a session could be given back; one exception for each thing left.

    Attributes:
        device: name of the device.
        session_id: id of the session.
        result: what ``execute_in_session``'s operation returned, so that it is not lost.
    """

    def __new__(
        cls,
        message: str,
        exceptions: Sequence[Exception],
        *,
        device: str | None = None,
        session_id: str | None = None,
    ) -> Self:
        """Makes the group; ``device`` and ``session_id`` are for ``__init__``."""
        del device, session_id
        return super().__new__(cls, message, exceptions)

    def __init__(
        self,
        message: str,
        exceptions: Sequence[Exception],
        *,
        device: str | None = None,
        session_id: str | None = None,
    ) -> None:
        super().__init__(message, exceptions)
        self.device = device
        self.session_id = session_id
        self.result: object = None

    def derive(self, excs: Sequence[Exception], /) -> "ResourceCleanupError":  # type: ignore[override]
        """Returns a group of the same kind for ``split`` and ``except*``."""
        part = ResourceCleanupError(
            self.message, excs, device=self.device, session_id=self.session_id
        )
        part.result = self.result
        return part


class ActorClosedError(BelayError):
    """A kernel actor no longer takes requests."""


class WouldDeadlock(BelayError, RuntimeError):  # noqa: N818  # as trio's WouldBlock
    """A request made, directly or through other actors, by the actor that it was sent to."""


def is_recoverable(error: BaseException) -> bool:
    """Whether the same work can be expected to succeed in a new session.

    An error of this library says so itself, a group if all that is in it does. What could not be
    given back would be in the way of another attempt; errors of others are not ours to judge.
    """
    if isinstance(error, ResourceCleanupError):
        return False
    if isinstance(error, ExceptionGroup):
        group = cast("ExceptionGroup[Exception]", error)
        return all(map(is_recoverable, group.exceptions))
    return isinstance(error, BelayError) and error.is_recoverable
