"""What board functions import to be stopped: names that every session's board code can use.

On a board they are the session's own; on the host they are only here to be imported and typed.
"""

from typing import NoReturn


def should_stop() -> bool:
    """Whether the thread that asks is to end. Outside of a thread it is always false.

    Raises:
        RuntimeError: it was called on the host.
    """
    _refuse("should_stop")


def sleep_ms(duration: int, /) -> None:  # noqa: ARG001  # it is for the board
    """Sleeps, until the thread that does is to end.

    Args:
        duration: in milliseconds.

    Raises:
        RuntimeError: it was called on the host.
    """
    _refuse("sleep_ms")


def _refuse(name: str) -> NoReturn:
    raise RuntimeError(f"{name}() runs on a board only")


BOARD_TOOLS = {"should_stop": should_stop, "sleep_ms": sleep_ms}
