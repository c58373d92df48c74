"""Functions on every kind of board, also in 9 KB of heap, where their small text is sent."""

import math
from collections.abc import Iterator
from typing import cast

import pytest

from belay_actors import (
    Device,
    DeviceCapabilityError,
    DeviceProgram,
    DeviceSessionManager,
    RemoteError,
    setup,
    task,
    teardown,
    thread,
)
from belay_actors.board import should_stop, sleep_ms
from belay_actors.functions import Task
from boards import Board
from modules import load

LIMIT = 3
total: int


@task
def doubled(n: int) -> int:
    return 2 * n


@task
def limited(number: int) -> float:
    return math.sqrt(min(doubled(number), LIMIT + 1))


@task
def fails(n: int) -> int:
    if n:
        value = doubled(n)
        return value // (n - n)
    return 0


@task
def same(value: object, *more: object) -> list[object]:
    return [value] + list(more)  # noqa: RUF005  # what MicroPython knows


@task(exclusive=True, idempotent=True)
def alone(n: int) -> str:
    return f"{doubled(n):>4}|"


@task
def evens(n: int) -> Iterator[int]:
    for number in range(n):
        yield doubled(number)


@thread
def blink() -> None:
    while not should_stop():
        sleep_ms(1)


class Adding(DeviceProgram):
    start = 5

    @setup
    @staticmethod
    def begin(start: int) -> None:
        global total
        total = start

    @task
    @staticmethod
    def add(n: int) -> int:
        global total
        total += n
        return total

    @teardown
    @staticmethod
    def end() -> None:
        print("total", total)


async def test_f02_a_task_with_what_it_needs(
    board: Board, device: Device, manager: DeviceSessionManager
) -> None:
    async with manager.open_session(device) as session:
        assert await session.call(limited, 9) == 2.0
        assert await session.call(limited, 1) == pytest.approx(math.sqrt(2), rel=1e-5)
        calls = session.calls
        assert await session.call(limited, 9) == 2.0
        assert await session.call(alone, 21) == "  42|"
        assert session.calls == calls + 3
        value = {"a": [1, (2, None)], "é": b"\x00\xff", "n": -(2**40)}
        assert await session.call(same, value, True, "x\n") == [value, True, "x\n"]
    assert session.report is not None
    assert session.report.is_clean


async def test_f02_a_traceback_has_the_hosts_line(
    board: Board, device: Device, manager: DeviceSessionManager
) -> None:
    async with manager.open_session(device) as session:
        with pytest.raises(RemoteError, match="ZeroDivisionError") as caught:
            await session.call(fails, 1)
        line = fails.function.__code__.co_firstlineno + 4
        assert f'File "{__file__}", line {line}, in fails' in caught.value.traceback
        assert await session.call(fails, 0) == 0


async def test_f04_f05_a_program(
    board: Board, device: Device, manager: DeviceSessionManager
) -> None:
    async with manager.open_session(device, Adding) as adding:
        assert await adding.add(2) == 7
        assert await adding.add(3) == 10
        assert await adding.session.evaluate("'begin' in globals()") is False
    report = adding.session.report
    assert report is not None
    assert report.is_clean
    assert report.resources_released == ("teardown:end",)


async def test_f02_a_stream(board: Board, device: Device, manager: DeviceSessionManager) -> None:
    async with manager.open_session(device) as session:
        async with session.stream(evens, 20) as items:
            assert [item async for item in items] == [*range(0, 40, 2)]
        async with session.stream(evens, 1000) as items:
            assert await anext(items) == 0
        assert await session.call(doubled, 4) == 8


@pytest.mark.boards("microbit")
async def test_f03_threads_are_refused_before_anything_is_sent(
    board: Board, device: Device, manager: DeviceSessionManager
) -> None:
    async with manager.open_session(device) as session:
        with pytest.raises(DeviceCapabilityError, match="thread"):
            await session.start_thread(blink)
        assert session.calls == 0


@pytest.mark.boards("microbit")
async def test_e05_what_does_not_fit_at_once_is_put_out_and_sent_again(
    board: Board, device: Device, manager: DeviceSessionManager
) -> None:
    text = "x" * 300
    source = "@task\ndef big_{0}(n):\n    return len('{1}') + n + {0}\n"
    names = load("".join(source.format(number, text) for number in range(14)))
    async with manager.open_session(device) as session:
        for _ in range(2):
            for number in range(14):
                big = names[f"big_{number}"]
                assert isinstance(big, Task)
                assert await session.call(cast("Task[[int], int]", big), 1) == 301 + number
        deployed = {method.signature for method in session.resources.get_deployed_methods()}
        assert 1 <= len(deployed) < 14
    assert session.report is not None
    assert session.report.is_clean
    assert device.generation == 1
