"""From values of annotated types to plain ones, which ``encode`` can send.

The opposite of ``structure``. An annotation is looked at once, values of it are converted often; so
there is a function that makes functions.
"""

from collections.abc import Callable

from belay_actors.values._annotations import name_of
from belay_actors.values._misfit import Misfit
from belay_actors.values._ways import ANYTHING, find_way


def make_unstructurer(kind: object) -> Callable[[object], object] | None:
    """Returns what makes plain values of those of an annotation.

    Args:
        kind: the annotation, with its names resolved (``typing.get_type_hints``).

    Returns:
        A function that raises ``TypeError`` for a value that does not fit, and says where, or
        ``ValueError`` for one that holds itself. ``None`` if every value fits and is right as it
        is, as it is for ``object``.

    Raises:
        TypeError: values of this annotation cannot be sent.
    """
    try:
        way = find_way(kind)
    except TypeError as error:
        raise TypeError(f"a value cannot be passed as {name_of(kind)}: {error}") from error
    return None if way is ANYTHING else lambda value: _send(way.send, value)


def _send(send: Callable[[object], object], value: object) -> object:
    try:
        return send(value)
    except Misfit as misfit:
        error = misfit.to_error()
    except RecursionError:
        error = ValueError("the value is nested too deeply, or holds itself")
    raise error


def unstructure(value: object, kind: object) -> object:
    """Returns the plain value that ``value`` travels as, by its annotation ``kind``.

    For one value; ``make_unstructurer`` is for many.

    Raises:
        TypeError: values of this annotation cannot be sent, or the value does not fit it.
        ValueError: the value holds itself.
    """
    convert = make_unstructurer(kind)
    return value if convert is None else convert(value)
