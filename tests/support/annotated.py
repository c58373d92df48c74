"""Types of every kind that may travel, and values of them."""

import collections
import dataclasses
import enum
import uuid
from collections.abc import Mapping, MutableMapping, MutableSequence, MutableSet, Sequence, Set
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path, PurePosixPath, PureWindowsPath
from types import GenericAlias
from typing import (
    Annotated,
    Any,
    Generic,
    Literal,
    NamedTuple,
    NewType,
    NotRequired,
    Optional,
    TypedDict,
    TypeVar,
    Union,
)

import attrs
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from belay_actors.values import Value

T = TypeVar("T")


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Mode(enum.StrEnum):
    FAST = "fast"
    SLOW = "slow"


class Permission(enum.Flag):
    READ = 1
    WRITE = 2


class Corner(enum.Enum):
    NEAR = (0, 0)
    FAR = (1, 2.5)


@attrs.frozen
class Reading:
    channel: int
    volts: float = 0.0


@attrs.define
class Hidden:
    _number: int
    other: int = attrs.field(default=3, alias="another")
    made: int = attrs.field(default=4, init=False)


@dataclasses.dataclass
class Point:
    x: float
    y: float
    tags: list[str] = dataclasses.field(default_factory=list[str])
    count: int = dataclasses.field(default=1, init=False)


@attrs.frozen
class Tree:
    name: str
    branches: "list[Tree]" = attrs.field(factory=list["Tree"])
    parent: "Tree | None" = None


@attrs.frozen
class Box(Generic[T]):
    item: T
    more: list[T]


class Settings(TypedDict):
    rate: int
    reading: NotRequired[Reading]


class Event(NamedTuple):
    number: int
    when: datetime


Volts = NewType("Volts", float)

FLOATS = st.floats(allow_nan=False)
INTS = st.integers()
READINGS = st.builds(Reading, INTS, FLOATS)
POINTS = st.builds(Point, FLOATS, FLOATS, st.lists(st.text(max_size=5), max_size=2))
TIMES = st.times()
DATETIMES = st.datetimes() | st.datetimes(timezones=st.just(UTC))
EVENTS = st.builds(Event, INTS, DATETIMES)
DELTAS = st.timedeltas(timedelta(days=-90_000), timedelta(days=90_000))  # exact as seconds
TREES: SearchStrategy[Tree] = st.recursive(
    st.builds(Tree, st.text(max_size=5)),
    lambda inner: st.builds(
        Tree, st.text(max_size=5), st.lists(inner, max_size=2), st.none() | inner
    ),
    max_leaves=5,
)
SETTINGS = st.fixed_dictionaries({"rate": INTS}, optional={"reading": READINGS})
PATHS = st.text("abc/._-", min_size=1)

