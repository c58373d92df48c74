"""Checks of what users pass to a manager, so that a mistake is named before anything is sent."""

import inspect
from collections.abc import Awaitable, Callable
from typing import TypeVar

from belay_actors.device import Device
from belay_actors.functions import DeviceProgram
from belay_actors.manager._creation import SessionCreationOptions
from belay_actors.manager._retry import RetryPolicy
from belay_actors.session import Session

T = TypeVar("T")
ProgramT = TypeVar("ProgramT", bound=DeviceProgram)

_STRICT = SessionCreationOptions()


def check_device(device: Device) -> None:
    """Raises ``TypeError`` if something is no device."""
    if not isinstance(device, Device):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"a session is opened on a Device, not on {device!r}")


def check_creation(options: SessionCreationOptions | None) -> SessionCreationOptions:
    """Returns the options, strict ones by default; raises ``TypeError`` if they are none."""
    if options is None:
        return _STRICT
    if not isinstance(options, SessionCreationOptions):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"SessionCreationOptions are wanted, not {options!r}")
    return options


def check_program(program: type[ProgramT]) -> type[ProgramT]:
    """Raises ``TypeError`` if a class is no program."""
    if not issubclass(program, DeviceProgram):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"a program is a class derived from DeviceProgram, not {program!r}")
    return program


def check_policy(policy: RetryPolicy | None) -> None:
    """Raises ``TypeError`` if something is neither a policy nor ``None``."""
    if not isinstance(policy, RetryPolicy | None):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"a RetryPolicy is wanted, not {policy!r}")


def check_operation(operation: Callable[[Session], Awaitable[T]]) -> None:
    """Raises ``TypeError`` if something cannot be called."""
    if not callable(operation):
        raise TypeError(f"an operation is an async function of a session, not {operation!r}")


async def perform(operation: Callable[[Session], Awaitable[T]], session: Session) -> T:
    """Runs an operation.

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
