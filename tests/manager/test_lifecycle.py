"""A manager's state: forward along its table, and every change told to every subscriber."""

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
import trio
import trio.testing
from hypothesis import given, strategies as st

from belay_actors.manager._lifecycle import (
    TRANSITIONS,
    DeviceSessionState,
    Lifecycle,
    StateChange,
)

INACTIVE, ACTIVE, SHUTDOWN, DISPOSED = DeviceSessionState
ORDER = [INACTIVE, ACTIVE, SHUTDOWN, DISPOSED]

Step = tuple[DeviceSessionState, DeviceSessionState]


def steps(changes: Sequence[StateChange]) -> list[Step]:
    return [(change.previous, change.current) for change in changes]


async def read(lifecycle: Lifecycle, into: list[StateChange]) -> None:
    async with lifecycle.subscribe() as changes:
        async for change in changes:
            into.append(change)  # noqa: PERF401  # each is looked for when it came


def test_b03_e02_the_table_holds_the_steps_of_the_design_and_no_other() -> None:
    assert {(old, new) for old, news in TRANSITIONS.items() for new in news} == {
        (INACTIVE, ACTIVE),
        (INACTIVE, SHUTDOWN),
        (ACTIVE, SHUTDOWN),
        (SHUTDOWN, DISPOSED),
        (INACTIVE, DISPOSED),
        (ACTIVE, DISPOSED),
    }


async def test_e02_subscribers_see_every_change_of_a_whole_life_and_then_the_end() -> None:
    lifecycle = Lifecycle()
    seen: list[StateChange] = []
    before = datetime.now(UTC)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(read, lifecycle, seen)
        await trio.testing.wait_all_tasks_blocked()
        for state in ORDER:
            lifecycle.change(state)
    assert steps(seen) == [(INACTIVE, ACTIVE), (ACTIVE, SHUTDOWN), (SHUTDOWN, DISPOSED)]
    times = [before, *(change.at for change in seen), datetime.now(UTC)]
    assert times == sorted(times)
    assert {time.tzinfo for time in times} == {UTC}


async def test_e02_a_reader_that_reads_nothing_until_the_end_loses_nothing() -> None:
    lifecycle = Lifecycle()
    async with lifecycle.subscribe() as changes:
        for state in ORDER:
            lifecycle.change(state)
        seen = [change async for change in changes]
    assert steps(seen) == [(INACTIVE, ACTIVE), (ACTIVE, SHUTDOWN), (SHUTDOWN, DISPOSED)]


async def test_e02_a_subscription_to_a_disposed_one_is_empty() -> None:
    lifecycle = Lifecycle()
    lifecycle.change(DISPOSED)
    seen: list[StateChange] = []
    with trio.fail_after(5):
        await read(lifecycle, seen)
    assert seen == []


async def test_e02_a_change_is_a_value() -> None:
    change = StateChange(INACTIVE, ACTIVE, datetime.now(UTC))
    assert change == StateChange(INACTIVE, ACTIVE, change.at)
    with pytest.raises(AttributeError):
        change.current = DISPOSED  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]


async def test_e02_a_vanished_subscriber_disturbs_nobody() -> None:
    lifecycle = Lifecycle()
    async with lifecycle.subscribe() as closed, lifecycle.subscribe() as kept:
        await closed.aclose()
        async with lifecycle.subscribe():
            pass
        lifecycle.change(DISPOSED)
        assert steps([change async for change in kept]) == [(INACTIVE, DISPOSED)]
    assert not lifecycle._subscribers


async def test_e02_a_subscriber_may_be_cancelled_at_any_point() -> None:
    lifecycle = Lifecycle()
    seen: list[StateChange] = []
    with trio.CancelScope() as early:
        early.cancel()
        await read(lifecycle, seen)
    assert early.cancelled_caught
    assert not lifecycle._subscribers
    async with trio.open_nursery() as nursery:
        nursery.start_soon(read, lifecycle, seen)
        await trio.testing.wait_all_tasks_blocked()
        lifecycle.change(ACTIVE)
        await trio.testing.wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    assert steps(seen) == [(INACTIVE, ACTIVE)]
    assert not lifecycle._subscribers


async def test_e02_a_change_while_the_subscription_begins_is_seen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lifecycle = Lifecycle()
    seen: list[StateChange] = []
    checkpoint = trio.lowlevel.checkpoint

    async def let_others_run() -> None:
        lifecycle.change(DISPOSED)
        await checkpoint()

    monkeypatch.setattr(trio.lowlevel, "checkpoint", let_others_run)
    await read(lifecycle, seen)
    assert steps(seen) == [(INACTIVE, DISPOSED)]


async def test_subscribing_is_a_checkpoint() -> None:
    with trio.testing.assert_checkpoints():
        async with Lifecycle().subscribe():
            pass


@given(st.lists(st.sampled_from([*ORDER, None]), max_size=12))
def test_e02_states_move_forward_and_subscribers_see_what_came_after_them(
    requests: list[DeviceSessionState | None],
) -> None:
    """``None`` is one more subscriber, of which every second reads slowly."""

    async def live() -> None:
        lifecycle = Lifecycle()
        happened: list[Step] = []
        readers: list[tuple[int, list[StateChange]]] = []
        async with trio.open_nursery() as nursery:
            for request in requests:
                if request is None:
                    readers.append((len(happened), []))
                    nursery.start_soon(read, lifecycle, readers[-1][1])
                    await trio.testing.wait_all_tasks_blocked()
                else:
                    ask(lifecycle, request, happened)
            ask(lifecycle, DISPOSED, happened)
        for start, seen in readers:
            assert steps(seen) == happened[start:]
        assert not lifecycle._subscribers

    trio.run(live)


def ask(lifecycle: Lifecycle, to: DeviceSessionState, happened: list[Step]) -> None:
    """Asks for a change, checks what comes of it, and writes down what has happened."""
    old = lifecycle.state
    if ORDER.index(to) < ORDER.index(old):
        with pytest.raises(AssertionError, match=f"from {old.name} to {to.name}"):
            lifecycle.change(to)
        assert lifecycle.state is old
    else:
        lifecycle.change(to)
        assert lifecycle.state is to
        if to is not old:
            happened.append((old, to))
