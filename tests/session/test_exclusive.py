"""``session.exclusive``: nobody else's calls in between, and no end of a session leaves it held."""

# What a failing scope has bound is looked at after it:
# pyright: reportPossiblyUnboundVariable=none

import math
from collections.abc import AsyncIterator

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from belay_actors import (
    CallbackResource,
    Device,
    DeviceClosedError,
    DeviceResetError,
    DeviceSessionManager,
    LeaseExpiredError,
    Session,
    SessionClosedError,
    WouldDeadlock,
    open_device,
    open_session_manager,
)
from belay_actors.kernel._hold import Hold
from boards import open_unix_board


@pytest.fixture
async def session(device: Device, manager: DeviceSessionManager) -> AsyncIterator[Session]:
    async with manager.open_session(device) as session:
        yield session


@pytest.fixture
async def other(device: Device, manager: DeviceSessionManager) -> AsyncIterator[Session]:
    async with manager.open_session(device) as session:
        yield session


def is_held(device: Device) -> bool:
    return device.snapshot().calls.is_held


class Caller:
    """A task that makes one call, and notes that it has."""

    def __init__(self, nursery: trio.Nursery, session: Session) -> None:
        self.has_called = False
        self.error: Exception | None = None
        nursery.start_soon(self._run, session)

    async def _run(self, session: Session) -> None:
        try:
            await session.evaluate("1")
            self.has_called = True
        except Exception as error:
            self.error = error


async def test_no_other_session_runs_in_between(
    device: Device, session: Session, other: Session, nursery: trio.Nursery
) -> None:
    await session.execute("x = 0")
    async with session.exclusive():
        caller = Caller(nursery, other)
        for _ in range(20):
            await session.execute("x += 1")
        assert await session.evaluate("x") == 20
        assert not caller.has_called
        assert is_held(device)
    await wait_all_tasks_blocked(0.05)
    assert caller.has_called
    assert not is_held(device)


async def test_calls_on_the_device_itself_wait_too(
    device: Device, session: Session, nursery: trio.Nursery
) -> None:
    called = trio.Event()

    async def call() -> None:
        await device.execute("pass")
        called.set()

    async with session.exclusive():
        nursery.start_soon(call)
        await session.evaluate("1")
        await wait_all_tasks_blocked(0.02)
        assert not called.is_set()
    with trio.fail_after(5):
        await called.wait()


async def test_several_tasks_of_a_session_share_it(
    device: Device, session: Session, other: Session, nursery: trio.Nursery
) -> None:
    inside = 0

    async def work() -> None:
        nonlocal inside
        async with session.exclusive():
            inside += 1
            await gate.wait()
            await session.evaluate("1")

    gate = trio.Event()
    async with trio.open_nursery() as tasks:
        for _ in range(3):
            tasks.start_soon(work)
        with trio.fail_after(5):
            while inside < 3:  # noqa: ASYNC110
                await trio.lowlevel.checkpoint()
        caller = Caller(nursery, other)
        assert await session.evaluate("2") == 2  # a call of no scope, too
        assert not caller.has_called
        gate.set()
    assert not is_held(device)


async def test_other_sessions_end_meanwhile(
    device: Device, manager: DeviceSessionManager, session: Session
) -> None:
    ended: list[str] = []

    async def clean() -> None:
        await third.evaluate("1")
        ended.append("cleanup")

    third = await manager.create_session(device)
    await third.execute("x = 1")
    third.resources.register_resource(CallbackResource(third, "r", clean))
    async with session.exclusive():
        await third.aclose()
        assert ended == ["cleanup"]
        assert is_held(device)
    assert third.report is not None
    assert third.report.is_clean


async def test_what_would_wait_for_itself_is_refused(
    device: Device, manager: DeviceSessionManager, session: Session, other: Session
) -> None:
    async with session.exclusive():
        with pytest.raises(WouldDeadlock):
            await other.evaluate("1")
        with pytest.raises(WouldDeadlock):
            await device.execute("pass")
        with pytest.raises(WouldDeadlock):
            async with other.exclusive():
                pass
        async with session.exclusive():
            assert await session.evaluate("1") == 1
        assert is_held(device)
    assert await other.evaluate("1") == 1


