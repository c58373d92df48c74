"""What a call's arguments become, and its result: bound, checked and converted by annotation."""

import datetime
import enum
import math
from collections.abc import Generator, Iterator

import attrs
import pytest

from belay_actors import Device
from belay_actors.errors import UnsupportedFunctionError
from belay_actors.functions import GeneratorTask, Task, task
from belay_actors.values import Value
from modules import generator_of, load, task_of


class Mode(enum.Enum):
    FAST = "fast"
    SLOW = "slow"


@attrs.frozen
class Sample:
    at: datetime.datetime
    value: float


PLAIN = """
    @task
    def plain(a, b=2, *rest, c, d=4, **named):
        return [a, b, rest, c, d, sorted(named.items())]
    """
plain = task_of(load(PLAIN), "plain")


@task
def typed(
    n: int, scale: float = 1.0, name: str = "", data: bytes = b"", flag: bool = False
) -> float:
    return n * scale


@task
def structured(mode: Mode, samples: list[Sample], *, limit: int | None = None) -> list[Sample]:
    return samples


def written(function: Task[..., object], *args: object, **kwargs: object) -> str:
    return function.arguments(args, kwargs, exact_floats=True)


@pytest.mark.parametrize(
    ("args", "kwargs"),
    [
        ((1,), {"c": 3}),
        ((1, 5, 6, 7), {"c": 3, "d": 8}),
        ((), {"a": 1, "b": 5, "c": 3, "e": 9, "f": None}),
        ((1,), {"b": [1, (2.5, {"x": b"y"})], "c": {1, 2}}),
        (("é'\n\x00",), {"c": math.inf, "from": 3, "not a name": 4}),
    ],
)
async def test_arguments_arrive_as_they_would_on_the_host(
    device: Device, args: tuple[object, ...], kwargs: dict[str, object]
) -> None:
    await device.execute(plain.unit("linux", "micropython").full.source)
    value = await device.evaluate(f"plain({written(plain, *args, **kwargs)})")
    assert value == plain(*args, **kwargs)


@pytest.mark.parametrize(
    ("kwargs", "text"),
    [
        ({"n": 1}, "1"),
        ({"n": 1, "scale": 2.5}, "1, 2.5"),
        ({"scale": 2.5, "n": 1}, "1, 2.5"),
        ({"n": 1, "flag": True}, "1, flag=True"),
        ({"flag": True, "n": 1, "scale": 3}, "1, 3, flag=True"),
    ],
)
def test_named_arguments_go_by_position_where_they_can(
    kwargs: dict[str, object], text: str
) -> None:
    assert written(typed, **kwargs) == text


def test_parameters_by_position_alone_go_by_position() -> None:
    function = task_of(load("@task\ndef f(a, /, b=2, *, c=3):\n    return a\n"))
    assert written(function, 1, c=5) == "1, c=5"


@pytest.mark.parametrize(
    ("args", "kwargs", "message"),
    [
        ((), {}, r"typed\(\): missing a required argument: 'n'"),
        ((1, 2.0, "", b"", True, 6), {}, "too many positional arguments"),
        ((1,), {"n": 2}, "multiple values for argument 'n'"),
        ((1,), {"m": 2}, "unexpected keyword argument 'm'"),
        (("1",), {}, "argument 'n'"),
        ((True,), {}, "argument 'n'"),
        ((1, "x"), {}, "argument 'scale'"),
        ((1,), {"name": 3}, "argument 'name'"),
        ((1,), {"data": "text"}, "argument 'data'"),
        ((1,), {"flag": 1}, "argument 'flag'"),
    ],
)
def test_arguments_that_do_not_fit_are_type_errors(
    args: tuple[object, ...], kwargs: dict[str, object], message: str
) -> None:
    with pytest.raises(TypeError, match=message):
        written(typed, *args, **kwargs)


def test_what_cannot_be_sent_is_told_with_its_argument() -> None:
    with pytest.raises(TypeError, match=r"plain\(\): argument 'a'.*object"):
        written(plain, object(), c=3)
    with pytest.raises(TypeError, match="argument 'rest'"):
        written(plain, 1, 2, object(), c=3)
    with pytest.raises(TypeError, match="argument 'named'"):
        written(plain, 1, c=3, x=object())
    with pytest.raises(ValueError, match="argument 'a'"):
        written(plain, "\ud800", c=3)


def test_a_missing_keyword_is_missing_however_many_positions_there_are() -> None:
    with pytest.raises(TypeError, match=r"missing a required.*'c'"):
        written(plain, 1)


