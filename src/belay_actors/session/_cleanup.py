"""Giving back: one thing after the other, newest first, each within its share of the time."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Protocol, cast

import attrs
import trio

from belay_actors.errors import ResourceCleanupError, SessionClosedError
from belay_actors.executors import SessionResource
from belay_actors.observe import CleanupFailed
from belay_actors.session._children import BoardThread, ChildTask

Child = SessionResource | ChildTask | BoardThread


class _CanCleanUp(Protocol):
    async def cleanup(self) -> None: ...


@attrs.frozen
class Leftover:
    """Something that a session could not give back.

    Attributes:
        what: its kind and its name, such as ``"resource 'led'"`` or ``"thread 'blink-1'"``.
        reason: why, in words; the board's own where it has said something.
    """

    what: str
    reason: str

    def __str__(self) -> str:
        return f"{self.what}: {self.reason}"


@attrs.frozen
class Failure:
    """That something could not be given back, with the error that says why."""

    what: str
    error: Exception
    resource_id: str | None = None

    def event(self, session_id: str, device: str) -> CleanupFailed:
        """The same for observers."""
        return CleanupFailed(
            session_id=session_id,
            device=device,
            what=self.what if self.resource_id is None else self.resource_id,
            error=type(self.error).__name__,
        )

    @property
    def leftover(self) -> Leftover:
        """The same in words; of a group, in those of all that is in it."""
        words = [words for error in _leaves(self.error) for words in _words_of(error)]
        return Leftover(self.what, "; ".join(word for word in words if word != self._note))

    @property
    def _note(self) -> str:
        return f"This was the cleanup of {self.what}."

    def noted(self) -> "Failure":
        """Returns itself, after its error was told what it belongs to."""
        with suppress(Exception):  # an exception may be frozen
            self.error.add_note(self._note)
        return self


def _leaves(error: Exception) -> Iterator[Exception]:
    if isinstance(error, ExceptionGroup):
        for part in cast("ExceptionGroup[Exception]", error).exceptions:
            yield from _leaves(part)
    else:
        yield error


def _words_of(error: Exception) -> Iterator[str]:
    """Yields what an error says, and its notes; errors of others may not even have words."""
    try:
        yield str(error) or repr(error)
    except Exception:
        yield type(error).__name__
    yield from map(str, getattr(error, "__notes__", ()))


def make_cleanup_error(
    failures: Sequence[Failure], device: str, session_id: str
) -> ResourceCleanupError:
    """Returns the error that tells what a session could not give back."""
    names = ", ".join(failure.what for failure in failures)
    count = len(failures)
    return ResourceCleanupError(
        f"{count} thing{'s' if count > 1 else ''} could not be given back: {names} "
        f"[device {device}, session {session_id}]",
        [failure.error for failure in failures],
        device=device,
        session_id=session_id,
    )


class Cleaner:
    """Gives things back, one at a time, and can be told to stop doing so.

    An emergency skips the rest: what has its turn is cancelled, and what would come after it is not
    begun. Nothing of that is forgotten: each comes out as a failure.
    """

    __slots__ = ("_is_abandoned", "_scope")

    def __init__(self) -> None:
        self._is_abandoned = False
        self._scope: trio.CancelScope | None = None

    def abandon(self) -> None:
        """Skips everything from now on."""
        self._is_abandoned = True
        if self._scope is not None:
            self._scope.cancel()

    async def clean(self, child: _CanCleanUp, what: str, seconds: float) -> Failure | None:
        """Gives back one child in its share of the time; returns what went wrong.

        Cancellation: the child may be given back or not.
        """
        try:
            if self._is_abandoned and isinstance(child, ChildTask):
                child.scope.cancel()  # it ends by itself
                return None
            if self._is_abandoned:
                raise SessionClosedError("it was skipped, because the manager was disposed of")
            with trio.move_on_after(seconds) as scope:
                self._scope = scope
                await child.cleanup()
            if not scope.cancelled_caught:
                return None
            if self._is_abandoned:
                raise SessionClosedError("it was cut off, because the manager was disposed of")
            raise TimeoutError(f"the cleanup of {what} did not end within its {seconds:.3g} s")
        except Exception as error:
            return Failure(what, error).noted()
        finally:
            self._scope = None
