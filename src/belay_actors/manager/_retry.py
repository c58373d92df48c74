"""Trying again: when work that failed is worth another attempt, when to make it, and when not to.

Only errors that call themselves recoverable are tried again, and only where that cannot do harm:
not if a call was under way when the work failed, because nobody knows whether the board has done
it, and not if the failed session has left something behind. How an attempt is made (a new session,
for a manager) is not known here.
"""

import random
import sys
from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

import attrs
import trio

from belay_actors.errors import OutcomeUnknownError, is_recoverable
from belay_actors.observe import SessionRetried

T = TypeVar("T")

_MOST_DOUBLINGS = 1000  # 2.0 ** 1024 is no float


def _positive_count(_: object, attribute: "attrs.Attribute[int]", value: object) -> None:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{attribute.name} is an integer, not {value!r}")
    if value < 1:
        raise ValueError(f"{attribute.name} is at least 1, not {value!r}")


def _number_up_to(
    limit: float, meaning: str
) -> Callable[[object, "attrs.Attribute[float]", object], None]:
    def check(_: object, attribute: "attrs.Attribute[float]", value: object) -> None:
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise TypeError(f"{attribute.name} is {meaning}, not {value!r}")
        if not 0 <= value <= limit:  # of a nan, too
            raise ValueError(f"{attribute.name} is {meaning}, not {value!r}")

    return check


_seconds = _number_up_to(sys.float_info.max, "a finite number of seconds, 0 or more")
_share = _number_up_to(1, "a share between 0 and 1")


@attrs.frozen(kw_only=True)
class RetryPolicy:
    """How often failed work is tried again, and after which delays.

    The delay doubles from one attempt to the next. A random part of it is taken away, so that many
    who failed together do not come back together.

    Attributes:
        max_attempts: how often the work is done at most, the first time included.
        backoff: seconds between the first attempt and the second.
        max_delay: the most seconds between two attempts.
        jitter: the greatest share of a delay that is taken away, from 0 (none) to 1.
    """

    max_attempts: int = attrs.field(default=3, validator=_positive_count)
    backoff: float = attrs.field(default=2.0, validator=_seconds)
    max_delay: float = attrs.field(default=60.0, validator=_seconds)
    jitter: float = attrs.field(default=0.5, validator=_share)

    def delay_after(self, attempt: int, draw: Callable[[], float] = random.random) -> float:
        """Returns the seconds to wait after a failed attempt.

        Args:
            attempt: its number, from 1.
            draw: gives a random number from 0 (take nothing away) to 1.
        """
        doubled = self.backoff * 2.0 ** min(attempt - 1, _MOST_DOUBLINGS)
        return min(doubled, self.max_delay) * (1 - self.jitter * draw())


class AttemptedSession(Protocol):
    """What is asked of a session after an attempt in it has failed."""

    @property
    def session_id(self) -> str:
        """Its id."""
        ...

    @property
    def has_unknown_outcome(self) -> bool:
        """Whether a call of it began on the board and did not end with the board's reply."""
        ...

    @property
    def has_leftovers(self) -> bool:
        """Whether it could not give everything back."""
        ...


@attrs.define
class Attempt:
    """One attempt at the work.

    Attributes:
        number: from 1.
        session: set by who makes the attempt, once there is one. It is looked at when the attempt
            has failed, so it has ended by then.
    """

    number: int
    session: AttemptedSession | None = None


async def run_with_retry(
    policy: RetryPolicy,
    attempt: Callable[[Attempt], Awaitable[T]],
    *,
    device: str,
    idempotent: bool,
    tell: Callable[[SessionRetried], None],
) -> T:
    """Makes attempts until one succeeds, or fails for good.

    Args:
        policy: how many, and when.
        attempt: makes one; called with its record.
        device: name, for messages.
        idempotent: whether the work may be done twice, so that it may be tried again even if
            nobody knows whether it was done.
        tell: is told of each retry, before the delay.

    Returns:
        The result of the attempt that succeeded.

    Raises:
        OutcomeUnknownError: an attempt failed recoverably, but a call was under way; ``__cause__``
            is the failure. Not if the work is idempotent.
        Exception: the last attempt's own error, with notes on the attempts.

    Cancellation: comes out at once, from an attempt (when its session has ended) or a delay.
    """
    await trio.lowlevel.checkpoint()
    earlier: list[str] = []
    while True:
        record = Attempt(len(earlier) + 1)
        try:
            return await attempt(record)
        except Exception as error:
            final = _final_error(policy, record, error, device, idempotent=idempotent)
            if final is not None:
                _note_attempts(final, earlier)
                if final is error:
                    raise
                raise final from error
            earlier.append(f"attempt {record.number}: {type(error).__name__}: {error}")
            delay = policy.delay_after(record.number)
            tell(
                SessionRetried(
                    device=device,
                    attempt=record.number,
                    max_attempts=policy.max_attempts,
                    delay=delay,
                    error=type(error).__name__,
                )
            )
        await trio.sleep(delay)  # out here, so that nobody holds the error meanwhile


def _final_error(
    policy: RetryPolicy, record: Attempt, error: Exception, device: str, *, idempotent: bool
) -> Exception | None:
    """Returns what comes out of the whole, or ``None`` if there is to be another attempt."""
    session = record.session
    final, reason = error, ""
    if not is_recoverable(error):
        reason = "; not tried again: the error is not recoverable"
    elif session is not None and session.has_unknown_outcome and not idempotent:
        final = _make_unknown(session.session_id, device)
    elif session is not None and session.has_leftovers:
        reason = "; not tried again: its session could not give everything back"
    elif record.number < policy.max_attempts:
        return None
    final.add_note(f"attempt {record.number} of {policy.max_attempts}{reason}")
    return final


def _note_attempts(error: Exception, earlier: list[str]) -> None:
    for attempt in earlier:
        error.add_note(f"earlier, {attempt}")


def _make_unknown(session_id: str, device: str) -> OutcomeUnknownError:
    return OutcomeUnknownError(
        "the work failed while a call of it ran, so the board may have done it or not, and it was "
        "not tried again; check the board, or say idempotent=True if it may be done twice",
        device=device,
        session_id=session_id,
    )
