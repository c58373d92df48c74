"""Functions used as nobody should, or where it is least expected: cleanups, races, odd values."""

import math
from collections.abc import Callable
from datetime import UTC, datetime

import attrs
import pytest
import trio

from belay_actors import (
    Device,
    DeviceProgram,
    DeviceResetError,
    DeviceSessionManager,
    NameConflictError,
    RemoteError,
    ResourceCleanupError,
    Session,
    SessionClosedError,
    SessionFailedError,
    UnsupportedValueError,
    open_device,
    open_session_manager,
    setup,
    task,
    teardown,
)
from belay_actors.board import sleep_ms
from belay_actors.functions import Task
from belay_actors.testing import open_fake_board
from modules import load

counter: int
log: list[str]


@task
def double(n: int) -> int:
    return 2 * n


@task
def uses_double(n: int) -> int:
    return double(n) + 1


@task
def naps() -> int:
    sleep_ms(1)
    return 7


@task
def word() -> str:
    return 5  # type: ignore[return-value]


@task
def told(a: object, b: object = 0, **more: int) -> list[object]:
    return [a, b, sorted(more)]


@task(cache_result=60.0)
def numbered(value: object) -> int:
    global counter
    try:
        counter += 1
    except NameError:
        counter = 1
    return counter


@task(exclusive=True)
def alone(n: int) -> int:
    return double(n)


@attrs.frozen
class Calling:
    """A resource whose cleanup calls something."""

    call: Callable[[], object]
    results: list[object] = attrs.field(factory=list[object])
    resource_id: str = "calling"
    resource_type: str = "Calling"
    estimated_cost: int = 0
    created_at: datetime = attrs.field(factory=lambda: datetime.now(UTC))

    async def cleanup(self) -> None:
        self.results.append(await self.call())  # type: ignore[misc]


def held(session: Session) -> int:
    """How many holds on functions there are."""
    return sum(session.executors._deployments._in_use.values())


# In cleanups.


@pytest.mark.parametrize("function", [uses_double, alone])
async def test_f02_a_cleanup_may_call_what_was_never_sent(
    device: Device, manager: DeviceSessionManager, function: Task[[int], int]
) -> None:
    async with manager.open_session(device) as session:
        resource = Calling(lambda: session.call(function, 4))
        session.resources.register_resource(resource)
    assert resource.results == [9 if function is uses_double else 8]
    assert held(session) == 0


async def test_f02_a_cleanup_may_call_what_needs_tools(
    device: Device, manager: DeviceSessionManager
) -> None:
    async with manager.open_session(device) as session:
        resource = Calling(lambda: session.call(naps))
        session.resources.register_resource(resource)
    assert resource.results == [7]


async def test_f04_a_session_that_ends_sets_nothing_up(
    device: Device, manager: DeviceSessionManager
) -> None:
    with pytest.raises(ResourceCleanupError) as caught:
        async with manager.open_session(device) as session:
            session.resources.register_resource(Calling(lambda: session.set_up(Rig)))
    assert isinstance(caught.value.exceptions[0], SessionClosedError)
    assert held(session) == 0
    with pytest.raises(SessionClosedError):
        await session.set_up(Rig)


# Programs.


class Rig(DeviceProgram):
    @setup
    @staticmethod
    def begin() -> None:
        global log
        sleep_ms(1)
        log = ["begin"]
        print("set up")

    @task
    @staticmethod
    def note(word: str) -> list[str]:
        log.append(word)
        return log

    @teardown
    @staticmethod
    def end() -> None:
        print("end", note("end"))  # type: ignore[name-defined]  # noqa: F821  # pyright: ignore


class Special(Rig):
    @teardown
    @staticmethod
    def special_end() -> None:
        print("special", double(4))


class Other(DeviceProgram):
    @teardown
    @staticmethod
    def end() -> None:
        print("another end")


class Fails(DeviceProgram):
    @setup
    @staticmethod
    def begin() -> None:
        log.append("begun")
        raise ValueError


class Hangs(DeviceProgram):
    @setup
    @staticmethod
    def begin() -> None:
        print("hangs")
        global log
        log = ["begun"]
        while True:
            sleep_ms(1)


