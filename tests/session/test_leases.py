"""Two sessions never hold the same hardware; who waits gets it in turn, or leaves no trace."""

# A scope is under test, so it is what stands in pytest.raises().
# What a failing scope has bound is looked at after it:
# pyright: reportPossiblyUnboundVariable=none

from collections.abc import Callable

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from belay_actors import (
    Device,
    DeviceResetError,
    DeviceSessionManager,
    DuplicateResourceError,
    ResourceBusyError,
    Session,
    SessionClosedError,
    SessionResource,
    open_device,
    open_session_manager,
)
from belay_actors.testing import open_fake_board

PIN = "pin:5"
MakeResource = Callable[..., SessionResource]


async def test_b13_the_second_session_is_told_at_once_who_holds_it(
    device: Device, manager: DeviceSessionManager
) -> None:
    async with manager.open_session(device) as one, manager.open_session(device) as other:
        lease = await one.lease(PIN)
        assert (lease.name, lease.session_id) == (PIN, one.session_id)
        with pytest.raises(ResourceBusyError, match=f"'{PIN}' is held by {one.session_id}") as busy:
            await other.lease(PIN)
        error = busy.value
        assert (error.resource, error.holder) == (PIN, one.session_id)
        assert (error.device, error.session_id) == (device.name, other.session_id)
        assert error.is_recoverable
        assert "wait=True" in str(error)
        await other.lease("pin:6")
        assert dict(device.leases.holders()) == {PIN: one.session_id, "pin:6": other.session_id}


async def test_b13_names_are_compared_exactly(
    device: Device, manager: DeviceSessionManager
) -> None:
    async with manager.open_session(device) as one, manager.open_session(device) as other:
        await one.lease(PIN)
        for name in ("pin:05", "PIN:5", "pin:5 ", "é\n"):
            await other.lease(name)


async def test_b13_other_boards_have_books_of_their_own(
    device: Device, other_device: Device, manager: DeviceSessionManager
) -> None:
    async with manager.open_session(device) as one, manager.open_session(other_device) as other:
        await one.lease(PIN)
        await other.lease(PIN)


async def test_b13_managers_on_one_device_respect_each_other(device: Device) -> None:
    async with (
        open_session_manager() as here,
        open_session_manager() as there,
        here.open_session(device) as one,
        there.open_session(device) as other,
    ):
        await one.lease(PIN)
        with pytest.raises(ResourceBusyError):
            await other.lease(PIN)


async def test_b13_a_lease_is_given_back_by_hand_once_and_by_with(
    device: Device, manager: DeviceSessionManager
) -> None:
    async with manager.open_session(device) as one, manager.open_session(device) as other:
        with await one.lease(PIN):
            assert device.leases.holders()[PIN] == one.session_id
        old = await other.lease(PIN)
        old.release()
        await other.lease(PIN)
        old.release()  # says nothing about the new one
        assert device.leases.holders() == {PIN: other.session_id}


async def test_b13_a_snapshot_of_the_holders_stays_as_it_is(
    device: Device, manager: DeviceSessionManager
) -> None:
    async with manager.open_session(device) as session:
        holders = device.leases.holders()
        await session.lease(PIN)
        assert holders == {}
        with pytest.raises(TypeError):
            holders["x"] = "y"  # type: ignore[index]  # pyright: ignore[reportIndexIssue]


async def test_b13_the_same_session_cannot_ask_twice(
    device: Device, manager: DeviceSessionManager, nursery: trio.Nursery
) -> None:
    async with manager.open_session(device) as one, manager.open_session(device) as other:
        lease = await one.lease(PIN)
        for wait in (False, True):
            with pytest.raises(DuplicateResourceError, match="already"):
                await one.lease(PIN, wait=wait)
        other.start_soon(lambda: other.lease(PIN, wait=True))
        await wait_all_tasks_blocked()
        for wait in (False, True):
            with pytest.raises(DuplicateResourceError, match="waits"):
                await other.lease(PIN, wait=wait)
        lease.release()


