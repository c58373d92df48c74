"""Deployed methods: sent once, and known only while that very code is on the board."""

import hashlib
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta

import pytest
import trio
import trio.testing

from belay_actors import (
    DeployedMethodInfo,
    Device,
    DeviceResetError,
    DeviceSessionManager,
    RemoteError,
    Session,
    SessionClosedError,
    SessionManagementOptions,
    SessionResource,
    open_session_manager,
)
from belay_actors.transport import LocalLink
from boards import SOFT_RESET

ONE = "def answer(): return 1"
TWO = "def answer(): return 2"
SIGNATURE = "answer() -> int"


def hash_of(source: str) -> bytes:
    return hashlib.sha256(source.encode()).digest()


@pytest.fixture
async def session(device: Device, manager: DeviceSessionManager) -> AsyncIterator[Session]:
    async with manager.open_session(device) as session:
        yield session


async def test_e05_a_method_is_sent_once(session: Session) -> None:
    context = session.executor_context
    assert not context.is_method_deployed(SIGNATURE, hash_of(ONE))
    for _ in range(3):
        assert await context.deploy(SIGNATURE, ONE) == hash_of(ONE)
    assert session.calls == 1
    assert context.is_method_deployed(SIGNATURE, hash_of(ONE))
    assert not context.is_method_deployed(SIGNATURE, hash_of(TWO))
    assert not context.is_method_deployed("other", hash_of(ONE))
    assert await session.evaluate("answer()") == 1


async def test_e05_a_changed_source_is_sent_and_replaces_the_old_one(session: Session) -> None:
    context = session.executor_context
    await context.deploy(SIGNATURE, ONE)
    await context.deploy(SIGNATURE, TWO)
    assert session.calls == 2
    assert await session.evaluate("answer()") == 2
    assert not context.is_method_deployed(SIGNATURE, hash_of(ONE))
    assert context.is_method_deployed(SIGNATURE, hash_of(TWO))
    await context.deploy(SIGNATURE, ONE)
    assert await session.evaluate("answer()") == 1


async def test_e05_tasks_that_need_a_method_at_once_send_it_once(session: Session) -> None:
    async with trio.open_nursery() as nursery:
        for _ in range(10):
            nursery.start_soon(session.executor_context.deploy, SIGNATURE, ONE)
    assert session.calls == 1


async def test_e05_what_does_not_run_is_not_remembered(session: Session) -> None:
    for source in ("def answer(:", "def answer(): return 3\n1 / 0"):
        with pytest.raises(RemoteError):
            await session.executor_context.deploy(SIGNATURE, source)
        assert not session.executor_context.is_method_deployed(SIGNATURE, hash_of(source))
    assert session.resources.get_deployed_methods() == ()


async def test_e05_a_source_that_fails_may_have_replaced_the_old_one(session: Session) -> None:
    context = session.executor_context
    await context.deploy(SIGNATURE, ONE)
    with pytest.raises(RemoteError):
        await context.deploy(SIGNATURE, TWO + "\n1 / 0")
    assert not context.is_method_deployed(SIGNATURE, hash_of(ONE))
    await context.deploy(SIGNATURE, ONE)
    assert await session.evaluate("answer()") == 1


async def test_e05_a_deployment_that_is_cancelled_is_not_remembered(session: Session) -> None:
    context = session.executor_context
    await context.deploy(SIGNATURE, ONE)
    endless = TWO + "\nwhile True: pass"
    with trio.move_on_after(0.1) as scope:
        await context.deploy(SIGNATURE, endless)
    assert scope.cancelled_caught
    assert not context.is_method_deployed(SIGNATURE, hash_of(endless))
    assert not context.is_method_deployed(SIGNATURE, hash_of(ONE))
    assert session.resources.get_deployed_methods() == ()
    await context.deploy(SIGNATURE, ONE)
    assert await session.evaluate("answer()") == 1


@pytest.mark.parametrize("seconds", [0, 0.001, 0.002, 0.005, 0.02, 0.1])
async def test_e05_one_that_is_cancelled_behind_another_is_not_remembered(
    session: Session, seconds: float
) -> None:
    """Both replace the same method; what is remembered is what is there."""
    context = session.executor_context
    async with trio.open_nursery() as nursery:
        nursery.start_soon(context.deploy, SIGNATURE, ONE)
        await trio.testing.wait_all_tasks_blocked()
        with trio.move_on_after(seconds):
            await context.deploy(SIGNATURE, TWO + "\nwhile True: pass")
    there = await session.evaluate("answer()", int)
    assert there == 1 or not context.is_method_deployed(SIGNATURE, hash_of(ONE))


