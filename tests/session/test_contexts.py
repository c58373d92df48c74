"""The three contexts of a session: what they know, and when they ask the board."""

import errno
from collections.abc import AsyncIterator
from datetime import UTC

import pytest
import trio
import trio.testing

from belay_actors import (
    Device,
    DeviceContext,
    DeviceInfo,
    DeviceSessionManager,
    ExecutorContext,
    FileInfo,
    FileOperation,
    FileOperationKind,
    FileSystemContext,
    FileSystemState,
    ProtocolMetrics,
    Session,
    SessionClosedError,
    SessionManagementOptions,
    open_session_manager,
)
from belay_actors.device import ProtocolCapabilities

LOG = "/log.txt"

# A file system whose questions are counted.
COUNTING = """
import sys
class os:
    asked = 0
    answer = (4096, 512, 1000, 600, 0)
    def statvfs(path):
        os.asked += 1
        if type(os.answer) is int: raise OSError(os.answer)
        return os.answer
sys.modules["os"] = os
"""


@pytest.fixture
async def session(device: Device, manager: DeviceSessionManager) -> AsyncIterator[Session]:
    async with manager.open_session(device) as session:
        await device.execute(COUNTING)
        yield session


async def asked(device: Device) -> int:
    return await device.evaluate("os.asked", int)


def changed(path: str, new_path: str | None = None) -> FileOperation:
    kind = FileOperationKind.WRITE if new_path is None else FileOperationKind.RENAME
    return FileOperation(kind=kind, path=path, new_path=new_path)


async def test_c01_a_session_has_its_contexts(session: Session) -> None:
    executor, board, files = (
        session.executor_context,
        session.device_context,
        session.file_system_context,
    )
    assert isinstance(executor, ExecutorContext)
    assert isinstance(board, DeviceContext)
    assert isinstance(files, FileSystemContext)
    assert executor.session_id == board.session_id == files.session_id == session.session_id
    assert session.executor_context.resource_tracker is session.resources
    assert session.executor_context is executor
    assert session.device_context is board
    assert session.file_system_context is files


# Files.


async def test_f06_the_board_is_asked_for_its_space_once(device: Device, session: Session) -> None:
    files = session.file_system_context
    state = await files.get_state()
    assert isinstance(state, FileSystemState)
    assert (state.total_bytes, state.free_bytes) == (512 * 1000, 512 * 600)
    assert (state.cached, state.operation_count, state.operations) == ({}, 0, ())
    for _ in range(3):
        assert await files.get_state() == state
    assert await asked(device) == 1
    files.invalidate_cache()
    await files.get_state()
    assert await asked(device) == 2


async def test_f06_tasks_that_ask_at_once_ask_the_board_once(
    device: Device, session: Session
) -> None:
    async with trio.open_nursery() as nursery:
        for _ in range(5):
            nursery.start_soon(session.file_system_context.get_state)
    assert await asked(device) == 1


async def test_f06_a_real_file_system_tells_its_space(
    device: Device, manager: DeviceSessionManager
) -> None:
    async with manager.open_session(device) as session:
        state = await session.file_system_context.get_state()
    assert state.total_bytes is not None
    assert state.free_bytes is not None
    assert 0 < state.free_bytes < state.total_bytes


@pytest.mark.parametrize("answer", [f"{errno.ENODEV}", "'much'", "(1,)", "('a', 'b', 'c', 'd')"])
async def test_f06_a_board_that_does_not_tell_its_space(
    device: Device, session: Session, answer: str
) -> None:
    await device.execute(f"os.answer = {answer}")
    for _ in range(2):
        state = await session.file_system_context.get_state()
        assert (state.total_bytes, state.free_bytes) == (None, None)
    assert await asked(device) == 1


async def test_f06_a_board_without_statvfs(device: Device, session: Session) -> None:
    await device.execute("del os.statvfs")
    state = await session.file_system_context.get_state()
    assert (state.total_bytes, state.free_bytes) == (None, None)


