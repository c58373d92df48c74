"""Tasks: Python functions that are called on the board, with types, from many tasks at once."""

import enum
import math
from datetime import UTC, datetime

import attrs
import pytest
import trio

from belay_actors import (
    CallTimeoutError,
    Device,
    DeviceCapabilityError,
    DeviceSessionManager,
    RemoteError,
    RetryPolicy,
    Session,
    SessionClosedError,
    UnsupportedValueError,
    open_device,
    task,
)
from boards import EXITS_IN_NEXT_CALL

LIMIT = 5
counter: int
missing: int


class Mode(enum.Enum):
    SLOW = "slow"
    FAST = "fast"


@attrs.frozen
class Sample:
    mode: Mode
    values: list[float]
    when: datetime


@task
def add(a: int, b: int = 2, *, c: int = 0) -> int:
    return a + b + c


@task(idempotent=True)
def add_idempotent(a: int) -> int:
    return a + 2


@task
def limited(n: int) -> bool:
    return add(n, 1) > LIMIT


@task
def is_even(n: int) -> bool:
    return n == 0 or is_odd(n - 1)


@task
def is_odd(n: int) -> bool:
    return n != 0 and is_even(n - 1)


@task
def root(x: float) -> float:
    return math.sqrt(x)


@task
def sample(mode: Mode, when: datetime) -> Sample:
    return {"mode": mode, "values": [1, 2.5], "when": when}  # type: ignore[return-value]


@task
def text(n: int) -> str:
    return n  # type: ignore[return-value]


@task
def fail(n: int) -> int:
    if n:
        return 1 // (n - n)
    return 0


@task
def count() -> int:
    global counter
    try:
        counter += 1
    except NameError:
        counter = 1
    return counter


@task(cache_result=60.0)
def cached(n: int) -> list[int]:
    return [count(), n]


@task(cache_result=60.0)
def cached_failure(n: int) -> int:
    return count() // n if n else 1 // n


@task(timeout=0.2)
def slow(seconds: float) -> str:
    from time import sleep

    sleep(seconds)
    return "done"


@task
def forever() -> None:
    while True:
        pass


@task(idempotent=True)
def forever_idempotent() -> None:
    while True:
        pass


@task
def shout(words: str) -> None:
    print(words)


@task
def uses_missing() -> int:
    return missing  # noqa: F821  # a setup of some program makes it


@task
def platform() -> str:  # type: ignore[empty-body]
    ...


@platform.implementation("linux", "darwin")
def platform_unix() -> str:
    return "unix"


@task
def nowhere() -> str:  # type: ignore[empty-body]
    ...


@nowhere.implementation("rp2")
def nowhere_rp2() -> str:
    return "rp2"


async def test_f02_a_task_is_sent_once_and_then_costs_one_call(session: Session) -> None:
    assert await session.call(add, 1) == 3
    before = session.calls
    assert await session.call(add, 1, 5) == 6
    assert await session.call(add, b=7, a=1) == 8
    assert await session.call(add, 1, c=10) == 13
    assert session.calls == before + 3
    (method,) = session.resources.get_deployed_methods()
    assert method.signature == "add"


async def test_f02_a_task_brings_what_it_uses(session: Session) -> None:
    assert await session.call(limited, 5) is True
    assert await session.call(limited, 4) is False
    assert await session.call(is_even, 10) is True
    assert await session.call(root, 2.0) == math.sqrt(2)
    methods = {method.signature for method in session.resources.get_deployed_methods()}
    assert methods == {"limited", "add", "is_even", "is_odd", "root"}


async def test_f02_types_are_made_by_the_annotations(session: Session) -> None:
    when = datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC)
    assert await session.call(sample, Mode.FAST, when) == Sample(Mode.FAST, [1.0, 2.5], when)
    with pytest.raises(TypeError, match="text"):
        await session.call(text, 1)
    assert await session.call(add, 1) == 3


async def test_f02_bad_arguments_fail_before_anything_is_sent(session: Session) -> None:
    with pytest.raises(TypeError, match="missing"):
        await session.call(add)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="too many"):
        await session.call(add, 1, 2, 3)  # type: ignore[call-arg]
    with pytest.raises(TypeError):
        await session.call(add, object())  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="@task"):
        await session.call(len, [])  # type: ignore[arg-type]
    assert session.calls == 0


async def test_f02_a_traceback_shows_the_hosts_file_and_line(session: Session) -> None:
    with pytest.raises(RemoteError) as caught:
        await session.call(fail, 1)
    assert caught.value.type_name == "ZeroDivisionError"
    line = fail.function.__code__.co_firstlineno + 3
    assert f'File "{__file__}", line {line}, in fail' in caught.value.traceback
    assert any(__file__ in note for note in caught.value.__notes__)
    assert not any("<string>" in note for note in caught.value.__notes__)


