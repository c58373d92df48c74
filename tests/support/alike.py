"""Values compared to the last bit: what ``==`` takes for equal may not be the same."""

import math
import struct


def exactly(value: object) -> object:
    """The value with its types, all the way down; equal to that of no other value.

    Floats are their 64 bits, but for nan, which is one value; the order of a dict does not count.
    """
    match value:
        case float():
            return float, "nan" if math.isnan(value) else struct.pack("<d", value)
        case complex():
            return complex, exactly(value.real), exactly(value.imag)
        case list() | tuple():
            return type(value), [exactly(item) for item in value]
        case set() | frozenset():
            return type(value), sorted(repr(exactly(item)) for item in value)
        case dict():
            return dict, sorted(repr((exactly(key), exactly(part))) for key, part in value.items())
        case _:
            return type(value), repr(value)
