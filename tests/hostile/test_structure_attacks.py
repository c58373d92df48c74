"""Values that do not fit what was asked for, and were made to cost much before that is said."""

import time
import tracemalloc
from collections import deque
from collections.abc import Sequence
from typing import cast, get_origin

import attrs
import pytest

from belay_actors.values import Value, structure


@attrs.frozen
class Reading:
    """What a sensor says."""

    channel: int
    volts: float


@attrs.frozen
class Chain:
    """A type that may be nested."""

    inner: "Chain | None" = None


@attrs.frozen
class Tree:
    """A type whose collections hold it again."""

    branches: "list[Tree]"
    names: tuple[str, ...] = ()


MANY = 20_000


def chain(length: int) -> Value:
    value: Value = None
    for _ in range(length):
        value = {"inner": value}
    return value


MISFITS: dict[str, tuple[object, object]] = {
    "a list of other things": (["x"] * MANY, list[int]),
    "a list of long other things": (["x" * 100_000] * 500, list[int]),
    "a tuple of other things": (("x",) * MANY, tuple[int, ...]),
    "a dict of other things": ({str(number): "x" for number in range(MANY)}, dict[str, int]),
    "lists of lists": ([["x"] * 500] * 500, list[list[int]]),
    "records without fields": ([{}] * MANY, list[Reading]),
    "fields that there are not": (
        {"channel": 1, "volts": 1.0} | {f"extra{n}": 1 for n in range(MANY)},
        Reading,
    ),
    "fields of long names": ({"x" * 1_000_000: 1}, Reading),
    "fields that are no names": ({1: 1, "channel": 1, None: 1}, Reading),
    "one long text": ("x" * 50_000_000, int),
    "one long number": (10**4000, str),
    "an integer that is no float": (10**4000, float),
    "a list that is too long": ([1] * MANY, tuple[int, int]),
    "a number where a record should be": (1, Reading),
    "a text where a list should be": ("x" * 1_000_000, list[int]),
    "a range where a list should be": (range(10**15), list[int]),
    "a range where any list should be": (range(10**15), list),
    "a range where a set should be": (range(10**15), set[int]),
    "a range where a frozenset should be": (range(10**15), frozenset[int]),
    "a range where a tuple should be": (range(10**15), tuple[int, ...]),
    "a range where any tuple should be": (range(10**15), tuple),
    "a range where a sequence should be": (range(10**15), Sequence[int]),
    "a range where a deque should be": (range(10**15), deque[int]),
    "a range where a dict should be": (range(10**15), dict[int, int]),
    "a range where a record should be": (range(10**15), Reading),
    "a range where one of two should be": (range(10**15), list[int] | None),
    "a range deep down": ([[1], [2], range(10**15)], list[list[int]]),
    "a range in a record": (
        {"branches": [{"branches": [{"branches": range(10**15)}]}]},
        Tree,
    ),
    "texts in a record": ({"branches": [], "names": "x" * 1_000_000}, Tree),
    "bytes where a list should be": (b"x" * 1_000_000, list[int]),
    "a dict where a list should be": ({"a": 1}, list[str]),
    "deep lists": (chain(199), list[int]),
    "a deep record that ends in a number": ({"inner": 1}, Chain),
}


@pytest.mark.parametrize("attack", MISFITS)
def test_a_value_that_does_not_fit_is_refused_cheaply(attack: str) -> None:
    value, returns = MISFITS[attack]
    tracemalloc.start()
    began = time.process_time()
    try:
        with pytest.raises(TypeError, match="does not fit") as caught:
            structure(cast(Value, value), cast(type[object], returns))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(str(caught.value)) < 2000
    assert peak < 20_000_000
    assert time.process_time() - began < 5


def test_the_message_says_where_in_a_small_value() -> None:
    with pytest.raises(TypeError, match=r"\$\[1\]\.volts"):
        structure([{"channel": 1, "volts": 2}, {"channel": 1, "volts": "2"}], list[Reading])


def test_the_message_says_what_in_a_large_value() -> None:
    value: Value = [*range(MANY), "x"]
    with pytest.raises(TypeError, match="'x' is no int"):
        structure(value, list[int])


def test_a_deep_value_becomes_a_deep_record() -> None:
    record = structure(chain(199), Chain)
    for _ in range(198):
        assert record.inner is not None
        record = record.inner
    assert record == Chain()


@pytest.mark.parametrize("value", [[1, 2], (1, 2), {1, 2}, frozenset({1, 2})], ids=repr)
@pytest.mark.parametrize(
    "returns", [list[int], set[int], frozenset[int], tuple[int, ...], list, tuple], ids=repr
)
def test_collections_are_made_of_collections(value: Value, returns: type[object]) -> None:
    result = structure(value, returns)
    assert result in ([1, 2], (1, 2), {1, 2})
    assert type(result) is (get_origin(returns) or returns)


def test_collections_in_records_are_made_of_collections() -> None:
    value: Value = {"branches": [{"branches": [], "names": ("a", "b")}], "names": ["c"]}
    assert structure(value, Tree) == Tree([Tree([], ("a", "b"))], ("c",))
