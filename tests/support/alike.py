"""Values compared to the last bit: what ``==`` takes for equal may not be the same."""

import math
import struct
from typing import cast


def exactly(value: object) -> object:
    """The value with its types, all the way down; equal to that of no other value.

    Floats are their 64 bits, but for nan, which is one value; the order of a dict does not count.
    """
    kind = type(value)
    if isinstance(value, float):
        return kind, "nan" if math.isnan(value) else struct.pack("<d", value)
    if isinstance(value, complex):
        return kind, exactly(value.real), exactly(value.imag)
    if isinstance(value, list | tuple):
        return kind, [exactly(item) for item in cast("list[object]", value)]
    if isinstance(value, set | frozenset):
        return kind, sorted(repr(exactly(item)) for item in cast("set[object]", value))
    if isinstance(value, dict):
        return kind, sorted(map(repr, map(exactly, cast("dict[object, object]", value).items())))
    return kind, repr(value)
