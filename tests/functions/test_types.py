"""What type checkers see of board functions. mypy and pyright check this file; so does a run."""

from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager
from typing import ParamSpec, TypeVar, assert_type

from belay_actors.board import should_stop, sleep_ms
from belay_actors.functions import (
    BoundGeneratorTask,
    BoundTask,
    BoundThreadFunction,
    DeviceProgram,
    GeneratorTask,
    RunningThread,
    Setup,
    Task,
    Teardown,
    ThreadFunction,
    setup,
    task,
    teardown,
    thread,
)

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")


class Session:
    """Knows what was called, and answers nothing."""

    async def call(self, function: Task[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        return function(*args, **kwargs)

    def stream(
        self, function: GeneratorTask[P, T], /, *args: P.args, **kwargs: P.kwargs
    ) -> AbstractAsyncContextManager[AsyncIterator[T]]:
        raise NotImplementedError

    async def start_thread(
        self, function: ThreadFunction[P], /, *args: P.args, **kwargs: P.kwargs
    ) -> RunningThread:
        raise NotImplementedError


@task
def mean(n: int, *, scale: float = 1.0) -> float:
    return n * scale


@task(timeout=2.0, exclusive=True, idempotent=True, cache_result=60.0, name="other")
def with_options(n: int) -> list[int]:
    return [n]


@task
def samples(n: int) -> Iterator[int]:
    yield n


@task(idempotent=True)
def texts(n: int) -> Iterator[str]:
    yield str(n)


@task
def nothing() -> None:
    mean(3)


@thread
def blink(period: int) -> None:
    while not should_stop():
        sleep_ms(period)


@thread(auto_restart=True, max_runtime=60.0, name="blinking")
def blink_more(period: int) -> None:
    while not should_stop():
        sleep_ms(period)


class Rig(DeviceProgram):
    pin = 2

    @setup
    @staticmethod
    def pins(pin: int) -> None:
        pass

    @setup(critical=False)
    @staticmethod
    def more() -> None:
        pass

    @teardown
    @staticmethod
    def off() -> None:
        pass

    @task
    @staticmethod
    def double(n: int) -> int:
        return 2 * n

    @task(timeout=3)
    @staticmethod
    def half(n: int) -> float:
        return Rig.double(n) / 4

    @task
    @staticmethod
    def items(n: int) -> Iterator[int]:
        yield n

    @thread
    @staticmethod
    def blink(period: int) -> None:
        while not should_stop():
            sleep_ms(period)


def test_functions_keep_their_types() -> None:
    assert isinstance(mean, Task)
    assert_type(mean(3, scale=2.0), float)
    assert isinstance(with_options, Task)
    assert_type(with_options(3), list[int])
    assert isinstance(samples, GeneratorTask)
    assert_type(samples(3), Iterator[int])
    assert isinstance(texts, GeneratorTask)
    assert_type(texts(3), Iterator[str])
    assert isinstance(nothing, Task)
    assert isinstance(blink, ThreadFunction)
    assert isinstance(blink_more, ThreadFunction)
    assert_type(mean.convert(3), float)
    assert_type(samples.convert(3), int)


def test_members_of_a_class_keep_their_types() -> None:
    assert isinstance(Rig.pins, Setup)
    assert isinstance(Rig.more, Setup)
    assert isinstance(Rig.off, Teardown)
    assert_type(Rig.double(3), int)
    assert_type(Rig.half(3), float)
    assert_type(Rig.items(3), Iterator[int])
    assert isinstance(Rig.blink, ThreadFunction)


async def test_members_of_an_instance_are_bound_to_its_session() -> None:
    rig = Rig(Session())
    assert isinstance(rig.double, BoundTask)
    assert_type(await rig.double(3), int)
    assert_type(await rig.half(n=3), float)
    assert await rig.half(3) == 1.5
    assert isinstance(rig.items, BoundGeneratorTask)
    assert isinstance(rig.blink, BoundThreadFunction)


async def check_what_is_started(rig: Rig) -> None:
    assert_type(rig.items(3), AbstractAsyncContextManager[AsyncIterator[int]])
    async with rig.items(3) as items:
        async for item in items:
            assert_type(item, int)
    thread = await rig.blink(100)
    await thread.stop()


def wrong() -> None:
    mean("3")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    mean(3, size=1)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    Rig.double()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
