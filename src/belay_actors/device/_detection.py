"""Detection: which features are looked for on a board, and what its answer means."""

import functools
import reprlib
import string

import attrs

from belay_actors.board import detect_sources, imports_source
from belay_actors.device._capabilities import DeviceCapabilities
from belay_actors.device._features import FEATURES, WANTED
from belay_actors.device._records import BoardMemory
from belay_actors.values import Value

DETECT_SOURCES = detect_sources(
    ";".join(" ".join((module, *names)) for module, names in WANTED.items())
)
IMPORTS_SOURCE = imports_source(WANTED)
_FLOAT_BITS = (0, 32, 64)


def parse_memory(value: Value) -> BoardMemory | None:
    """Reads what the board says of its heap.

    Raises:
        ValueError: the answer makes no sense.
    """
    match value:
        case None:
            return None
        case (int(used), int(free)) if used >= 0 and free >= 0:
            return BoardMemory(used=used, free=free)
        case other:
            raise ValueError(f"an unexpected answer: {reprlib.repr(other)}")


@functools.lru_cache(maxsize=32)  # boards of one firmware share it
def _features(found: str) -> frozenset[str]:
    # Of a set, because one made step by step keeps twice the room that it needs.
    return frozenset({name for name, digit in zip(FEATURES, found, strict=True) if digit == "1"})


def parse_detection(
    answer: Value, measured: Value, capabilities: DeviceCapabilities
) -> tuple[DeviceCapabilities, BoardMemory | None]:
    """Reads the answer to ``DETECT_SOURCES``.

    Args:
        answer: of the board.
        measured: the board's memory, if it was measured better, afterwards.
        capabilities: what was known before.

    Returns:
        What is known now, and the board's memory.

    Raises:
        ValueError: the answer makes no sense.
    """
    match answer:
        case (str(found), int(bits), pair, str(unique_id)) if (
            len(found) == len(FEATURES)
            and set(found) <= {"0", "1"}
            and bits in _FLOAT_BITS
            and set(unique_id) <= set(string.hexdigits)
        ):
            memory = parse_memory(pair if measured is None else measured)
            return attrs.evolve(
                capabilities,
                is_detected=True,
                features=_features(found),
                float_bits=int(bits),
                memory_bytes=None if memory is None else memory.used + memory.free,
                unique_id=unique_id,
            ), memory
        case other:
            raise ValueError(f"an unexpected answer: {reprlib.repr(other)}")
