"""Streams on every kind of board, also in 9 KB of heap and beside a program that takes its part."""

import pytest
import trio

from belay_actors import (
    CallTimeoutError,
    Device,
    DeviceSessionManager,
    RemoteError,
    Session,
    UnsupportedValueError,
    Value,
)
from belay_actors.board import Helper, helper_source
from belay_actors.executors import open_stream
from belay_actors.testing import LeakCheck
from boards import Board

COUNT = """def count(n):
 try:
  for i in range(n): yield i
 finally: print('closed')"""


async def take(session: Session, expression: str, most: int = 10**6) -> list[Value]:
    opened = open_stream(session, name="samples", expression=expression, convert=lambda item: item)
    taken: list[Value] = []
    async with opened as items:
        async for item in items:
            taken.append(item)
            if len(taken) == most:
                break
    return taken


async def test_all_items_come_and_what_is_left_is_closed(
    board: Board, device: Device, manager: DeviceSessionManager
) -> None:
    async with manager.open_session(device) as session:
        await session.execute(COUNT)
        assert await take(session, "count(300)") == [*range(300)]
        assert await take(session, "count(300)", most=5) == [*range(5)]
        words = await take(session, "('x' * (i % 40) for i in range(100))")
        assert words == ["x" * (number % 40) for number in range(100)]
        if not board.is_small:  # there a session has the board's own print
            assert session.background_output == "closed\n" * 2
    assert session.report is not None
    assert session.report.is_clean
    assert device.generation == 1


async def test_errors_come_after_the_items_before(
    board: Board, device: Device, manager: DeviceSessionManager
) -> None:
    async with manager.open_session(device) as session:
        await session.execute("def fail(n):\n for i in range(n): yield i\n 1 / 0")
        opened = open_stream(session, name="fail", expression="fail(5)", convert=lambda item: item)
        taken: list[Value] = []
        async with opened as items:
            with pytest.raises(RemoteError, match="ZeroDivisionError") as caught:
                async for item in items:
                    taken.append(item)  # noqa: PERF401
        assert taken == [0, 1, 2, 3, 4]
        assert "line 3, in fail" in caught.value.traceback
        opened = open_stream(
            session, name="odd", expression="iter([1, 2, object(), 4])", convert=lambda item: item
        )
        async with opened as items:
            assert [await anext(items), await anext(items)] == [1, 2]
            with pytest.raises(UnsupportedValueError, match="type object cannot"):
                await anext(items)


async def test_a_generator_that_takes_too_long_is_interrupted(
    board: Board, device: Device, manager: DeviceSessionManager
) -> None:
    async with manager.open_session(device) as session:
        await session.execute("def hang():\n yield 1\n while True: pass")
        opened = open_stream(
            session, name="hang", expression="hang()", convert=lambda item: item, time_limit=0.3
        )
        async with opened as items:
            assert await anext(items) == 1
            with pytest.raises(CallTimeoutError):
                await anext(items)
        with trio.move_on_after(0.2):
            await take(session, "hang()")
        assert await session.evaluate("6 * 7") == 42
    assert session.report is not None
    assert session.report.is_clean


async def test_streams_in_a_row_leave_no_memory(
    board: Board, device: Device, manager: DeviceSessionManager
) -> None:
    async def use() -> None:
        async with manager.open_session(device) as session:
            await session.execute(COUNT)
            await take(session, "count(200)")
            await take(session, "count(200)", most=20)
            with pytest.raises(RemoteError):
                await take(session, "missing")

    # What the first one sends stays; and the prompt keeps room for the longest line until now,
    # which grows when the calls' numbers get a third digit.
    for _ in range(3):
        await use()
    async with LeakCheck(device, memory_tolerance=0 if board.is_small else 64):
        for _ in range(8):
            await use()


@pytest.mark.boards("microbit")
async def test_what_it_costs_on_a_small_board(
    board: Board, device: Device, manager: DeviceSessionManager
) -> None:
    assert len(helper_source(Helper.STREAMS)) < 800
    async with manager.open_session(device) as session:
        await session.execute(COUNT)
        before = (await device.census()).memory_used
        await take(session, "count(10)")
        assert (await device.census()).memory_used - before < 1400
        await session.execute("x = bytearray(1200)")
        assert await take(session, "count(200)") == [*range(200)]
