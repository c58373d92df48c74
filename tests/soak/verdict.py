"""Which errors a session may see: only those that the documentation allows for what was done.

A device that was reset gives ``DeviceResetError``, one that was killed ``DeviceLostError``, one
that the soak closes ``DeviceClosedError``; in groups, where several things fail at once. A board
that was paused for long may let a cleanup run out of time. Whatever else a session lets out is a
surprise.
"""

from collections.abc import Iterator
from typing import cast

from belay_actors import (
    BelayError,
    DeviceClosedError,
    DeviceLostError,
    DeviceResetError,
    SessionFailedError,
)

from .model import WrongReply
from .places import Opening
from .tally import Tally


def judge(error: BaseException, opening: Opening, generation: int, who: str, tally: Tally) -> None:
    """Counts an error that came out of a session.

    Args:
        error: as it came out.
        opening: of the session's device.
        generation: of the board, when the session was opened.
        who: the session, for messages.
        tally: takes the verdict.
    """
    for leaf in _leaves(error):
        if isinstance(leaf, WrongReply):
            tally.wrong_reply(str(leaf), who)
        elif is_allowed(leaf, opening, generation):
            tally.allowed[type(leaf).__name__] += 1
        else:
            tally.surprise(f"{leaf!r} came out of a session", who, error)


def is_allowed(error: BaseException, opening: Opening, generation: int) -> bool:
    """Whether a device's error is true, and somebody has caused it from outside."""
    if isinstance(error, TimeoutError):
        return opening.was_hung  # a cleanup has used up its share of the time
    if not isinstance(error, BelayError) or error.device != opening.device.name:
        return False
    match error:
        case DeviceResetError():
            return opening.device.generation > generation
        case DeviceLostError():
            return opening.is_killed
        case DeviceClosedError():
            return opening.is_closing
        case _:
            return False


def _leaves(error: BaseException) -> Iterator[BaseException]:
    """The single errors of a group, and of a session that failed for them."""
    if isinstance(error, SessionFailedError) and error.__cause__ is not None:
        yield from _leaves(error.__cause__)
    elif isinstance(error, BaseExceptionGroup):
        for each in cast("BaseExceptionGroup[BaseException]", error).exceptions:
            yield from _leaves(each)
    else:
        yield error