# The lease.


async def test_a_body_that_takes_too_long_is_cancelled_and_told(
    device: Device, session: Session, other: Session, nursery: trio.Nursery
) -> None:
    with pytest.raises(LeaseExpiredError, match=r"longer than 0\.1 s") as caught:
        async with session.exclusive(at_most=0.1):
            caller = Caller(nursery, other)
            await trio.sleep_forever()
    assert (caught.value.session_id, caught.value.is_recoverable) == (session.session_id, True)
    assert caught.value.device == device.name
    assert not is_held(device)
    await wait_all_tasks_blocked(0.05)
    assert caller.has_called
    assert await session.evaluate("1") == 1


async def test_the_call_of_such_a_body_is_settled(
    device: Device, session: Session, other: Session
) -> None:
    await session.execute("x = 0")
    with pytest.raises(LeaseExpiredError):
        async with session.exclusive(at_most=0.1):
            await session.execute("while True: x += 1")
    first = await session.evaluate("x", int)
    assert first > 0
    assert await session.evaluate("x") == first


async def test_waiting_for_another_session_of_the_board_is_bounded(
    session: Session, other: Session, nursery: trio.Nursery
) -> None:
    done = trio.Event()

    async def work() -> None:
        await other.evaluate("1")
        done.set()

    with pytest.raises(LeaseExpiredError):
        async with session.exclusive(at_most=0.1):
            nursery.start_soon(work)
            await done.wait()
    with trio.fail_after(5):
        await done.wait()


async def test_the_time_begins_when_the_board_is_held(session: Session, other: Session) -> None:
    async def hold() -> None:
        async with other.exclusive():
            held.set()
            await trio.sleep(0.3)

    held = trio.Event()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(hold)
        await held.wait()
        async with session.exclusive(at_most=0.25):
            await trio.sleep(0.05)


async def test_an_endless_lease(session: Session) -> None:
    async with session.exclusive(at_most=math.inf):
        assert await session.evaluate("1") == 1


@pytest.mark.parametrize(
    ("at_most", "error"),
    [
        (0, ValueError),
        (-1, ValueError),
        (math.nan, ValueError),
        ("5", TypeError),
        (True, TypeError),
        (None, TypeError),
    ],
)
async def test_what_is_no_time(
    device: Device, session: Session, at_most: object, error: type[Exception]
) -> None:
    with pytest.raises(error, match="at_most is a number of seconds"):
        async with session.exclusive(at_most=at_most):  # type: ignore[arg-type]  # pyright: ignore
            raise AssertionError
    assert not is_held(device)


async def test_an_error_of_the_body_comes_out_bare(device: Device, session: Session) -> None:
    with pytest.raises(ZeroDivisionError):
        async with session.exclusive():
            raise ZeroDivisionError
    assert not is_held(device)


async def test_a_cancellation_from_outside_stays_one(device: Device, session: Session) -> None:
    with trio.move_on_after(0.05) as scope:
        async with session.exclusive():
            await trio.sleep_forever()
    assert scope.cancelled_caught
    assert not is_held(device)


# The end of sessions.


async def test_a_session_that_is_ended_by_another_hand_holds_nothing(
    device: Device, manager: DeviceSessionManager, other: Session
) -> None:
    async with manager.open_session(device) as session, session.exclusive(at_most=0.2):
        await session.evaluate("1")
        await manager.end_session(session.session_id)
        assert not is_held(device)
        with pytest.raises(SessionClosedError):
            await session.evaluate("1")
        await trio.sleep(0.3)  # the lease has ended with it, so the body goes on
        assert await other.evaluate("2") == 2


async def test_a_session_that_ends_while_it_waits_for_the_board(
    device: Device, manager: DeviceSessionManager, other: Session
) -> None:
    async def wait() -> None:
        with pytest.raises(SessionClosedError):
            async with session.exclusive():
                raise AssertionError
        told.set()

    told = trio.Event()
    session = await manager.create_session(device)
    async with trio.open_nursery() as nursery, other.exclusive():
        nursery.start_soon(wait)
        await wait_all_tasks_blocked()
        await session.aclose()
        with trio.fail_after(5):
            await told.wait()
        assert is_held(device)
    with pytest.raises(SessionClosedError):
        async with session.exclusive():
            raise AssertionError
    assert not is_held(device)


