"""Source text of values, until ``belay_actors.values`` has its own."""


def encode(value: object, *, exact_floats: bool = True) -> str:
    """Returns source text of an expression that is ``value`` on a board."""
    del exact_floats
    if type(value) in (list, tuple, set, frozenset):
        for item in value:  # type: ignore[attr-defined]
            encode(item)
    elif type(value) is dict:
        encode([*value, *value.values()])
    elif type(value) not in (type(None), bool, int, float, complex, str, bytes, bytearray, range):
        raise TypeError(f"the value is a {type(value).__name__}, which cannot be sent")
    return repr(value)


def unstructure(value: object, kind: object) -> object:
    """Returns a plain value for one of an annotated type."""
    del kind
    return value