async def test_annotated_arguments_and_results_are_converted(device: Device) -> None:
    at = datetime.datetime(2024, 5, 6, 7, 8, 9)
    text = written(structured, Mode.SLOW, [Sample(at, 2.0)], limit=None)
    await device.execute(structured.unit("linux", "micropython").full.source)
    value = await device.evaluate(f"structured({text})")
    assert structured.convert(value) == [Sample(at, 2.0)]
    with pytest.raises(TypeError, match="argument 'mode'"):
        written(structured, "slow", [])


def test_floats_are_exact_where_the_board_has_them() -> None:
    assert typed.arguments((1, 0.1), {}, exact_floats=False) == "1, 0.1"
    text = typed.arguments((1, 0.1), {}, exact_floats=True)
    assert eval(f"({text})") == (1, 0.1)


# Results.


@pytest.mark.parametrize(
    ("annotation", "value", "result"),
    [
        ("", (1, "a"), (1, "a")),
        ("-> object", (1,), (1,)),
        ("-> None", None, None),
        ("-> int", 3, 3),
        ("-> float", 3, 3.0),
        ("-> 'int | None'", None, None),
        ("-> list[float]", [1, 2], [1.0, 2.0]),
        ("-> tuple[int, str]", (1, "a"), (1, "a")),
        ("-> Literal['a']", "a", "a"),
        ("-> Later", 3, 3),
    ],
)
def test_a_result_is_what_the_annotation_says(
    annotation: str, value: Value, result: object
) -> None:
    text = "from __future__ import annotations\nfrom typing import Literal\n"
    names = load(f"{text}@task\ndef f() {annotation}:\n    ...\nLater = int\n")
    function = task_of(names)
    converted = function.convert(value)
    assert converted == result
    assert type(converted) is type(result)


@pytest.mark.parametrize(
    ("annotation", "value"),
    [("None", 3), ("int", "3"), ("int", True), ("int", None), ("list[int]", ["a"]), ("str", b"")],
)
def test_another_result_is_a_type_error(annotation: str, value: Value) -> None:
    function = task_of(load(f"@task\ndef f() -> {annotation}:\n    ...\n"))
    with pytest.raises(TypeError, match=r"f\(\): the value does not fit"):
        function.convert(value)


def test_a_result_that_cannot_come_is_told_before_anything_is_sent() -> None:
    function = task_of(load("@task\ndef f() -> type(lambda: 3):\n    ...\n"))
    with pytest.raises(TypeError):
        written(function)


def test_annotations_that_cannot_be_read_matter_only_to_the_host() -> None:
    text = "from __future__ import annotations\n@task\ndef f(pin: Pin) -> None:\n    ...\n"
    function = task_of(load(text))
    assert function.unit("linux", "micropython").full.source == "def f(pin):\n    pass\n"
    for _ in range(2):
        with pytest.raises(UnsupportedFunctionError, match=r"annotations of f.*Pin"):
            written(function, 3)


# Generators.


@task
def numbers(n: int) -> Iterator[int]:
    yield n


@task
def samples() -> Generator[float, None, None]:
    yield 1.0


def test_items_are_what_the_annotation_says() -> None:
    assert isinstance(numbers, GeneratorTask)
    assert numbers.convert(3) == 3
    with pytest.raises(TypeError, match=r"numbers\(\)"):
        numbers.convert("3")
    assert isinstance(samples.convert(3), float)
    assert numbers.arguments((3,), {}, exact_floats=True) == "3"


@pytest.mark.parametrize("annotation", ["", "-> Iterator", "-> 'Iterable[object]'"])
def test_items_of_no_type_come_as_they_are(annotation: str) -> None:
    text = "from collections.abc import Iterable, Iterator\n"
    function = generator_of(load(f"{text}@task\ndef f() {annotation}:\n    yield 1\n"))
    assert function.convert([1, "a"]) == [1, "a"]


@pytest.mark.parametrize(
    "annotation", ["Iterator[int]", "abc.Generator[int, None, None]", "'Iterator[int]'"]
)
def test_what_says_that_it_returns_an_iterator_must_yield(annotation: str) -> None:
    text = "from collections import abc\nfrom collections.abc import Iterator\n"
    with pytest.raises(UnsupportedFunctionError, match="yield its items"):
        load(f"{text}@task\ndef f() -> {annotation}:\n    return iter([1])\n")


def test_a_generator_returns_an_iterator() -> None:
    function = generator_of(load("@task\ndef f() -> list[int]:\n    yield 1\n"))
    with pytest.raises(UnsupportedFunctionError, match="Iterator"):
        function.arguments((), {}, exact_floats=True)