async def test_f06_asking_what_is_known_is_a_checkpoint(session: Session) -> None:
    await session.file_system_context.get_state()
    with trio.testing.assert_checkpoints():
        await session.file_system_context.get_state()
    with trio.move_on_after(0) as scope:
        await session.file_system_context.get_state()
    assert scope.cancelled_caught


async def test_f07_a_change_while_the_board_is_asked_is_not_overlooked(
    device: Device, session: Session
) -> None:
    files = session.file_system_context
    async with trio.open_nursery() as nursery:
        nursery.start_soon(files.get_state)
        await trio.testing.wait_all_tasks_blocked()
        files.register_file_operation(changed(LOG))
    await device.execute("os.answer = (512, 512, 1000, 1)")
    assert (await files.get_state()).free_bytes == 512


async def test_f07_a_question_that_is_cancelled_is_asked_again(
    device: Device, session: Session
) -> None:
    with trio.move_on_after(0):
        await session.file_system_context.get_state()
    assert (await session.file_system_context.get_state()).total_bytes == 512 * 1000


@pytest.mark.parametrize(
    ("path", "left"),
    [
        ("/", []),
        ("//", []),
        ("/data", ["/data2", "/log.txt"]),
        ("/data/", ["/data2", "/log.txt"]),
        ("/data/a", ["/data", "/data/b", "/data2", "/log.txt"]),
        ("/log.txt", ["/data", "/data/a", "/data/b", "/data2"]),
        ("/log", ["/data", "/data/a", "/data/b", "/data2", "/log.txt"]),
    ],
)
async def test_f06_what_is_known_of_a_path_and_all_below_is_forgotten(
    device: Device, session: Session, path: str, left: list[str]
) -> None:
    files = session.file_system_context
    for known in ("/data", "/data/a", "/data/b", "/data2", "/log.txt"):
        files.remember(FileInfo(path=known, is_directory=known == "/data", size=1))
    await files.get_state()
    files.invalidate_cache(path)
    state = await files.get_state()
    assert sorted(state.cached) == left
    assert files.get_cached("/log.txt") == state.cached.get("/log.txt")
    assert await asked(device) == 2


async def test_f06_wrong_paths_and_operations_are_refused(session: Session) -> None:
    files = session.file_system_context
    wrong: list[tuple[str, type[Exception]]] = [("", ValueError), (5, TypeError)]  # type: ignore[list-item]  # pyright: ignore[reportAssignmentType]
    for path, error in wrong:
        with pytest.raises(error, match="path"):
            files.invalidate_cache(path)
    with pytest.raises(TypeError, match="FileOperation is wanted"):
        files.register_file_operation("write")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    assert (await files.get_state()).operation_count == 0


@pytest.mark.parametrize(
    ("kind", "is_change"),
    [
        (FileOperationKind.READ, False),
        (FileOperationKind.LIST, False),
        (FileOperationKind.WRITE, True),
        (FileOperationKind.REMOVE, True),
        (FileOperationKind.RENAME, True),
        (FileOperationKind.MAKE_DIRECTORY, True),
    ],
)
async def test_f07_changes_make_what_they_touch_unknown(
    device: Device, session: Session, kind: FileOperationKind, is_change: bool
) -> None:
    files = session.file_system_context
    for path in ("/a", "/b", "/c"):
        files.remember(FileInfo(path=path, is_directory=False, size=1))
    await files.get_state()
    operation = FileOperation(kind=kind, path="/a", new_path="/b")
    assert operation.at.tzinfo is UTC
    files.register_file_operation(operation)
    state = await files.get_state()
    assert sorted(state.cached) == (["/c"] if is_change else ["/a", "/b", "/c"])
    assert await asked(device) == (2 if is_change else 1)
    assert (state.operation_count, state.operations) == (1, (operation,))