async def test_d02_what_was_registered_by_hand_is_known(session: Session) -> None:
    before = datetime.now(UTC)
    await session.execute(ONE)
    session.executor_context.register_method_deployment(SIGNATURE, b"1")
    session.resources.register_deployed_method("other", b"2")
    assert session.resources.is_method_deployed(SIGNATURE, b"1")
    assert not session.resources.is_method_deployed(SIGNATURE, b"2")
    one, other = session.resources.get_deployed_methods()
    assert isinstance(one, DeployedMethodInfo)
    assert (one.signature, one.code_hash, one.session_id) == (SIGNATURE, b"1", session.session_id)
    assert other.signature == "other"
    assert before - timedelta(seconds=1) < one.deployed_at < datetime.now(UTC)
    session.resources.register_deployed_method(SIGNATURE, b"3")
    assert session.resources.is_method_deployed(SIGNATURE, b"3")
    assert session.resources.get_resource_stats().deployed_methods == 2


async def test_d02_nothing_is_deployed_where_nothing_was_sent(session: Session) -> None:
    session.resources.register_deployed_method(SIGNATURE, b"1")
    assert not session.resources.is_method_deployed(SIGNATURE, b"1")
    assert session.resources.get_deployed_methods() == ()


@pytest.mark.parametrize(
    ("signature", "code_hash", "error"),
    [("", b"1", ValueError), (5, b"1", TypeError), ("a", "1", TypeError), ("a", b"", ValueError)],
)
async def test_d02_wrong_arguments_are_refused(
    session: Session, signature: str, code_hash: bytes, error: type[Exception]
) -> None:
    with pytest.raises(error):
        session.resources.register_deployed_method(signature, code_hash)
    with pytest.raises(error):
        session.resources.is_method_deployed(signature, code_hash)
    if signature != "a":
        with pytest.raises(error):
            await session.executor_context.deploy(signature, ONE)
    assert session.calls == 0


async def test_d02_sessions_do_not_share_what_they_deployed(
    device: Device, other_device: Device, manager: DeviceSessionManager, session: Session
) -> None:
    await session.executor_context.deploy(SIGNATURE, ONE)
    for place in (device, other_device):
        async with manager.open_session(place) as other:
            assert not other.executor_context.is_method_deployed(SIGNATURE, hash_of(ONE))
            await other.executor_context.deploy(SIGNATURE, TWO)
            assert await other.evaluate("answer()") == 2
    assert await session.evaluate("answer()") == 1


async def test_d02_nothing_is_deployed_after_the_end(
    device: Device,
    manager: DeviceSessionManager,
    make_resource: Callable[..., SessionResource],
) -> None:
    found: list[object] = []
    async with manager.open_session(device) as session:

        async def clean() -> None:
            found.append(session.resources.is_method_deployed(SIGNATURE, hash_of(ONE)))
            await session.executor_context.deploy(SIGNATURE, ONE)
            found.append(await session.evaluate("answer()"))

        await session.executor_context.deploy(SIGNATURE, ONE)
        session.resources.register_resource(make_resource("a", clean))
    assert found == [True, 1]
    assert not session.resources.is_method_deployed(SIGNATURE, hash_of(ONE))
    assert session.resources.get_deployed_methods() == ()
    with pytest.raises(SessionClosedError):
        await session.executor_context.deploy(SIGNATURE, ONE)
    with pytest.raises(SessionClosedError):
        session.resources.register_deployed_method(SIGNATURE, hash_of(ONE))


async def test_d02_nothing_is_deployed_after_a_reset(
    device: Device, manager: DeviceSessionManager, link_of: Callable[[Device], LocalLink]
) -> None:
    session = await manager.create_session(device)
    await session.executor_context.deploy(SIGNATURE, ONE)
    link_of(device).send_nowait(SOFT_RESET)
    await session.wait_ended()
    assert not session.executor_context.is_method_deployed(SIGNATURE, hash_of(ONE))
    assert session.resources.get_deployed_methods() == ()
    with pytest.raises(DeviceResetError):
        await session.executor_context.deploy(SIGNATURE, ONE)
    async with manager.open_session(device) as session:
        await session.executor_context.deploy(SIGNATURE, ONE)
        assert await session.evaluate("answer()") == 1


async def test_d10_without_tracking_a_method_is_sent_each_time(device: Device) -> None:
    options = SessionManagementOptions(enable_resource_tracking=False)
    async with open_session_manager(options) as manager, manager.open_session(device) as session:
        for _ in range(2):
            await session.executor_context.deploy(SIGNATURE, ONE)
        assert session.calls == 2
        assert not session.executor_context.is_method_deployed(SIGNATURE, hash_of(ONE))
        assert session.resources.get_deployed_methods() == ()
        assert session.resources.get_resource_stats().deployed_methods == 0
