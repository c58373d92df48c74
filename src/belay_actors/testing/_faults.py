"""Faults of a byte stream as values, and what they make of the bytes. Knows no trio.

Positions count the bytes that come, from 0 on, before any fault has changed them. So a plan is the
same program of faults every time it is used.
"""

import random
from collections import deque
from collections.abc import Iterable, Sequence

import attrs
from attrs import validators

_POSITION = validators.ge(0)
_AT_LEAST_ONE = validators.ge(1)


@attrs.frozen
class Drop:
    """``count`` bytes from position ``at`` on are lost."""

    at: int = attrs.field(validator=_POSITION)
    count: int = attrs.field(default=1, validator=_AT_LEAST_ONE)


@attrs.frozen
class Corrupt:
    """The bits of ``mask`` are flipped in the byte at position ``at``."""

    at: int = attrs.field(validator=_POSITION)
    mask: int = attrs.field(default=1, validator=[_AT_LEAST_ONE, validators.le(255)])


@attrs.frozen
class Duplicate:
    """The byte at position ``at`` comes twice."""

    at: int = attrs.field(validator=_POSITION)


@attrs.frozen
class Insert:
    """``data`` comes before the byte at position ``at``, and does not wait for it."""

    at: int = attrs.field(validator=_POSITION)
    data: bytes


@attrs.frozen
class Stall:
    """Before the byte at position ``at`` nothing moves for some seconds (on trio's clock)."""

    at: int = attrs.field(validator=_POSITION)
    seconds: float = attrs.field(validator=_POSITION)


@attrs.frozen
class End:
    """The stream ends before position ``at``: reading gives ``b""``, sending fails."""

    at: int = attrs.field(validator=_POSITION)


@attrs.frozen
class Break:
    """The stream breaks before position ``at``: ``trio.BrokenResourceError``, both ways."""

    at: int = attrs.field(validator=_POSITION)


Fault = Drop | Corrupt | Duplicate | Insert | Stall | End | Break


@attrs.frozen(kw_only=True)
class FaultPlan:
    """What goes wrong with a stream.

    Attributes:
        receiving: faults of what is received.
        sending: faults of what is sent.
        max_read: the most bytes that one read returns; ``None`` for as many as there are.
    """

    receiving: tuple[Fault, ...] = attrs.field(default=(), converter=tuple[Fault, ...])
    sending: tuple[Fault, ...] = attrs.field(default=(), converter=tuple[Fault, ...])
    max_read: int | None = attrs.field(default=None, validator=validators.optional(_AT_LEAST_ONE))


_NOISE = (
    b"\x04",
    b"\x04\x04>",
    b"OK",
    b">",
    b"\x1e",
    b"\x01",
    b"\r\n",
    b"\xff\x00",
    b"I (31) boot",
)


def random_faults(
    seed: int,
    *,
    within: int,
    count: int = 1,
    kinds: Sequence[type[Drop | Corrupt | Duplicate | Insert]] = (Drop, Corrupt, Duplicate, Insert),
) -> tuple[Fault, ...]:
    """Returns faults at random positions; the same for the same arguments.

    Args:
        seed: of the choice.
        within: positions are below this.
        count: how many faults.
        kinds: of which kinds. What is inserted is among what means something to a raw REPL.
    """
    chance = random.Random(seed)  # noqa: S311  # no secret
    faults: list[Fault] = []
    for _ in range(count):
        at = chance.randrange(within)
        kind = chance.choice(kinds)
        if kind is Insert:
            faults.append(Insert(at, chance.choice(_NOISE)))
        elif kind is Corrupt:
            faults.append(Corrupt(at, chance.randrange(1, 256)))
        else:
            faults.append(Drop(at) if kind is Drop else Duplicate(at))
    return tuple(faults)


class Distortion:
    """One direction of a stream: takes in bytes, gives out what the faults leave of them.

    Args:
        faults: of one position in the order given, after that of positions. A byte can be changed
            by one fault only; a second one for it changes the next byte.
    """

    def __init__(self, faults: Iterable[Fault]) -> None:
        self._raw = bytearray()  # as it came
        self._made = bytearray()  # by faults, and not yet given out
        self.restart(faults)

    def restart(self, faults: Iterable[Fault]) -> None:
        """Starts again at position 0, with other faults. Bytes that wait are kept."""
        self.position = 0
        self._faults: deque[Fault] = deque(sorted(faults, key=lambda fault: fault.at))

    def feed(self, data: bytes) -> None:
        """Takes in bytes."""
        self._raw += data

    def discard(self) -> None:
        """Forgets the bytes that wait."""
        self._raw.clear()
        self._made.clear()

    def skip(self, count: int) -> None:
        """Counts bytes that went by without faults."""
        self.position += count

    @property
    def is_empty(self) -> bool:
        """Whether no bytes wait."""
        return not (self._raw or self._made)

    def is_clear(self, count: int) -> bool:
        """Whether that many bytes can go by as they are."""
        return not self._faults or self._faults[0].at >= self.position + count

    def take(self, max_bytes: int | None) -> bytes | Stall | End | Break | None:
        """Gives out what comes next.

        Returns:
            Bytes; or a fault that the stream itself must show (``End`` and ``Break`` again and
            again); or ``None``, if more must be fed.
        """
        while not self._made:
            fault = self._faults[0] if self._faults else None
            if fault is None or fault.at > self.position:
                stop = None if fault is None else fault.at - self.position
                return self._pass_by(min(filter(None, (stop, max_bytes)), default=None))
            if isinstance(fault, End | Break):
                return fault
            if not self._raw and isinstance(fault, Drop | Corrupt | Duplicate):
                return None
            self._faults.popleft()
            if isinstance(fault, Stall):
                return fault
            self._change(fault)
        piece = bytes(self._made[:max_bytes])
        del self._made[:max_bytes]
        return piece

    def _pass_by(self, count: int | None) -> bytes | None:
        passing = bytes(self._raw[:count])
        del self._raw[:count]
        self.position += len(passing)
        return passing or None

    def _change(self, fault: Insert | Drop | Corrupt | Duplicate) -> None:
        if isinstance(fault, Insert):
            self._made += fault.data
            return
        byte = self._raw[0]
        del self._raw[0]
        self.position += 1
        match fault:
            case Drop(count=count):
                if count > 1:
                    self._faults.appendleft(Drop(self.position, count - 1))
            case Corrupt(mask=mask):
                self._made.append(byte ^ mask)
            case Duplicate():
                self._made += bytes((byte, byte))