async def test_f04_two_tasks_set_up_one_program(session: Session) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(session.set_up, Rig)
        nursery.start_soon(session.set_up, Rig)
    assert await session.evaluate("log") == ["begin"]
    assert session.background_output == "set up\n"  # what a setup prints is heard, too


async def test_f05_teardowns_call_tasks_and_bases_come_last(
    device: Device, manager: DeviceSessionManager
) -> None:
    async with manager.open_session(device, Rig) as rig:
        special = await rig.session.set_up(Special)
        assert await special.note("x") == ["begin", "x"]
        assert held(rig.session) == 2
    assert rig.session.background_output == "set up\nspecial 8\nend ['begin', 'x', 'end']\n"
    assert held(rig.session) == 0


async def test_f05_teardowns_of_one_name_are_refused(
    device: Device, manager: DeviceSessionManager
) -> None:
    async with manager.open_session(device, Rig) as rig:
        with pytest.raises(NameConflictError, match="another name") as caught:
            await rig.session.set_up(Other)
        assert "Rig.end" in str(caught.value)
        assert "Other.end" in str(caught.value)
        assert held(rig.session) == 1
    assert rig.session.background_output == "set up\nend ['begin', 'end']\n"


async def test_f04_a_setup_that_failed_is_not_run_again(session: Session) -> None:
    await session.execute("log = []")
    with pytest.raises(SessionFailedError, match="ValueError"):
        await session.set_up(Fails)
    with pytest.raises(SessionFailedError, match=r"begun.*before.*open another session"):
        await session.set_up(Fails)
    assert await session.evaluate("log") == ["begun"]


async def test_f04_a_setup_that_was_cancelled_is_not_run_again(session: Session) -> None:
    with trio.CancelScope() as scope:
        async with session.output() as lines, trio.open_nursery() as nursery:
            nursery.start_soon(session.set_up, Hangs)
            assert (await anext(lines)).text == "hangs"
            scope.cancel()
    with pytest.raises(SessionFailedError, match="before"):
        await session.set_up(Hangs)
    assert await session.evaluate("'begin' in globals()") is False


# Names.

SHARED = """
import gc
n = 5
@task
def collect():
    return gc.collect() is None
"""
BIG = """
@task
def big_{0}():
    return len({1!r}) + {0}
"""


async def test_e05_making_room_leaves_the_names_of_others() -> None:
    names = load(SHARED + "".join(BIG.format(number, "x" * 6000) for number in range(24)))
    async with (
        open_device("micropython:?heapsize=128K") as device,
        open_session_manager() as manager,
        manager.open_session(device) as session,
    ):
        await session.execute("n = 5")
        for number in range(24):
            assert await session.call(names["collect"]) is False  # type: ignore[arg-type]
            assert await session.call(names[f"big_{number}"]) == 6000 + number  # type: ignore[arg-type]
        deployed = {method.signature for method in session.resources.get_deployed_methods()}
        assert len(deployed) < 24
        assert await session.evaluate("n") == 5


async def test_e05_a_name_that_the_user_takes_away_is_missed_and_said(session: Session) -> None:
    assert await session.call(uses_double, 1) == 3
    await session.execute("del double")
    with pytest.raises(RemoteError, match="double") as caught:
        await session.call(uses_double, 1)
    assert caught.value.type_name == "NameError"
    await session.execute("double = 5")
    with pytest.raises(RemoteError, match="TypeError"):
        await session.call(uses_double, 1)
    assert await session.evaluate("6 * 7") == 42


async def test_e05_a_task_is_replaced_while_its_old_version_runs(session: Session) -> None:
    text = "@task\ndef f(n):\n    import time\n    time.sleep(n)\n    return {}\n"
    old, new = load(text.format(1)), load(text.format(2))
    results: dict[str, object] = {}

    async def call(key: str, names: dict[str, object], seconds: float) -> None:
        results[key] = await session.call(names["f"], seconds)  # type: ignore[arg-type]

    async with trio.open_nursery() as nursery:
        for number in range(4):
            nursery.start_soon(call, f"old {number}", old, 0.05)
            nursery.start_soon(call, f"new {number}", new, 0.0)
    assert results == {f"{key} {i}": v for i in range(4) for key, v in (("old", 1), ("new", 2))}


# Arguments and results.


