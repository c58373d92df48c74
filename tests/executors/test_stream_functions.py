"""Generator functions as streams: typed items, closed on the board, others have their turn."""

from collections.abc import Iterator

import attrs
import pytest
import trio

from belay_actors import (
    Device,
    DeviceProgram,
    DeviceSessionManager,
    RemoteError,
    Session,
    open_session_manager,
    task,
)

log: list[str]


@attrs.frozen
class Point:
    x: int
    y: float


@task
def count(n: int, start: int = 0) -> Iterator[int]:
    yield from range(start, n)


@task
def points(n: int) -> Iterator[Point]:
    for number in range(n):
        yield {"x": number, "y": number / 2}  # type: ignore[misc]


@task
def fails(n: int) -> Iterator[int]:
    yield from range(n)
    raise ValueError(n)


@task
def logged() -> Iterator[int]:
    global log
    log = ["begun"]
    try:
        number = 0
        while True:
            yield number
            number += 1
    finally:
        log.append("closed")


@task(exclusive=True)
def exclusively(n: int) -> Iterator[int]:
    yield from range(n)


class Rig(DeviceProgram):
    @task
    @staticmethod
    def evens(n: int) -> Iterator[int]:
        for number in count(n):
            if number % 2 == 0:
                yield number


async def test_f02_items_come_in_order(session: Session) -> None:
    async with session.stream(count, 1000, start=10) as items:
        assert [item async for item in items] == [*range(10, 1000)]
    assert session.resources.get_active_resources() == ()


async def test_f02_items_are_made_by_the_annotation(session: Session) -> None:
    async with session.stream(points, 3) as items:
        assert [item async for item in items] == [Point(0, 0.0), Point(1, 0.5), Point(2, 1.0)]


async def test_f02_a_failure_comes_after_the_items_with_the_hosts_line(session: Session) -> None:
    taken: list[int] = []
    with pytest.raises(RemoteError) as caught:
        async with session.stream(fails, 5) as items:
            async for item in items:
                taken.append(item)  # noqa: PERF401  # it ends by an error
    assert taken == [0, 1, 2, 3, 4]
    line = fails.function.__code__.co_firstlineno + 3
    assert f'File "{__file__}", line {line}, in fails' in caught.value.traceback
    assert "<string>" not in caught.value.traceback


async def test_f02_a_failure_has_the_hosts_line_inside_of_the_body_too(session: Session) -> None:
    async with session.stream(fails, 2) as items:
        with pytest.raises(RemoteError) as caught:
            [item async for item in items]
        assert f'File "{__file__}", line ' in caught.value.traceback
        assert "<string>" not in caught.value.traceback


@pytest.mark.parametrize("way", ["break", "raise", "cancel"])
async def test_f02_one_that_is_left_early_is_closed_on_the_board(
    session: Session, way: str
) -> None:
    with trio.CancelScope() as scope:
        try:
            async with session.stream(logged) as items:
                async for item in items:
                    if item == 3 and way == "break":
                        break
                    if item == 3 and way == "raise":
                        raise KeyError
                    if item == 3 and way == "cancel":
                        scope.cancel()
        except KeyError:
            assert way == "raise"
    assert await session.evaluate("log") == ["begun", "closed"]


async def test_f02_other_sessions_have_their_turn(
    device: Device, manager: DeviceSessionManager
) -> None:
    async with manager.open_session(device) as one, manager.open_session(device) as other:
        calls = 0

        async def call(*, task_status: trio.TaskStatus[None]) -> None:
            nonlocal calls
            task_status.started()
            while True:
                await other.evaluate("1")
                calls += 1

        async with trio.open_nursery() as nursery:
            await nursery.start(call)
            async with one.stream(count, 20_000) as items:
                assert sum([1 async for _ in items]) == 20_000
            nursery.cancel_scope.cancel()
        assert calls > 1


async def test_f02_an_exclusive_one_holds_the_board(
    device: Device, manager: DeviceSessionManager
) -> None:
    async with manager.open_session(device) as one, manager.open_session(device) as other:
        order: list[str] = []

        async def call() -> None:
            await other.evaluate("1")
            order.append("call")

        async with (
            trio.open_nursery() as nursery,
            one.stream(exclusively, 5000) as items,
        ):
            nursery.start_soon(call)
            assert sum([1 async for _ in items]) == 5000
            order.append("stream")
        assert order == ["stream", "call"]


async def test_f02_a_program_has_streams(device: Device) -> None:
    async with (
        open_session_manager() as manager,
        manager.open_session(device, Rig) as rig,
        rig.evens(10) as items,
    ):
        assert [item async for item in items] == [0, 2, 4, 6, 8]


async def test_f02_arguments_are_checked_before_anything_is_sent(session: Session) -> None:
    with pytest.raises(TypeError, match="missing"):
        async with session.stream(count):  # type: ignore[call-arg]
            pass
    with pytest.raises(TypeError, match="@task"):
        async with session.stream(range, 3):  # type: ignore[arg-type]
            pass
    assert session.calls == 0


async def test_f02_an_exclusive_one_is_sent_while_it_holds_the_board(
    device: Device, manager: DeviceSessionManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    held: list[bool] = []
    async with manager.open_session(device) as session:
        execute_again = session.execute_again

        async def spy(_: Session, code: str) -> None:
            held.append(device.snapshot().calls.is_held)
            await execute_again(code)

        monkeypatch.setattr(type(session), "execute_again", spy)
        async with session.stream(exclusively, 3) as items:
            assert [item async for item in items] == [0, 1, 2]
    assert held == [True]
