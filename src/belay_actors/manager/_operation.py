"""What a manager is given to run, checked so that a mistake is named before anything is sent."""

import inspect
from collections.abc import Awaitable, Callable
from typing import TypeVar

from belay_actors.manager._retry import RetryPolicy
from belay_actors.session import Session

T = TypeVar("T")


def check_operation(
    operation: Callable[[Session], Awaitable[T]], policy: RetryPolicy | None
) -> None:
    """Raises ``TypeError`` if an operation cannot be called, or its policy is none."""
    if not callable(operation):
        raise TypeError(f"an operation is an async function of a session, not {operation!r}")
    if not isinstance(policy, RetryPolicy | None):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"a RetryPolicy is wanted, not {policy!r}")


async def perform(operation: Callable[[Session], Awaitable[T]], session: Session) -> T:
    """Runs an operation in a session.

    Raises:
        TypeError: it is not async.
        BaseException: its own error.

    Cancellation: the operation's.
    """
    begun = operation(session)
    if not inspect.isawaitable(begun):
        raise TypeError(
            f"an operation is an async function of a session, but {operation!r} is none: it "
            f"returned {begun!r}"
        )
    return await begun
