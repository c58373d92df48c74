"""Streams on the unix port: which items come, when they are made, and how a stream ends."""

# What a failing scope has bound is looked at after it:
# pyright: reportPossiblyUnboundVariable=none

import logging
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from belay_actors import (
    CallbackResource,
    CallTimeoutError,
    Device,
    DeviceResetError,
    DeviceSessionManager,
    RemoteError,
    Session,
    SessionClosedError,
    SessionManagementOptions,
    StreamClosedError,
    UnsupportedValueError,
    Value,
    open_device,
    open_session_manager,
)
from belay_actors.device import Batch, Seat
from belay_actors.executors import Stream, open_stream
from boards import open_unix_board

PROGRAM = """
made = 0
def count(n):
    global made
    try:
        for number in range(n):
            made = number + 1
            yield number
    finally:
        print("closed")
def fail(n):
    for number in range(n):
        yield number
    raise ValueError("no more")
def hang():
    try:
        yield 1
        while True:
            pass
    finally:
        print("closed")
def slow(n):
    import time
    for number in range(n):
        time.sleep_ms(30)
        print("made", number)
        yield number
class Odd:
    pass
class Bad:
    def __repr__(self):
        raise ValueError("no repr")
def odd(before, what, after):
    yield from range(before)
    yield what
    yield from range(after)
def stubborn():
    try:
        yield 1
    finally:
        1 / 0
"""

Open = AbstractAsyncContextManager[Stream[Value]]


def as_it_is(value: Value) -> Value:
    return value


def stream(session: Session, expression: str, **options: float | bool) -> Open:
    """A stream without conversion."""
    name = expression.partition("(")[0]
    return open_stream(
        session,
        name=name,
        expression=expression,
        convert=as_it_is,
        **options,  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    )


async def take_all(session: Session, expression: str) -> list[Value]:
    async with stream(session, expression) as items:
        return [item async for item in items]


@pytest.fixture
async def session(device: Device, manager: DeviceSessionManager) -> AsyncIterator[Session]:
    async with manager.open_session(device) as session:
        await session.execute(PROGRAM)
        yield session


@pytest.fixture
async def other(device: Device, manager: DeviceSessionManager) -> AsyncIterator[Session]:
    async with manager.open_session(device) as session:
        yield session


@pytest.fixture
def batches(monkeypatch: pytest.MonkeyPatch) -> list[Batch]:
    """The batches that come."""
    batches: list[Batch] = []
    next_batch = Device.next_batch

    async def recorded(*args: object, **options: object) -> Batch:
        batch = await next_batch(*args, **options)  # type: ignore[arg-type]  # pyright: ignore
        batches.append(batch)
        return batch

    monkeypatch.setattr(Device, "next_batch", recorded)
    return batches


async def names_of_streams(session: Session) -> list[Value]:
    """The streams that the board has in a session's namespace."""
    names = await session.evaluate("list(globals())", list[str])
    return [name for name in names if name.startswith("stream:")]


# Items.


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 5, 10, 100, 5000])
async def test_all_items_come_in_order(session: Session, count: int) -> None:
    assert await take_all(session, f"count({count})") == [*range(count)]
    assert await session.evaluate("made") == count
    assert session.background_output == ("closed\n")
    assert await names_of_streams(session) == []


@pytest.mark.parametrize(
    "items",
    [
        [None, True, 1, 2.5, float("inf"), 1j, "é\n\x04>", b"\x00", bytearray(b"a"), range(3)],
        [[1, [2]], (1,), {"a": {1: 2}}, {1, 2}, frozenset({3})],
        ["x" * 20_000, b"y" * 20_000, 10**200],
    ],
    ids=["plain", "nested", "large"],
)
async def test_items_of_all_types_come(session: Session, items: list[Value]) -> None:
    came = await take_all(session, f"iter({items!r})".replace("inf", "float('inf')"))
    assert came == items
    assert [type(item) for item in came] == [type(item) for item in items]


@pytest.mark.parametrize("expression", ["range(5)", "[0, 1, 2, 3, 4]", "(n for n in range(5))"])
async def test_whatever_can_be_iterated_over_can_be_streamed(
    session: Session, expression: str
) -> None:
    assert await take_all(session, expression) == [0, 1, 2, 3, 4]


async def test_an_iterator_with_a_close_of_its_own_is_closed(session: Session) -> None:
    await session.execute(
        "class Lines:\n def __iter__(self): return self\n def __next__(self): return 'line'\n"
        " def close(self):\n  print('closed')\n  return Odd()"
    )
    async with stream(session, "Lines()") as items:
        assert await anext(items) == "line"
    assert session.background_output == "closed\n"