async def test_f02_sessions_have_their_own(device: Device, manager: DeviceSessionManager) -> None:
    async with manager.open_session(device) as one, manager.open_session(device) as two:
        assert [await one.call(count), await one.call(count), await two.call(count)] == [1, 2, 1]


async def test_f02_many_tasks_may_call_at_once(session: Session) -> None:
    results: dict[int, int] = {}

    async def call(n: int) -> None:
        results[n] = await session.call(add, n, c=n)

    async with trio.open_nursery() as nursery:
        for n in range(50):
            nursery.start_soon(call, n)
    assert results == {n: 2 * n + 2 for n in range(50)}
    assert session.calls == 51  # sent once, though all came together


async def test_f02_what_a_task_prints_is_no_result(session: Session) -> None:
    await session.call(shout, "\x04>OK")
    assert session.background_output == "\x04>OK\n"


async def test_f02_a_result_is_cached_only_if_it_was_asked_for(session: Session) -> None:
    first = await session.call(cached, 1)
    first.append(9)  # what a caller does with it is not kept
    assert await session.call(cached, 1) == [1, 1]
    assert await session.call(cached, 2) == [2, 2]
    assert await session.call(count) == 3


async def test_f02_a_cached_result_gets_too_old(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    await session.call(cached, 1)
    now = trio.current_time()
    monkeypatch.setattr(trio, "current_time", lambda: now + 61)
    assert await session.call(cached, 1) == [2, 1]


async def test_f02_failures_and_other_boards_results_are_not_cached(
    session: Session, manager: DeviceSessionManager
) -> None:
    for _ in range(2):
        with pytest.raises(RemoteError):
            await session.call(cached_failure, 0)
    assert await session.call(cached, 1) == [1, 1]
    async with open_device("micropython:") as other, manager.open_session(other) as there:
        await there.call(count)
        assert await there.call(cached, 1) == [2, 1]


async def test_f02_a_timeout_interrupts_the_board(session: Session) -> None:
    with pytest.raises(CallTimeoutError) as caught:
        await session.call(slow, 10.0)
    assert isinstance(caught.value, TimeoutError)
    assert await session.call(slow, 0.0) == "done"


async def test_f02_a_timeout_does_not_count_the_wait(
    device: Device, manager: DeviceSessionManager, session: Session
) -> None:
    await session.call(slow, 0.0)
    async with manager.open_session(device) as other, trio.open_nursery() as nursery:
        nursery.start_soon(other.execute, "import time; time.sleep(0.5)")
        await trio.testing.wait_all_tasks_blocked()
        assert await session.call(slow, 0.1) == "done"


async def test_f02_g04_an_idempotent_task_may_be_interrupted(
    device: Device, manager: DeviceSessionManager
) -> None:
    for function, is_unknown in ((forever, True), (forever_idempotent, False)):
        async with manager.open_session(device) as session:
            await session.call(add, 1)
            with trio.move_on_after(0.1):
                await session.call(function)
            assert session.has_unknown_outcome is is_unknown


async def test_f02_an_idempotent_task_is_tried_again(
    device: Device, manager: DeviceSessionManager
) -> None:
    attempts = 0

    async def operation(session: Session) -> int:
        nonlocal attempts
        attempts += 1
        await session.call(add_idempotent, 1)
        if attempts == 1:
            await device.execute(EXITS_IN_NEXT_CALL)
        return await session.call(add_idempotent, 1)

    policy = RetryPolicy(max_attempts=2, backoff=0)
    assert await manager.execute_in_session(device, operation, retry=policy) == 3
    assert attempts == 2


async def test_f02_a_variant_is_chosen_by_the_platform(session: Session) -> None:
    assert await session.call(platform) == "unix"
    calls = session.calls
    with pytest.raises(DeviceCapabilityError, match="rp2"):
        await session.call(nowhere)
    assert session.calls == calls


async def test_f02_a_missing_name_says_where_it_should_come_from(session: Session) -> None:
    with pytest.raises(RemoteError) as caught:
        await session.call(uses_missing)
    assert any("@setup" in note for note in caught.value.__notes__)
    await session.execute("missing = 7")
    assert await session.call(uses_missing) == 7


async def test_f02_an_ended_session_calls_nothing(
    device: Device, manager: DeviceSessionManager
) -> None:
    async with manager.open_session(device) as session:
        await session.call(add, 1)
    with pytest.raises(SessionClosedError):
        await session.call(add, 1)
    assert session.resources.get_deployed_methods() == ()


async def test_f02_a_cancelled_call_leaves_the_board_ready(session: Session) -> None:
    with trio.move_on_after(0.1) as scope:
        await session.call(forever)
    assert scope.cancelled_caught
    assert await session.call(add, 1) == 3


@task
def unsendable() -> object:
    return print


async def test_f02_what_cannot_come_back_is_an_error(session: Session) -> None:
    with pytest.raises(UnsupportedValueError, match="closure"):
        await session.call(unsendable)
