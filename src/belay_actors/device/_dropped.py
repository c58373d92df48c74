"""What the board tells of a namespace that was taken off it."""

import reprlib

from belay_actors.device._detection import parse_memory
from belay_actors.device._outcome import class_name
from belay_actors.device._records import DroppedNamespace
from belay_actors.values import Value

_CORE_NAMES = 2  # __name__ and print, which the core puts into every namespace


def parse_dropped(value: Value) -> DroppedNamespace:
    """Reads the answer of ``drop``.

    Raises:
        ValueError: the answer makes no sense.
    """
    match value:
        case (
            int(names),
            list(removed),
            list(kept),
            list(stopped),
            list(stuck),
            list(threads),
            int(left),
            memory,
        ):
            return DroppedNamespace(
                names=max(names - _CORE_NAMES, 0),
                modules_removed=tuple(map(str, removed)),
                modules_left=tuple(map(str, kept)),
                timers_stopped=tuple(map(str, stopped)),
                timers_left=tuple(map(_describe_timer, stuck)),
                threads_left=tuple(map(str, threads)),
                is_gone=not left,
                memory=parse_memory(memory),
            )
        case other:
            raise ValueError(f"an unexpected answer: {reprlib.repr(other)}")


def _describe_timer(value: Value) -> str:
    match value:
        case (str(name), str(kind), str(message)):
            return f"{name}: {class_name(kind)}: {message}".removesuffix(": ")
        case other:
            raise ValueError(f"an unexpected answer: {reprlib.repr(other)}")