async def test_items_are_converted_one_by_one(session: Session) -> None:
    def halve(value: Value) -> float:
        if not isinstance(value, int) or value == 2:
            raise TypeError(f"{value!r} does not fit")
        return value / 2

    open_halves = open_stream(session, name="count", expression="count(5)", convert=halve)
    async with open_halves as items:
        assert [await anext(items), await anext(items)] == [0, 0.5]
        with pytest.raises(TypeError, match="2 does not fit"):
            await anext(items)
        assert [item async for item in items] == [1.5, 2]


async def test_two_streams_at_once(session: Session) -> None:
    async with stream(session, "count(100)") as one, stream(session, "count(100)") as other:
        pairs = [(item, await anext(other)) async for item in one]
    assert pairs == [(number, number) for number in range(100)]


async def test_every_item_goes_to_one_of_several_tasks(session: Session) -> None:
    taken: list[Value] = []

    async def take(items: Stream[Value]) -> None:
        async for item in items:
            taken.append(item)
            await trio.lowlevel.checkpoint()

    async with stream(session, "count(1000)") as items, trio.open_nursery() as nursery:
        for _ in range(4):
            nursery.start_soon(take, items)
    assert sorted(taken, key=str) == sorted(range(1000), key=str)


# When they are made.


async def test_nothing_is_made_before_it_is_asked_for(session: Session) -> None:
    async with stream(session, "count(1000)") as items:
        assert await session.evaluate("made") == 0
        for number in range(100):
            assert await anext(items) == number
            made = await session.evaluate("made", int)
            assert number < made <= 2 * number + 2
    assert await session.evaluate("made") == made


async def test_a_batch_is_a_call_and_they_grow(session: Session, batches: list[Batch]) -> None:
    before = session.calls
    await take_all(session, "count(100)")
    assert [len(batch.items) for batch in batches] == [1, 2, 4, 8, 16, 32, 37]
    assert session.calls == before + 1 + len(batches)  # the end was told by the last


async def test_batches_are_of_a_size(session: Session, batches: list[Batch]) -> None:
    await take_all(session, "count(20000)")
    await take_all(session, "('x' * (n // 4) for n in range(2000))")
    await take_all(session, "(('x' * 3000) if n > 500 else 1 for n in range(520))")
    sizes = [batch.payload for batch in batches]
    assert max(sizes) < 2 * 8192
    assert sum(size > 4000 for size in sizes) > len(sizes) / 2


async def test_items_that_come_slowly_come_one_by_one(
    session: Session, batches: list[Batch]
) -> None:
    def shown() -> int:
        return session.background_output.count("made")

    async with stream(session, "slow(4)") as items:
        async for item in items:
            assert shown() == int(str(item)) + 1
    assert [len(batch.items) for batch in batches] == [1, 1, 1, 1, 0]


async def test_others_have_their_turn_between_batches(
    session: Session, other: Session, batches: list[Batch]
) -> None:
    made_at: list[int] = []

    async def call() -> None:
        while True:
            await other.evaluate("1")
            made_at.append(len(batches))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(call)
        assert len(await take_all(session, "count(30000)")) == 30_000
        nursery.cancel_scope.cancel()
    assert len(set(made_at)) > 10


async def test_an_exclusive_stream_lets_no_others_in(session: Session, other: Session) -> None:
    news: list[str] = []

    async def call() -> None:
        await other.evaluate("1")
        news.append("called")

    async with (
        trio.open_nursery() as nursery,
        session.exclusive(at_most=10.0),
        stream(session, "count(3000)") as items,
    ):
        nursery.start_soon(call)
        count = sum([1 async for _ in items])
        news.append("taken")
    assert count == 3000
    assert news == ["taken", "called"]


async def test_other_tasks_of_the_host_have_their_turn(session: Session) -> None:
    turns = 0

    async def turn() -> None:
        nonlocal turns
        while True:
            await trio.lowlevel.checkpoint()
            turns += 1

    async with trio.open_nursery() as nursery:
        async with stream(session, "count(3000)") as items:
            for _ in range(2100):  # so that a large batch is there
                await anext(items)
            nursery.start_soon(turn)
            for _ in range(640):
                await anext(items)
        nursery.cancel_scope.cancel()
    assert turns >= 9


async def test_what_is_printed_is_the_sessions(session: Session, other: Session) -> None:
    background = session.device.background_output
    await session.execute("def talk():\n for n in range(3):\n  print(n)\n  yield n")
    assert await take_all(session, "talk()") == [0, 1, 2]
    assert session.background_output == "0\n1\n2\n"
    assert other.background_output == ""
    assert session.device.background_output == background