@pytest.mark.parametrize("wait", [False, True])
async def test_b13_bad_names_are_refused_before_anything(
    device: Device, manager: DeviceSessionManager, wait: bool
) -> None:
    async with manager.open_session(device) as session:
        pass
    for name, kind in ((5, TypeError), (b"pin", TypeError), (None, TypeError), ("", ValueError)):
        with pytest.raises(kind):
            await session.lease(name, wait=wait)  # type: ignore[arg-type]  # pyright: ignore
    with pytest.raises(SessionClosedError):
        await session.lease(PIN, wait=wait)
    assert device.leases.holders() == {}


async def test_b13_waiters_are_served_in_their_order_and_nobody_barges(
    device: Device, manager: DeviceSessionManager, nursery: trio.Nursery
) -> None:
    order: list[int] = []

    async def use(number: int) -> None:
        async with manager.open_session(device) as session:
            with await session.lease(PIN, wait=True):
                order.append(number)
                await trio.lowlevel.checkpoint()

    async with manager.open_session(device) as late, manager.open_session(device) as first:
        lease = await first.lease(PIN)
        async with trio.open_nursery() as users:
            for number in range(5):
                users.start_soon(use, number)
                await wait_all_tasks_blocked()
            lease.release()
            with pytest.raises(ResourceBusyError):  # it went to the next in the same step
                device.leases.take(PIN, late.session_id)
            with pytest.raises(ResourceBusyError):
                await first.lease(PIN)
    assert order == [0, 1, 2, 3, 4]
    assert device.leases.holders() == {}


async def test_b13_a_wait_that_is_cancelled_leaves_no_trace(
    device: Device, manager: DeviceSessionManager
) -> None:
    async with manager.open_session(device) as one, manager.open_session(device) as other:
        lease = await one.lease(PIN)
        with trio.move_on_after(0) as scope:
            await other.lease(PIN, wait=True)
        assert scope.cancelled_caught
        async with trio.open_nursery() as nursery:
            nursery.start_soon(lambda: other.lease(PIN, wait=True))
            await wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()
        lease.release()
        assert device.leases.holders() == {}
        await other.lease(PIN)  # it does not count as waiting either


@pytest.mark.parametrize("wait", [False, True])
async def test_b13_asking_is_a_checkpoint_and_takes_nothing_when_cancelled(
    device: Device, manager: DeviceSessionManager, wait: bool
) -> None:
    async with manager.open_session(device) as session:
        with trio.testing.assert_checkpoints():
            await session.lease("pin:6", wait=wait)
        with trio.CancelScope() as scope:
            scope.cancel()
            await session.lease(PIN, wait=wait)
        assert scope.cancelled_caught
        assert device.leases.holders() == {"pin:6": session.session_id}


async def test_b13_the_end_of_a_session_gives_back_after_its_resources(
    device: Device, manager: DeviceSessionManager, make_resource: MakeResource
) -> None:
    seen: list[str] = []
    async with manager.open_session(device) as other:
        async with manager.open_session(device) as one:
            await one.lease(PIN)
            await one.execute("led = 1")

            async def clean() -> None:
                await one.execute("led = 0")
                seen.append(device.leases.holders()[PIN])

            one.resources.register_resource(make_resource("led", clean))

            async def follow() -> None:
                lease = await other.lease(PIN, wait=True)
                seen.append(lease.session_id)
                assert (await device.census()).namespaces == ()

            other.start_soon(follow)
            await wait_all_tasks_blocked()
        await wait_all_tasks_blocked()
        assert seen == [one.session_id, other.session_id]
    assert device.leases.holders() == {}


async def test_b13_a_cleanup_that_fails_does_not_keep_the_hardware(
    device: Device, manager: DeviceSessionManager, make_resource: MakeResource
) -> None:
    async def fail() -> None:
        raise OSError("stuck")

    with pytest.raises(ExceptionGroup):
        async with manager.open_session(device) as session:
            await session.lease(PIN)
            session.resources.register_resource(make_resource("a", fail))
    assert device.leases.holders() == {}


