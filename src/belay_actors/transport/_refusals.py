"""Why a serial port cannot be opened, and what to do about it: typed errors for the system's."""

import errno

from belay_actors.errors import (
    DeviceBusyError,
    DeviceError,
    DeviceNotFoundError,
    DevicePermissionError,
    InvalidURLError,
)

_ABSENT = (
    *(errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG),
    *(errno.ENXIO, errno.ENODEV, errno.EIO),
)
_KNOWN: tuple[tuple[tuple[int, ...], type[DeviceError], str], ...] = (
    (
        _ABSENT,
        DeviceNotFoundError,
        "there is no {path}; check that the board is plugged in, and which name it has "
        "(on Linux: ls /dev/serial/by-id)",
    ),
    (
        (errno.EISDIR, errno.ENOTTY, errno.EINVAL),
        DeviceNotFoundError,
        "{path} is no serial port, or lacks what was asked for: {error}; name the port of a "
        "board, such as /dev/ttyACM0",
    ),
    (
        (errno.EACCES, errno.EPERM),
        DevicePermissionError,
        "you may not open {path}; join the group that owns it (often dialout or uucp) and log in "
        "again",
    ),
    (
        (errno.EBUSY, errno.EAGAIN, errno.EWOULDBLOCK),
        DeviceBusyError,
        "another program, or another device of this one, has {path} open; close that first "
        "(on Linux: fuser -v {path} finds it)",
    ),
)


def explain_refusal(error: Exception, path: str, url: str) -> DeviceError:
    """Makes the error for a port that cannot be opened.

    Args:
        error: what ``open_port`` has raised.
        path: of the port.
        url: of the device.
    """
    cause = error.__cause__ or error  # trio-serial wraps what flock() says
    number = cause.args[0] if cause.args else None
    for numbers, kind, text in _KNOWN:
        if number in numbers:
            return kind(text.format(path=path, error=cause), device=url)
    if isinstance(error, ValueError | NotImplementedError):
        return InvalidURLError(f"{path} cannot be set up like that: {error}", device=url)
    return DeviceError(
        f"{path} could not be opened: {cause}; that is the system's, not the board's: see to it, "
        "and open the device again",
        device=url,
    )