async def test_f07_the_log_is_bounded(session: Session) -> None:
    files = session.file_system_context
    operations = [
        FileOperation(kind=FileOperationKind.READ, path=f"/{number}", size=number)
        for number in range(1500)
    ]
    for operation in operations:
        files.register_file_operation(operation)
    state = await files.get_state()
    assert state.operation_count == 1500
    assert state.operations == tuple(operations[500:])


async def test_f06_a_state_is_a_picture_of_its_moment(session: Session) -> None:
    files = session.file_system_context
    files.remember(FileInfo(path=LOG, is_directory=False, size=1))
    state = await files.get_state()
    files.register_file_operation(changed(LOG))
    assert sorted(state.cached) == [LOG]
    assert (state.operation_count, state.operations) == (0, ())
    with pytest.raises(TypeError):
        state.cached["/x"] = state.cached[LOG]  # type: ignore[index]  # pyright: ignore[reportIndexIssue]


async def test_f07_what_is_known_ends_with_the_session(
    device: Device, manager: DeviceSessionManager
) -> None:
    async with manager.open_session(device) as session:
        files = session.file_system_context
        files.remember(FileInfo(path=LOG, is_directory=False, size=1))
        await files.get_state()
    assert files.get_cached(LOG) is None
    with pytest.raises(SessionClosedError):
        await files.get_state()
    async with manager.open_session(device) as session:
        assert session.file_system_context.get_cached(LOG) is None


# The board.


async def test_f08_the_device_context_tells_which_board_it_is(
    device: Device, session: Session
) -> None:
    context = session.device_context
    info = context.get_device_info()
    assert isinstance(info, DeviceInfo)
    assert (info.name, info.url, info.generation) == (device.name, device.url, 1)
    assert (info.implementation, info.platform, info.unique_id) == ("micropython", "linux", "")
    assert info.version.split(".")[0] == "1"
    assert info.version.count(".") == 2
    assert "linux" in info.machine
    assert context.capabilities is session.capabilities
    assert context.capabilities.is_detected


async def test_f08_the_device_context_tells_how_code_travels(
    device: Device, session: Session
) -> None:
    found = session.device_context.get_protocol_capabilities()
    assert isinstance(found, ProtocolCapabilities)
    assert found == device.protocol_capabilities
    assert (found.is_lossless, found.max_code_bytes) == (True, None)


async def test_f08_metrics_are_summed(session: Session) -> None:
    context = session.device_context
    assert context.metrics == ProtocolMetrics()
    one = ProtocolMetrics(exchanges=1, bytes_sent=2, bytes_received=3, errors=4, duration=0.5)
    context.register_protocol_metrics(one)
    context.register_protocol_metrics(one)
    assert context.metrics == ProtocolMetrics(
        exchanges=2, bytes_sent=4, bytes_received=6, errors=8, duration=1.0
    )
    with pytest.raises(TypeError, match="ProtocolMetrics are wanted"):
        context.register_protocol_metrics(5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


async def test_f08_metrics_can_be_switched_off(device: Device) -> None:
    options = SessionManagementOptions(enable_session_metrics=False)
    async with open_session_manager(options) as manager, manager.open_session(device) as session:
        session.device_context.register_protocol_metrics(ProtocolMetrics(exchanges=1))
        assert session.device_context.metrics == ProtocolMetrics()


async def test_f08_what_is_known_of_the_board_stays_known(
    device: Device, manager: DeviceSessionManager
) -> None:
    async with manager.open_session(device) as session:
        info = session.device_context.get_device_info()
    assert session.device_context.get_device_info() == info


async def test_f01_the_executor_context_passes_on(session: Session) -> None:
    context: ExecutorContext = session.executor_context
    await session.execute("def f(): pass")
    assert not context.is_method_deployed("f", b"1")
    context.register_method_deployment("f", b"1")
    assert context.is_method_deployed("f", b"1")
    assert session.resources.is_method_deployed("f", b"1")
    ids: list[str] = [context.allocate_thread_id("blink") for _ in range(3)]
    assert len(set(ids)) == 3
    assert all(name.startswith("blink") for name in ids)