# Errors of the iterator.


@pytest.mark.parametrize("count", [0, 1, 5])
async def test_an_exception_comes_after_the_items_before_it(session: Session, count: int) -> None:
    taken: list[Value] = []
    async with stream(session, f"fail({count})") as items:
        with pytest.raises(RemoteError, match="ValueError: no more") as caught:
            async for item in items:
                taken.append(item)  # noqa: PERF401
        with pytest.raises(StopAsyncIteration):
            await anext(items)
    assert taken == [*range(count)]
    assert [line.strip() for line in caught.value.traceback.splitlines()] == [
        "Traceback (most recent call last):",
        'File "<string>", line 14, in fail',
        "ValueError: no more",
    ]
    assert await names_of_streams(session) == []


async def test_what_was_printed_before_an_exception_is_told_with_it(session: Session) -> None:
    await session.execute("def talk():\n print('so far')\n yield 1 / 0")
    async with stream(session, "talk()") as items:
        with pytest.raises(RemoteError, match="ZeroDivisionError") as caught:
            await anext(items)
    assert caught.value.output == "so far\n"


@pytest.mark.parametrize(
    ("expression", "error"),
    [("missing(1)", "NameError"), ("count()", "TypeError"), ("5", "TypeError"), ("1 +", "Syntax")],
)
async def test_what_cannot_be_iterated_over_is_an_error_at_once(
    session: Session, expression: str, error: str
) -> None:
    with pytest.raises(RemoteError, match=error):
        async with stream(session, expression):
            raise AssertionError
    assert session.resources.get_active_resources() == ()
    assert await session.evaluate("made") == 0


@pytest.mark.parametrize(("before", "after"), [(0, 0), (0, 9), (1, 0), (10, 0), (10, 50)])
async def test_an_item_that_cannot_come_back_is_named_after_those_before(
    session: Session, before: int, after: int
) -> None:
    taken: list[Value] = []
    async with stream(session, f"odd({before}, Odd(), {after})") as items:
        with pytest.raises(UnsupportedValueError, match="type Odd cannot come back"):
            async for item in items:
                taken.append(item)  # noqa: PERF401
        with pytest.raises(StopAsyncIteration):
            await anext(items)
    assert taken == [*range(before)]
    assert await names_of_streams(session) == []


async def test_an_item_whose_repr_fails_is_told_after_those_before(session: Session) -> None:
    taken: list[Value] = []
    async with stream(session, "odd(10, Bad(), 10)") as items:
        with pytest.raises(RemoteError, match="no repr"):
            async for item in items:
                taken.append(item)  # noqa: PERF401
    assert taken == [*range(10)]


