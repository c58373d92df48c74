"""Settings, as frozen records checked when they are made. Times are in seconds, sizes in bytes.

Every option here is enforced somewhere; one that nobody reads does not belong here.
"""

from typing import Literal, get_args

import attrs

from belay_actors.options._validators import count, finite_seconds, flag, one_of, seconds

Upload = Literal["auto", "plain", "raw-paste"]


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
        resident: whether calls may go by the resident loop, where the board and its link can bear
            one; otherwise all go by the raw REPL. A call then takes about twice as long.
    """

    attach_timeout: float = attrs.field(default=3.0, validator=finite_seconds)
    recovery_grace: float = attrs.field(default=5.0, validator=finite_seconds)
    restart_unresponsive: bool = attrs.field(default=True, validator=flag)
    max_output_bytes: int = attrs.field(default=64 * 1024 * 1024, validator=count)
    upload: Upload = attrs.field(default="auto", validator=one_of(get_args(Upload)))
    resident: bool = attrs.field(default=True, validator=flag)


@attrs.frozen(kw_only=True)
class SessionManagementOptions:
    """How a manager treats its sessions.

    Attributes:
        default_session_timeout: greatest age of a session in seconds; it is then cancelled with
            ``SessionTimeoutError`` and cleaned up. ``math.inf`` for none.
        max_concurrent_sessions: how many sessions may be open at once.
        enable_session_metrics: whether observers are told of sessions, and the memory in use on the
            board is measured when a session ends.
        enable_resource_tracking: whether a session keeps books of its resources, threads and
            deployed methods beyond what it needs to give them back.
        resource_cleanup_timeout: seconds for everything that ends a session, together.
    """

    default_session_timeout: float = attrs.field(default=30 * 60.0, validator=seconds)
    max_concurrent_sessions: int = attrs.field(default=10, validator=count)
    enable_session_metrics: bool = attrs.field(default=True, validator=flag)
    enable_resource_tracking: bool = attrs.field(default=True, validator=flag)
    resource_cleanup_timeout: float = attrs.field(default=30.0, validator=finite_seconds)