async def test_f02_results_are_cached_by_what_is_sent(session: Session) -> None:
    value = [1]
    assert await session.call(numbered, value) == 1
    value.append(2)
    assert await session.call(numbered, value) == 2
    assert await session.call(numbered, [1]) == 1
    assert await session.call(numbered, {"a": [1]}) == 3  # no key of a dict could be hashed so
    assert await session.call(numbered, {"a": [1]}) == 3
    assert await session.call(numbered, math.nan) == 4
    assert await session.call(numbered, math.nan) == 4
    assert [await session.call(numbered, each) for each in (1, 1.0, True)] == [5, 6, 7]
    assert [await session.call(numbered, each) for each in (0.0, -0.0)] == [8, 9]


async def test_f02_arguments_that_fail_in_the_middle_send_nothing(session: Session) -> None:
    with pytest.raises(TypeError):
        await session.call(told, [1, {"a": (2, object())}])
    recursive: list[object] = []
    recursive.append(recursive)
    with pytest.raises((TypeError, ValueError)):
        await session.call(told, recursive)
    assert session.calls == 0
    assert held(session) == 0


async def test_f02_keyword_arguments_may_come_in_any_order(session: Session) -> None:
    assert await session.call(told, b=1, a=2) == [2, 1, []]
    assert await session.call(told, 0, z=1, y=2) == [0, 0, ["y", "z"]]


async def test_f02_a_result_that_does_not_fit_leaves_the_board_ready(session: Session) -> None:
    for _ in range(2):
        with pytest.raises(TypeError, match="word"):
            await session.call(word)
    odd = load("@task\ndef odd():\n    return [object()]\n")["odd"]
    with pytest.raises(UnsupportedValueError):
        await session.call(odd)  # type: ignore[arg-type]
    assert await session.call(double, 2) == 4
    assert held(session) == 0
    assert not session.has_unknown_outcome


# Boards and sessions.


async def test_f02_one_task_in_two_sessions_at_once(
    device: Device, manager: DeviceSessionManager
) -> None:
    async with manager.open_session(device) as one, manager.open_session(device) as two:
        results: list[int] = []

        async def call(session: Session, n: int) -> None:
            results.append(await session.call(uses_double, n))

        async with trio.open_nursery() as nursery:
            for n in range(10):
                nursery.start_soon(call, one, n)
                nursery.start_soon(call, two, n)
        assert sorted(results) == sorted([2 * n + 1 for n in range(10)] * 2)
        assert (one.calls, two.calls) == (12, 12)


async def test_f02_each_device_has_its_variant(device: Device) -> None:
    names = load("""
        @task
        def where() -> str: ...
        @where.implementation("linux", "darwin")
        def where_unix() -> str:
            return "unix"
        @where.implementation("belay-fake", "rp2", "fake")
        def where_fake() -> str:
            return "fake"
    """)
    where = names["where"]
    assert isinstance(where, Task)
    async with (
        open_fake_board() as board,
        open_device(board) as fake,
        open_session_manager() as manager,
        manager.open_session(device) as one,
        manager.open_session(fake) as two,
    ):
        platform = two.capabilities.platform
        if platform not in ("belay-fake", "rp2", "fake"):
            where.implementation(platform)(names["where_fake"])  # type: ignore[arg-type]
        assert [await one.call(where), await two.call(where)] == ["unix", "fake"]


async def test_f02_an_exclusive_task_in_a_body_that_holds_the_board(session: Session) -> None:
    async with session.exclusive(), trio.open_nursery() as nursery:
        assert await session.call(alone, 2) == 4
        nursery.start_soon(session.call, alone, 3)
        nursery.start_soon(session.call, alone, 4)
    assert await session.call(alone, 2) == 4


async def test_d02_after_a_reset_nothing_is_believed() -> None:
    async with (
        open_fake_board() as board,
        open_device(board) as device,
        open_session_manager() as manager,
    ):
        with pytest.raises(DeviceResetError):
            async with manager.open_session(device) as session:
                assert await session.call(uses_double, 1) == 3
                board.reset()
                await session.call(uses_double, 1)
        assert session.resources.get_deployed_methods() == ()
        assert held(session) == 0
        async with manager.open_session(device) as session:
            assert await session.call(uses_double, 1) == 3
            assert session.calls == 3
