"""What can be set for a function where it is decorated."""

import keyword
import math

import attrs


def _check_positive(record: object, field: "attrs.Attribute[float | None]", value: object) -> None:
    del record
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{field.name} must be a number of seconds, not {value!r}")
    if not value > 0 or math.isnan(value):
        raise ValueError(f"{field.name} must be more than 0 seconds, not {value!r}")


def _check_flag(record: object, field: "attrs.Attribute[bool]", value: object) -> None:
    del record
    if not isinstance(value, bool):
        raise TypeError(f"{field.name} must be True or False, not {value!r}")


def _check_name(record: object, field: "attrs.Attribute[str | None]", value: object) -> None:
    del record
    if value is None:
        return
    if not isinstance(value, str):
        raise TypeError(f"{field.name} must be a text, not {value!r}")
    if not value.isidentifier() or keyword.iskeyword(value):
        raise ValueError(f"{field.name} must be a name as Python has them, not {value!r}")


@attrs.frozen(kw_only=True)
class TaskOptions:
    """Options of ``@task``.

    Attributes:
        name: on the board; by default the function's own.
        timeout: seconds that a call may run; ``None`` for no limit but the caller's own.
        exclusive: whether nothing of other sessions runs in the course of a call.
        idempotent: whether a call may be made again if nobody knows whether it was done.
        cache_result: seconds for which a result may stand for another call with the same arguments
            on the same device; ``None`` for no such thing.

    Raises:
        TypeError, ValueError: an option makes no sense.
    """

    name: str | None = attrs.field(default=None, validator=_check_name)
    timeout: float | None = attrs.field(default=None, validator=_check_positive)
    exclusive: bool = attrs.field(default=False, validator=_check_flag)
    idempotent: bool = attrs.field(default=False, validator=_check_flag)
    cache_result: float | None = attrs.field(default=None, validator=_check_positive)


@attrs.frozen(kw_only=True)
class ThreadOptions:
    """Options of ``@thread``.

    Attributes:
        name: on the board; by default the function's own.
        auto_restart: whether a thread that fails is started again, after a pause.
        max_runtime: seconds after which it is stopped; ``None`` for no limit.

    Raises:
        TypeError, ValueError: an option makes no sense.
    """

    name: str | None = attrs.field(default=None, validator=_check_name)
    auto_restart: bool = attrs.field(default=False, validator=_check_flag)
    max_runtime: float | None = attrs.field(default=None, validator=_check_positive)


@attrs.frozen(kw_only=True)
class SetupOptions:
    """Options of ``@setup``.

    Attributes:
        critical: whether the session cannot go on if it fails.

    Raises:
        TypeError: an option makes no sense.
    """

    critical: bool = attrs.field(default=True, validator=_check_flag)