async def test_b13_who_waits_when_its_session_ends_is_refused_as_calls_are(
    device: Device, manager: DeviceSessionManager
) -> None:
    errors: list[Exception] = []

    async def wait(session: Session) -> None:
        try:
            await session.lease(PIN, wait=True)
        except SessionClosedError as error:
            errors.append(error)

    async with manager.open_session(device) as one, trio.open_nursery() as nursery:
        await one.lease(PIN)
        by_scope = await manager.create_session(device)
        by_hand = await manager.create_session(device)
        for session in (by_scope, by_hand):
            nursery.start_soon(wait, session)
        await wait_all_tasks_blocked()
        await by_hand.aclose()
        await manager.end_session(by_scope.session_id)
    assert [(error.session_id, error.message) for error in errors] == [  # type: ignore[attr-defined]  # pyright: ignore
        (by_hand.session_id, "the session has ended; open another one"),
        (by_scope.session_id, "the session was ended by its manager; open another one"),
    ]
    assert device.leases.holders() == {}


async def test_b13_who_waits_is_refused_as_soon_as_its_session_takes_no_more_calls(
    device: Device, manager: DeviceSessionManager
) -> None:
    async with manager.open_session(device) as one:
        await one.lease(PIN)
        other = await manager.create_session(device)

        async def wait() -> None:
            with pytest.raises(SessionClosedError, match="no more"):
                await other.lease(PIN, wait=True)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(wait)
            await wait_all_tasks_blocked()
            other.refuse(lambda: SessionClosedError("no more"))


async def test_b13_a_child_that_waits_when_its_session_ends_does_not_fail_it(
    device: Device, manager: DeviceSessionManager
) -> None:
    async with manager.open_session(device) as one:
        await one.lease(PIN)
        async with manager.open_session(device) as other:
            other.start_soon(lambda: other.lease(PIN, wait=True))
            await wait_all_tasks_blocked()
        assert other.report is not None
        assert other.report.is_clean


async def test_b13_what_is_granted_to_a_session_that_is_just_ending_is_given_back(
    device: Device, manager: DeviceSessionManager
) -> None:
    async with manager.open_session(device) as one, trio.open_nursery() as nursery:
        lease = await one.lease(PIN)
        other = await manager.create_session(device)

        async def wait() -> None:
            with pytest.raises(SessionClosedError):
                await other.lease(PIN, wait=True)

        nursery.start_soon(wait)
        await wait_all_tasks_blocked()
        lease.release()
        await other.aclose()
        assert device.leases.holders() == {}


@pytest.mark.parametrize("wait", [False, True])
async def test_b13_who_asks_while_its_session_ends_gets_nothing(
    device: Device, manager: DeviceSessionManager, wait: bool
) -> None:
    async def ask(session: Session) -> None:
        with pytest.raises((SessionClosedError, ResourceBusyError)):
            await session.lease(PIN, wait=wait)
            raise session.refusal()  # it had it before its end

    for _ in range(10):  # the order of two tasks is random
        session = await manager.create_session(device)
        with trio.fail_after(5):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(ask, session)
                await trio.lowlevel.checkpoint()
                await session.aclose()
        assert device.leases.holders() == {}


async def test_b13_a_hold_survives_a_reset_and_goes_with_its_session() -> None:
    async with (
        open_fake_board() as board,
        open_device(board) as device,
        open_session_manager() as manager,
    ):
        one = await manager.create_session(device)
        with pytest.raises(DeviceResetError):
            async with manager.open_session(device) as other:
                await other.lease(PIN)
                async with trio.open_nursery() as nursery:

                    async def wait() -> None:
                        with pytest.raises(DeviceResetError):
                            await one.lease(PIN, wait=True)

                    nursery.start_soon(wait)
                    await wait_all_tasks_blocked()
                    board.reset()
                    assert device.leases.holders() == {PIN: other.session_id}
                    with pytest.raises(DeviceResetError):
                        await other.execute("x = 1")
                assert device.leases.holders() == {PIN: other.session_id}
                await trio.sleep_forever()
        assert device.leases.holders() == {}
