"""Settings, as frozen records checked when they are made. Times are in seconds, sizes in bytes.

Every option here is enforced somewhere; one that nobody reads does not belong here.
"""

import math
from typing import Literal

import attrs
from attrs import validators

Upload = Literal["auto", "plain", "raw-paste"]


def _seconds(_: object, attribute: "attrs.Attribute[float]", value: float) -> None:
    if not isinstance(value, int | float) or not value > 0:  # pyright: ignore[reportUnnecessaryIsInstance]
        raise ValueError(f"{attribute.name} is a number of seconds above 0, not {value!r}")


def _finite_seconds(_: object, attribute: "attrs.Attribute[float]", value: float) -> None:
    _seconds(_, attribute, value)
    if math.isinf(value):
        raise ValueError(f"{attribute.name} must be finite: a board may never answer")


def _count(_: object, attribute: "attrs.Attribute[int]", value: int) -> None:
    if not isinstance(value, int) or value < 1:  # pyright: ignore[reportUnnecessaryIsInstance]
        raise ValueError(f"{attribute.name} is an integer above 0, not {value!r}")


@attrs.frozen(kw_only=True)
class DeviceOptions:
    """How a device is driven.

    Attributes:
        attach_timeout: seconds that a board may take to show its raw REPL after it was opened.
        recovery_grace: seconds for interrupt and resync after a cancellation. When they are used
            up, the board is restarted by force or given up.
        restart_unresponsive: restart a board that cannot be interrupted, where its transport can
            do that: its sessions fail with ``DeviceResetError``, and the device can be used on.
            Otherwise it is given up with ``DeviceUnresponsiveError``.
        max_output_bytes: the most that one call may print, or send as a value.
        upload: how code travels. ``"plain"`` is the raw REPL without flow control, ``"raw-paste"``
            has it, ``"auto"`` takes plain where the link loses nothing and raw-paste elsewhere.
    """

    attach_timeout: float = attrs.field(default=3.0, validator=_finite_seconds)
    recovery_grace: float = attrs.field(default=5.0, validator=_finite_seconds)
    restart_unresponsive: bool = True
    max_output_bytes: int = attrs.field(default=64 * 1024 * 1024, validator=_count)
    upload: Upload = attrs.field(
        default="auto", validator=validators.in_(("auto", "plain", "raw-paste"))
    )


@attrs.frozen(kw_only=True)
class SessionManagementOptions:
    """How a manager treats its sessions.

    Attributes:
        default_session_timeout: greatest age of a session in seconds; it is then cancelled with
            ``SessionTimeoutError`` and cleaned up. ``math.inf`` for none.
        max_concurrent_sessions: how many sessions may be open at once.
        resource_cleanup_timeout: seconds for everything that ends a session, together.
    """

    default_session_timeout: float = attrs.field(default=30 * 60.0, validator=_seconds)
    max_concurrent_sessions: int = attrs.field(default=10, validator=_count)
    resource_cleanup_timeout: float = attrs.field(default=30.0, validator=_finite_seconds)
