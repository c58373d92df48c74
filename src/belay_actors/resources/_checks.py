"""Checks of what is to become code on a board: names are identifiers, all else is a literal."""

from belay_actors.values import check_identifier

PinId = int | str
Setting = bool | int | float | str | bytes | None


def check_int(what: str, value: int, *, least: int) -> None:
    """Raises ``TypeError`` or ``ValueError`` if a value is no whole number, or too small."""
    if not isinstance(value, int) or isinstance(value, bool):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"{what} is an int, not {value!r}")
    if value < least:
        raise ValueError(f"{what} is {least} or more, not {value}")


def check_pin(pin: PinId) -> None:
    """Raises ``TypeError`` or ``ValueError`` if a value is no number or name of a pin."""
    if isinstance(pin, str):
        if not pin:
            raise ValueError('a pin has a number or a name, such as 25 or "LED"')
    else:
        check_int("a pin", pin, least=0)


def check_level(what: str, level: int | None) -> None:
    """Raises ``ValueError`` if a value is no level of a pin."""
    if level not in (None, 0, 1):
        raise ValueError(f"{what} is 0, 1 or None, not {level!r}")


def check_setting(name: str, value: Setting) -> None:
    """Raises ``TypeError`` or ``ValueError`` if a keyword argument cannot be sent as a literal."""
    check_identifier("a setting", name)
    if type(value) not in (bool, int, float, str, bytes, type(None)):  # a subclass has its own repr
        raise TypeError(f"{name} is a number, a text, bytes, a bool or None, not {value!r}")
    if isinstance(value, float) and repr(value) in ("inf", "-inf", "nan"):
        raise ValueError(f"{name} must be finite")