async def test_a_body_that_does_not_leave_holds_nothing_after_its_session(
    device: Device, manager: DeviceSessionManager, other: Session
) -> None:
    async def cling() -> None:
        async with session.exclusive():
            held.set()
            with trio.CancelScope(shield=True):
                await let_go.wait()

    held, let_go = trio.Event(), trio.Event()
    session = await manager.create_session(device)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(cling)
        await held.wait()
        await session.aclose()
        assert await other.evaluate("1") == 1
        async with other.exclusive():
            let_go.set()
            await wait_all_tasks_blocked(0.02)
            assert is_held(device)


async def test_a_cleanup_may_hold_the_board_and_does_not_wait_for_others(
    device: Device, manager: DeviceSessionManager, other: Session
) -> None:
    held: list[bool] = []

    async def clean() -> None:
        async with ending.exclusive():
            await ending.evaluate("1")
            held.append(is_held(device))

    ending = await manager.create_session(device)
    ending.resources.register_resource(CallbackResource(ending, "r", clean))
    await ending.aclose()
    assert held == [True]
    assert not is_held(device)

    ending = await manager.create_session(device)
    ending.resources.register_resource(CallbackResource(ending, "r", clean))
    async with other.exclusive():
        with trio.fail_after(5):
            await ending.aclose()
        assert is_held(device)
    assert ending.report is not None
    assert ending.report.is_clean


async def test_a_task_that_outlives_the_cleanup_it_is_from_holds_nothing(
    device: Device, manager: DeviceSessionManager, other: Session, nursery: trio.Nursery
) -> None:
    async def cling() -> None:
        async with ending.exclusive(at_most=math.inf):
            held.set()
            await trio.sleep_forever()

    async def clean() -> None:
        nursery.start_soon(cling)
        await held.wait()
        assert is_held(device)

    held = trio.Event()
    ending = await manager.create_session(device)
    ending.resources.register_resource(CallbackResource(ending, "r", clean))
    await ending.aclose()
    assert not is_held(device)
    assert await other.evaluate("1") == 1


async def test_a_session_that_ends_just_when_it_has_the_board(
    device: Device, manager: DeviceSessionManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    mailbox = device._actor._mailbox
    hold = mailbox.hold
    session = await manager.create_session(device)

    def hold_and_end(one: Hold) -> bool:
        device._actor.after_settling(lambda: session.refuse(session._make_closed))
        return hold(one)

    monkeypatch.setattr(mailbox, "hold", hold_and_end)
    with pytest.raises(SessionClosedError):
        async with session.exclusive():
            raise AssertionError
    assert not is_held(device)
    await session.aclose()


async def test_a_device_that_closes_tells_those_that_wait() -> None:
    async def wait(session: Session) -> None:
        with pytest.raises((DeviceClosedError, SessionClosedError)):
            async with session.exclusive():
                raise AssertionError
        told.set()

    async def hold(session: Session) -> None:
        async with session.exclusive(at_most=math.inf):
            held.set()
            await trio.sleep_forever()

    told, held = trio.Event(), trio.Event()
    async with open_session_manager() as manager, trio.open_nursery() as nursery:
        async with open_device("micropython:") as device:
            one, other = await manager.create_session(device), await manager.create_session(device)
            nursery.start_soon(hold, one)
            await held.wait()
            nursery.start_soon(wait, other)
            await wait_all_tasks_blocked()
        with trio.fail_after(5):
            await told.wait()
        nursery.cancel_scope.cancel()


async def test_a_reset_ends_it() -> None:
    async with (
        open_unix_board() as board,
        open_device(board) as device,
        open_session_manager() as manager,
    ):
        with pytest.raises(DeviceResetError):
            async with manager.open_session(device) as session, session.exclusive():
                await board.soft_reset()
                await session.execute("pass")
        assert not is_held(device)
        async with manager.open_session(device) as session, session.exclusive():
            assert await session.evaluate("1") == 1