ANNOTATED: list[tuple[object, SearchStrategy[Any]]] = [
    (None, st.none()),
    (bool, st.booleans()),
    (int, INTS),
    (float, st.floats()),
    (complex, st.complex_numbers()),
    (str, st.text()),
    (bytes, st.binary()),
    (bytearray, st.binary().map(bytearray)),
    (range, st.builds(range, st.integers(-99, 99), st.integers(-99, 99))),
    (Any, INTS),
    (object, st.text()),
    (Value, st.lists(INTS)),
    (Annotated[int, "channel"], INTS),
    (Volts, FLOATS),
    (Literal[1, "one", None, Colour.RED], st.sampled_from([1, "one", None, Colour.RED])),
    (Colour, st.sampled_from(Colour)),
    (Level, st.sampled_from(Level)),
    (Mode, st.sampled_from(Mode)),
    (Permission, st.sampled_from([*Permission, Permission.READ | Permission.WRITE])),
    (Corner, st.sampled_from(Corner)),
    (datetime, DATETIMES),
    (date, st.dates()),
    (time, TIMES),
    (timedelta, DELTAS),
    (uuid.UUID, st.uuids()),
    (Path, PATHS.map(Path)),
    (PurePosixPath, PATHS.map(PurePosixPath)),
    (PureWindowsPath, PATHS.map(PureWindowsPath)),
    (Reading, READINGS),
    (Hidden, st.builds(Hidden, INTS, another=INTS)),
    (Point, POINTS),
    (Tree, TREES),
    (Box[int], st.builds(Box[int], INTS, st.lists(INTS, max_size=3))),
    (Box[Reading], st.builds(Box[Reading], READINGS, st.lists(READINGS, max_size=3))),
    (Settings, SETTINGS),
    (Event, EVENTS),
    (Optional[Reading], st.none() | READINGS),  # noqa: UP045
    (int | str, INTS | st.text()),
    (int | float, INTS | FLOATS),
    (bool | int | None, st.booleans() | INTS | st.none()),
    (Union[Reading, Point], READINGS | POINTS),  # noqa: UP007
    (Colour | int | None, st.sampled_from(Colour) | INTS | st.none()),
    (Literal["auto"] | str | timedelta, st.just("auto") | st.text() | DELTAS),
    (list[Reading] | Event | bytes, st.lists(READINGS, max_size=3) | EVENTS | st.binary()),
    (list, st.lists(INTS)),
    (tuple, st.tuples(INTS, st.text())),
    (set, st.sets(INTS)),
    (dict, st.dictionaries(INTS, st.text())),
    (list[float], st.lists(FLOATS)),
    (list[list[Colour]], st.lists(st.lists(st.sampled_from(Colour), max_size=2), max_size=2)),
    (tuple[()], st.just(())),
    (tuple[int, ...], st.lists(INTS).map(tuple)),
    (tuple[Reading, str], st.tuples(READINGS, st.text())),
    (set[Mode], st.sets(st.sampled_from(Mode))),
    (set[Event], st.sets(EVENTS, max_size=3)),
    (frozenset[tuple[int, date]], st.frozensets(st.tuples(INTS, st.dates()), max_size=3)),
    (dict[str, Reading], st.dictionaries(st.text(max_size=5), READINGS, max_size=3)),
    (
        dict[Level, list[Point]],
        st.dictionaries(st.sampled_from(Level), st.lists(POINTS, max_size=2)),
    ),
    (collections.deque[int], st.lists(INTS).map(collections.deque)),
    (
        collections.defaultdict[str, list[int]],
        st.dictionaries(st.text(max_size=5), st.lists(INTS, max_size=2), max_size=3).map(
            lambda items: collections.defaultdict(list, items)
        ),
    ),
    (Sequence[Reading], st.lists(READINGS, max_size=3) | st.tuples(READINGS)),
    (MutableSequence[int], st.lists(INTS)),
    (Set[int], st.frozensets(INTS)),
    (MutableSet[int], st.sets(INTS)),
    (
        Mapping[str, Colour],
        st.dictionaries(st.text(max_size=5), st.sampled_from(Colour), max_size=3),
    ),
    (MutableMapping[int, int], st.dictionaries(INTS, INTS)),
]


class Opaque:
    def __init__(self, x: object) -> None:
        self.x = x


class Subclass(int):
    pass


class Odd(enum.Enum):
    MEMBER = Opaque


Untyped = collections.namedtuple("Untyped", ["a", "b"])  # pyright: ignore[reportUntypedNamedTuple]

UNFIT: list[object] = [
    *(Opaque, Subclass, Odd, Untyped, type, memoryview, Exception, collections.OrderedDict),
    *(list[Opaque], dict[str, Opaque], tuple[Opaque, ...], tuple[int, Opaque], Opaque | None),
    *(set[Reading], frozenset[list[int]], dict[Reading, int], dict[range, int]),
    *(set[Any | bytearray], set[list[int] | None]),
    *(T, GenericAlias(list, (T,)), Box, Box[Opaque], 5, ...),
    *("int", GenericAlias(list, ("Nowhere",))),
    *(int | Level, str | datetime, float | timedelta, int | timedelta, list[int] | list[str]),
    *(Colour | Mode, Reading | Settings, tuple[int] | Event, Literal[1] | Level, Path | str),
]  # fmt: skip
