"""What an option may be. A validator's error names the option and all that is allowed.

They are stricter than Python's arithmetic: a bool is no number here, nor is a text. What is wrong
is always a ``ValueError``, as it is when options are loaded.
"""

import math
import reprlib
from collections.abc import Callable
from typing import TypeVar

import attrs

T = TypeVar("T")


def seconds(_: object, attribute: "attrs.Attribute[float]", value: object) -> None:
    """A time, which may be infinite."""
    if not _is_positive(value):
        raise _refusal(attribute.name, "a number of seconds above 0", value)


def finite_seconds(_: object, attribute: "attrs.Attribute[float]", value: object) -> None:
    """A time that is waited for a board."""
    if not _is_positive(value) or value == math.inf:
        allowed = "a finite number of seconds above 0 (a board may never answer)"
        raise _refusal(attribute.name, allowed, value)


def count(_: object, attribute: "attrs.Attribute[int]", value: object) -> None:
    """How many of something."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise _refusal(attribute.name, "an integer above 0", value)


def flag(_: object, attribute: "attrs.Attribute[bool]", value: object) -> None:
    """Yes or no, and nothing that only counts as such."""
    if not isinstance(value, bool):
        raise _refusal(attribute.name, "true or false", value)


def one_of(choices: tuple[T, ...]) -> Callable[[object, "attrs.Attribute[T]", T], None]:
    """One of these."""

    def check(_: object, attribute: "attrs.Attribute[T]", value: object) -> None:
        if value not in choices:
            raise _refusal(attribute.name, f"one of {', '.join(map(repr, choices))}", value)

    return check


def _is_positive(value: object) -> bool:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return False
    try:
        return float(value) > 0  # not so for nan
    except OverflowError:  # an int that no clock can count
        return False


def _refusal(name: str, allowed: str, value: object) -> ValueError:
    return ValueError(f"{name} is {allowed}, not {quote(value)}")


def quote(value: object) -> str:
    """Shows any value, in a few words."""
    try:
        return reprlib.repr(value)
    except ValueError:  # an int of more digits than Python shows
        return "a very large number"
