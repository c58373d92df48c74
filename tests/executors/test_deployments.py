"""What is on the board in one session: sent once, replaced, put out when memory is short."""

import linecache
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import cast

import pytest
import trio

from belay_actors import (
    Device,
    DeviceSessionManager,
    NameConflictError,
    RemoteError,
    Session,
    SessionManagementOptions,
    open_device,
    open_session_manager,
)
from belay_actors.functions import Task


@pytest.fixture
def make_module() -> Callable[[str, str], ModuleType]:
    """Makes a module of a source, as if it had been read from a file."""
    files: list[str] = []

    def make(name: str, source: str) -> ModuleType:
        file = f"<{name} {len(files)}>"
        files.append(file)
        lines = source.splitlines(keepends=True)
        linecache.cache[file] = (len(source), None, lines, file)
        module = ModuleType(name)
        exec(compile(source, file, "exec"), module.__dict__)
        return module

    return make


MakeModule = Callable[[str, str], ModuleType]

ANSWER = """
from belay_actors import task
@task
def answer() -> int:
    return {}
@task
def twice() -> int:
    return 2 * answer()
"""


async def test_e05_a_new_definition_replaces_the_old_one(
    session: Session, make_module: MakeModule
) -> None:
    old, new = make_module("m", ANSWER.format(1)), make_module("m", ANSWER.format(2))
    assert await session.call(old.twice) == 2
    assert await session.call(new.answer) == 2
    assert await session.call(new.twice) == 4
    assert await session.call(old.twice) == 2  # its own answer, again
    assert await session.call(old.answer) == 1


async def test_e05_another_function_of_the_same_name_is_refused(
    session: Session, make_module: MakeModule
) -> None:
    one, other = make_module("one", ANSWER.format(1)), make_module("other", ANSWER.format(2))
    assert await session.call(one.answer) == 1
    calls = session.calls
    with pytest.raises(NameConflictError, match=r"one\.answer.*other\.answer"):
        await session.call(other.twice)
    assert session.calls == calls
    assert await session.call(one.twice) == 2


async def test_d02_a_new_session_is_sent_all_again(
    device: Device, manager: DeviceSessionManager, make_module: MakeModule
) -> None:
    module = make_module("m", ANSWER.format(1))
    for _ in range(2):
        async with manager.open_session(device) as session:
            assert await session.call(module.twice) == 2
            assert session.calls == 3


async def test_d02_a_cancelled_deployment_is_not_believed(
    session: Session, make_module: MakeModule
) -> None:
    module = make_module("m", ANSWER.format(1))
    for _ in range(3):
        with trio.CancelScope() as scope:
            scope.cancel()
            await session.call(module.twice)
        assert session.resources.get_deployed_methods() == ()
    assert await session.call(module.twice) == 2


async def test_d10_functions_are_sent_once_without_books(
    device: Device, make_module: MakeModule
) -> None:
    module = make_module("m", ANSWER.format(1))
    options = SessionManagementOptions(enable_resource_tracking=False)
    async with (
        open_session_manager(options) as manager,
        manager.open_session(device) as session,
    ):
        for _ in range(3):
            assert await session.call(module.twice) == 2
        assert session.calls == 5
        assert session.resources.get_deployed_methods() == ()


def make_big(make_module: MakeModule, count: int) -> list[Task[[], int]]:
    """Tasks that each need 8 KB of the board for themselves."""
    source = "from belay_actors import task\n"
    for number in range(count):
        source += f"DATA_{number} = {bytes([65 + number]) * 8000!r}\n"
        source += f"@task\ndef big_{number}() -> int:\n    return DATA_{number}[0] - 65\n"
    module = make_module("big", source)
    return [getattr(module, f"big_{number}") for number in range(count)]


async def test_e05_when_memory_is_short_the_least_recently_used_goes(
    make_module: MakeModule,
) -> None:
    first, *others = make_big(make_module, 30)
    async with (
        open_device("micropython:?heapsize=256K") as device,
        open_session_manager() as manager,
        manager.open_session(device) as session,
    ):
        for number, task in enumerate(others, 1):
            assert await session.call(first) == 0  # is used again and again
            assert await session.call(task) == number
        names = {method.signature for method in session.resources.get_deployed_methods()}
        assert {"big_0", "big_29"} <= names
        assert len(names) < 30
        assert "big_1" not in names
        assert await session.evaluate("'big_1' in globals()") is False
        assert await session.call(others[0]) == 1  # and is sent again


async def test_e05_what_runs_is_not_put_out(make_module: MakeModule) -> None:
    source = "from belay_actors import task\nDATA = " + repr(b"x" * 100_000)
    source += "\n@task\ndef huge() -> int:\n    return len(DATA)\n"
    huge = make_module("huge", source).huge
    async with (
        open_device("micropython:?heapsize=256K") as device,
        open_session_manager() as manager,
        manager.open_session(device) as session,
    ):
        with pytest.raises(RemoteError) as caught:
            await session.call(huge)
        assert caught.value.type_name == "MemoryError"
        assert await session.evaluate("1 + 1") == 2


CONSTANT = """
from belay_actors import task
LIMIT = {}
@task
def {}() -> int:
    return LIMIT
"""


async def test_e05_a_constant_may_be_defined_anew(
    session: Session, make_module: MakeModule, tmp_path: Path
) -> None:
    path = tmp_path / "m.py"
    for value in (5, 6, 5):
        path.write_text(CONSTANT.format(value, "limit"))
        linecache.checkcache(str(path))
        names: dict[str, object] = {"__name__": "m"}
        exec(compile(path.read_text(), path, "exec"), names)
        assert await session.call(cast("Task[[], int]", names["limit"])) == value


async def test_e05_two_modules_may_have_equal_constants_of_one_name_but_no_others(
    session: Session, make_module: MakeModule
) -> None:
    one = make_module("one", CONSTANT.format(5, "limit_one"))
    two = make_module("two", CONSTANT.format(5, "limit_two"))
    other = make_module("other", CONSTANT.format(6, "limit_other"))
    for task in (one.limit_one, two.limit_two, one.limit_one):
        assert await session.call(task) == 5
    with pytest.raises(NameConflictError, match="LIMIT"):
        await session.call(other.limit_other)
