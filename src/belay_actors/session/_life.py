"""Where a session is in its life, why it ends, and what it could not give back: told to whom?

Those who use a session that takes no more calls get the error that says why; so does its scope.
What could not be given back is an error of its own, a note on another one, or a line in the log.
"""

import enum
import logging
from typing import cast

import trio

from belay_actors.device import Device
from belay_actors.errors import (
    BelayError,
    ResourceCleanupError,
    SessionClosedError,
    SessionFailedError,
    SessionTimeoutError,
    is_recoverable,
)
from belay_actors.kernel import MakeError
from belay_actors.options import SessionManagementOptions

_logger = logging.getLogger("belay_actors.session")


class SessionPhase(enum.Enum):
    """Where a session is in its life."""

    ACTIVE = "active"
    STOPPED = "stopped"
    ENDING = "ending"
    ENDED = "ended"


class Life:
    """The life of one session.

    Attributes:
        session_id: unique.
        device: that it is on.
    """

    __slots__ = (
        "_cleanup_error",
        "_left_by",
        "_make_refusal",
        "_opened_at",
        "_options",
        "_phase",
        "device",
        "session_id",
    )

    def __init__(self, device: Device, session_id: str, options: SessionManagementOptions) -> None:
        self.device = device
        self.session_id = session_id
        self._options = options
        self._opened_at = trio.current_time()
        self._phase = SessionPhase.ACTIVE
        self._make_refusal: MakeError = self._make_closed
        self._left_by: str | None = None
        self._cleanup_error: ResourceCleanupError | None = None

    @property
    def is_active(self) -> bool:
        """Whether it takes calls."""
        return self._phase is SessionPhase.ACTIVE

    @property
    def opened_at(self) -> float:
        """When it was opened, on trio's clock."""
        return self._opened_at

    def check_active(self) -> None:
        """Raises what says that the session takes nothing in any more, if that is so."""
        if self._phase is not SessionPhase.ACTIVE:
            raise self.refusal()

    def _check_not_ended(self) -> None:
        if self._phase is SessionPhase.ENDED:
            raise self.refusal()

    # Why it ends.

    def _is_refusal(self, error: BaseException) -> bool:
        """Whether an error only says that the session makes no calls any more."""
        if isinstance(error, BaseExceptionGroup):
            group = cast("BaseExceptionGroup[BaseException]", error)
            return all(map(self._is_refusal, group.exceptions))
        refusal = self.refusal()
        return (
            isinstance(error, type(refusal))
            and isinstance(error, BelayError)
            and error.session_id == self.session_id
        )

    def refusal(self) -> Exception:
        """The error for those who ask for more calls, with this session's id."""
        error = self._make_refusal()
        if isinstance(error, BelayError) and error.session_id is None:
            error.session_id = self.session_id
        return error

    def _set_left_by(self, error: type[BaseException]) -> None:
        """Remembers what ends the session; what comes later is only a consequence."""
        self._left_by = self._left_by or error.__name__

    @property
    def _ended_by(self) -> str | None:
        """Class name of the error that has ended the session; ``None`` for an orderly end."""
        if self._make_refusal == self._make_closed:
            return self._left_by
        why = type(self.refusal())
        return None if why is SessionClosedError else why.__name__

    def _make_child_failure(self, failures: BaseExceptionGroup[BaseException]) -> BaseException:
        if not isinstance(failures, ExceptionGroup):
            return failures  # a KeyboardInterrupt or the like is no failure of the session
        return SessionFailedError(
            "a child task of the session failed, and the session was ended; see the cause",
            is_recoverable=is_recoverable(cast("ExceptionGroup[Exception]", failures)),
            device=self.device.name,
            session_id=self.session_id,
        )

    def with_cleanup(self, error: Exception) -> str:
        """Returns an error's text, with what could not be given back."""
        left = self._cleanup_error
        return str(error) if left is None else f"{error}; and {left}"

    def _log_cleanup(self) -> None:
        """Tells the log, where an error would tell nobody."""
        if self._cleanup_error is not None:
            about = {"session_id": self.session_id, "device": self.device.name}
            _logger.warning("%s was cancelled, and: %s", self, self._cleanup_error, extra=about)

    def _note_cleanup(self, error: BaseException) -> None:
        if self._cleanup_error is not None:
            error.add_note(f"And when the session ended: {self._cleanup_error}")
            for left in self._cleanup_error.exceptions:
                error.add_note(f"  {left!r}")

    def _make_closed(self) -> BelayError:
        return SessionClosedError(
            "the session has ended; open another one",
            device=self.device.name,
            session_id=self.session_id,
        )

    def _make_timeout(self) -> BelayError:
        return SessionTimeoutError(
            f"the session reached its age limit of {self._options.default_session_timeout} s and "
            "was ended",
            is_recoverable=True,
            device=self.device.name,
            session_id=self.session_id,
        )