async def test_a_batch_too_large_for_the_boards_memory_comes_in_parts(
    device: Device, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("belay_actors.executors._board_stream._PAYLOAD", 10**9)
    await session.execute("import gc\ndef big():\n for _ in range(30): yield bytes(10000)")
    memory = (await device.detect()).memory_bytes
    assert memory is not None
    await session.execute(f"ballast = bytearray({memory - 1_100_000})")
    assert [len(bytes(str(item), "utf8")) > 9000 for item in await take_all(session, "big()")] == (
        [True] * 30
    )


async def test_what_fails_before_its_batch_is_made_gives_no_items_of_another(
    device: Device, session: Session
) -> None:
    async with stream(session, "count(100)") as one, stream(session, "count(100)") as other:
        assert [await anext(one) for _ in range(4)] == [0, 1, 2, 3]  # the board has three of them
        core = Seat(-1, device.generation, None)
        await device.run_in(core, "next_batch = int", is_expression=False)
        with pytest.raises(RemoteError, match="TypeError"):
            await anext(other)


async def test_no_items_stay_on_the_board_after_the_session(
    device: Device, manager: DeviceSessionManager
) -> None:
    core = Seat(-1, device.generation, None)
    async with manager.open_session(device) as session:
        assert len(await take_all(session, "range(100)")) == 100
        assert (await device.run_in(core, "len(kept[0])", is_expression=True))[0] != 0
    assert (await device.run_in(core, "len(kept[0])", is_expression=True))[0] == 0


async def test_an_item_that_cannot_be_read_is_an_error(session: Session) -> None:
    async with stream(session, "[10 ** 5000]") as items:
        with pytest.raises(UnsupportedValueError, match="too many digits"):
            await anext(items)


# Its scope.


async def test_a_stream_that_is_left_early_is_closed_before(session: Session) -> None:
    before = session.calls
    async with stream(session, "count(1000)") as items:
        async for item in items:
            if item == 5:
                break
        assert session.background_output == ""
    assert session.calls == before + 5  # opened, three batches, closed
    assert session.background_output == "closed\n"
    assert await names_of_streams(session) == []


async def test_its_close_does_not_wait_for_others_that_hold_the_board(
    session: Session, other: Session
) -> None:
    async def hold() -> None:
        async with other.exclusive():
            held.set()
            await trio.sleep_forever()

    held = trio.Event()
    async with trio.open_nursery() as nursery:
        with trio.fail_after(5):
            async with stream(session, "count(1000)") as items:
                await anext(items)
                nursery.start_soon(hold)
                await held.wait()
        assert session.background_output == "closed\n"
        assert session.device.snapshot().calls.is_held
        nursery.cancel_scope.cancel()


async def test_a_stream_that_was_never_begun_is_closed(session: Session) -> None:
    async with stream(session, "count(1000)"):
        assert len(await names_of_streams(session)) == 1
    assert session.background_output == ""  # as in Python: what has not begun has no end
    assert await names_of_streams(session) == []


async def test_an_error_of_the_body_comes_out_bare_after_the_close(session: Session) -> None:
    with pytest.raises(ZeroDivisionError) as caught:
        async with stream(session, "count(1000)") as items:
            await anext(items)
            raise ZeroDivisionError
    assert not hasattr(caught.value, "__notes__")
    assert session.background_output == "closed\n"


async def test_what_the_close_raises_comes_out(session: Session) -> None:
    with pytest.raises(RemoteError, match="ZeroDivisionError"):
        async with stream(session, "stubborn()") as items:
            await anext(items)
    assert await names_of_streams(session) == []
    assert session.resources.get_active_resources() == ()


async def test_what_the_close_raises_is_a_note_on_the_bodys_error(session: Session) -> None:
    with pytest.raises(KeyError) as caught:
        async with stream(session, "stubborn()") as items:
            await anext(items)
            raise KeyError("body")
    (note,) = caught.value.__notes__
    assert note.startswith("And when the stream was closed: ZeroDivisionError")


async def test_what_the_close_of_a_cancelled_one_raises_is_logged(
    session: Session, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "belay_actors.session"), trio.CancelScope() as scope:
        async with stream(session, "stubborn()") as items:
            await anext(items)
            scope.cancel()
            await trio.lowlevel.checkpoint()
    assert "ZeroDivisionError" in caplog.text


async def test_a_close_that_hangs_is_interrupted_in_time(device: Device) -> None:
    options = SessionManagementOptions(resource_cleanup_timeout=0.3)
    code = "def cling():\n try: yield 1\n finally:\n  while True: pass"
    async with open_session_manager(options) as manager, manager.open_session(device) as session:
        await session.execute(code)
        with pytest.raises(CallTimeoutError, match="stream:cling-1 could not be closed"):
            async with stream(session, "cling()") as items:
                await anext(items)
        assert await session.evaluate("1") == 1
        assert await names_of_streams(session) == []


async def test_its_items_cannot_be_taken_after_its_scope(session: Session) -> None:
    async with stream(session, "count(1000)") as items:
        for _ in range(4):  # so that there are some left
            await anext(items)
    for _ in range(2):
        with pytest.raises(StreamClosedError, match="its scope was left") as caught:
            await anext(items)
    assert caught.value.session_id == session.session_id
    async with stream(session, "count(2)") as items:
        assert [item async for item in items] == [0, 1]
    with pytest.raises(StreamClosedError):
        await anext(items)


# Cancelled.


async def test_a_cancelled_batch_ends_the_generator_there(session: Session) -> None:
    with trio.CancelScope() as scope:
        async with stream(session, "hang()") as items:
            await anext(items)
            scope.deadline = trio.current_time() + 0.05
            await anext(items)
    assert scope.cancelled_caught
    assert await names_of_streams(session) == []
    assert session.has_unknown_outcome


async def test_a_stream_with_a_cancelled_batch_gives_no_more(session: Session) -> None:
    async with stream(session, "hang()") as items:
        await anext(items)
        with trio.move_on_after(0.05):
            await anext(items)
        for _ in range(2):
            with pytest.raises(StreamClosedError, match="interrupted on the board"):
                await anext(items)
    assert await names_of_streams(session) == []


async def test_cancelled_while_it_waits_for_its_turn_it_goes_on(
    session: Session, other: Session
) -> None:
    async with stream(session, "count(3)") as items:
        assert await anext(items) == 0
        async with other.exclusive(), trio.open_nursery() as nursery:

            async def wait() -> None:
                with trio.move_on_after(0.01) as scope:
                    await anext(items)
                assert scope.cancelled_caught

            nursery.start_soon(wait)
        assert [item async for item in items] == [1, 2]


async def test_a_cancellation_is_seen_at_every_item_and_none_is_lost(session: Session) -> None:
    async with stream(session, "count(100)") as items:
        taken = [await anext(items) for _ in range(8)]
        with trio.CancelScope() as scope:
            scope.cancel()
            taken.append(await anext(items))
        assert scope.cancelled_caught
        taken += [item async for item in items]
    assert taken == [*range(100)]


async def test_a_batch_may_run_only_so_long(session: Session) -> None:
    async with stream(session, "hang()", time_limit=0.1) as items:
        await anext(items)
        with pytest.raises(CallTimeoutError, match=r"longer than its 0\.1 s"):
            await anext(items)
    assert await session.evaluate("1") == 1
    assert await names_of_streams(session) == []


async def test_an_idempotent_one_leaves_no_unknown_outcome(session: Session) -> None:
    async with stream(session, "hang()", is_idempotent=True) as items:
        await anext(items)
        with trio.move_on_after(0.05):
            await anext(items)
    assert not session.has_unknown_outcome


# The session's end.


async def test_it_is_a_resource_of_its_session_as_long_as_it_is_open(session: Session) -> None:
    async with stream(session, "count(3)") as items:
        (resource,) = session.resources.get_active_resources()
        assert (resource.resource_id, resource.resource_type) == ("stream:count-1", "Stream")
        assert resource.estimated_cost > 0
        assert [item async for item in items] == [0, 1, 2]
    assert session.resources.get_active_resources() == ()
    async with stream(session, "count(3)"):
        (resource,) = session.resources.get_active_resources()
        assert resource.resource_id == "stream:count-2"


async def test_a_session_ended_by_another_hand_closes_it(
    device: Device, manager: DeviceSessionManager
) -> None:
    async with manager.open_session(device) as session:
        await session.execute(PROGRAM)
        async with stream(session, "count(1000)") as items:
            assert [await anext(items) for _ in range(4)] == [0, 1, 2, 3]
            await manager.end_session(session.session_id)
            assert session.background_output == "closed\n"
            assert [await anext(items) for _ in range(3)] == [4, 5, 6]  # these had come
            with pytest.raises(SessionClosedError):
                await anext(items)
    assert session.report is not None
    assert session.report.is_clean
    assert session.report.resources_released == ("stream:count-1",)


async def test_a_session_that_ends_while_a_batch_runs_closes_it(
    device: Device, manager: DeviceSessionManager
) -> None:
    async def end(session: Session) -> None:
        await wait_all_tasks_blocked(0.05)
        await manager.end_session(session.session_id)

    async with trio.open_nursery() as nursery, manager.open_session(device) as session:
        await session.execute(PROGRAM)
        async with stream(session, "hang()") as items:
            await anext(items)
            nursery.start_soon(end, session)
            with pytest.raises(SessionClosedError):
                await anext(items)
    assert session.report is not None
    assert session.report.is_clean


async def test_given_back_by_the_user_it_gives_no_more(session: Session) -> None:
    async with stream(session, "count(100)") as items:
        await anext(items)
        await session.resources.release_resource("stream:count-1")
        assert session.background_output == "closed\n"
        with pytest.raises(StreamClosedError, match="given back"):
            await anext(items)


async def test_a_resources_cleanup_may_stream(
    device: Device, manager: DeviceSessionManager
) -> None:
    taken: list[Value] = []

    async def clean() -> None:
        taken.extend(await take_all(ending, "count(5)"))

    async with manager.open_session(device) as ending:
        await ending.execute(PROGRAM)
        ending.resources.register_resource(CallbackResource(ending, "r", clean))
    assert taken == [0, 1, 2, 3, 4]


async def test_a_reset_ends_it_and_nothing_is_closed() -> None:
    async with (
        open_unix_board() as board,
        open_device(board) as device,
        open_session_manager() as manager,
    ):
        with pytest.raises(DeviceResetError) as caught:
            async with manager.open_session(device) as session:
                await session.execute(PROGRAM)
                async with stream(session, "count(1000)") as items:
                    await anext(items)
                    await board.soft_reset()
                    async for _ in items:
                        pass
        assert not hasattr(caught.value, "__notes__")
        assert session.report is not None
        assert session.report.is_clean
