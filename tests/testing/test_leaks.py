"""Deliberate leaks of every kind, each of which the check must find, and programs without any."""

import gc
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable
from functools import partial

import pytest
import trio

from belay_actors import (
    Device,
    DeviceResetError,
    DeviceState,
    RemoteError,
    open_device,
    open_session_manager,
)
from belay_actors.testing import LeakCheck, LeakError
from belay_actors.transport import LocalLink
from boards import SOFT_RESET

LinkOf = Callable[[Device], LocalLink]
Eventually = Callable[[Callable[[], bool]], Awaitable[None]]


async def leaks_of(body: Callable[[], Awaitable[object]], *devices: Device) -> tuple[str, ...]:
    """What the check finds; empty if nothing."""
    try:
        async with LeakCheck(*devices, patience=0.1):
            await body()
    except LeakError as error:
        return error.leaks
    return ()


# On the host.


async def test_a_task_that_runs_on(nursery: trio.Nursery) -> None:
    async def leave_a_task() -> None:
        nursery.start_soon(trio.sleep_forever, name="forgotten")

    async def leave_a_task_in_a_task() -> None:
        async def parent() -> None:
            async with trio.open_nursery() as inner:
                inner.start_soon(trio.sleep_forever, name="child")
                inner.start_soon(trio.sleep_forever, name="other child")

        nursery.start_soon(parent, name="parent")

    with pytest.raises(LeakError, match=r"left behind:\n  task forgotten at"):
        async with LeakCheck(patience=0.1):
            await leave_a_task()
    assert len(await leaks_of(leave_a_task_in_a_task)) == 3


async def test_a_system_task_that_runs_on() -> None:
    async def leave_a_system_task() -> None:
        trio.lowlevel.spawn_system_task(trio.sleep_forever, name="forgotten")

    (leak,) = await leaks_of(leave_a_system_task)
    assert "forgotten" in leak


async def test_a_thread_that_runs_on() -> None:
    end = threading.Event()
    thread = threading.Thread(target=end.wait, name="forgotten")

    async def leave_a_thread() -> None:
        thread.start()

    try:
        assert await leaks_of(leave_a_thread) == ("thread forgotten",)
    finally:
        end.set()
        thread.join()


async def test_a_worker_thread_that_was_abandoned() -> None:
    end = threading.Event()

    async def abandon_a_worker() -> None:
        with trio.move_on_after(0.01):
            await trio.to_thread.run_sync(end.wait, abandon_on_cancel=True)

    try:
        (leak,) = await leaks_of(abandon_a_worker)
        assert leak.startswith("thread wait from ")
    finally:
        end.set()


async def test_a_worker_thread_that_has_done_its_work_is_none() -> None:
    async def use_workers() -> None:
        async with trio.open_nursery() as nursery:
            for _ in range(3):
                nursery.start_soon(trio.to_thread.run_sync, os.getpid)

    assert await leaks_of(use_workers) == ()


async def test_open_files_and_pipes() -> None:
    opened: list[int] = []

    async def leave_open() -> None:
        opened.append(os.open(__file__, os.O_RDONLY))
        opened.append(os.open(__file__, os.O_RDONLY))
        opened.extend(os.pipe())

    try:
        file, pipe = await leaks_of(leave_open)
        assert file == f"2 more file descriptors to {__file__}"
        assert pipe.startswith("2 more file descriptors to pipe:[")
    finally:
        for descriptor in opened:
            os.close(descriptor)


async def test_a_file_that_takes_the_number_of_another() -> None:
    before = os.open(os.devnull, os.O_RDONLY)
    opened: list[int] = []

    async def replace() -> None:
        os.close(before)
        opened.append(os.open(__file__, os.O_RDONLY))

    leaks = await leaks_of(replace)
    assert opened == [before]
    os.close(opened[0])
    assert leaks == (f"1 more file descriptor to {__file__}",)


async def test_a_child_process_that_runs_on() -> None:
    children: list[subprocess.Popen[bytes]] = []

    async def leave_a_child() -> None:
        children.append(subprocess.Popen(["sleep", "100"]))  # noqa: ASYNC220

    (leak,) = await leaks_of(leave_a_child)
    (child,) = children
    child.kill()
    child.wait()
    assert leak == f"child process {child.pid}: sleep (state S)"


async def test_a_child_process_that_nobody_waits_for() -> None:
    children: list[int] = []

    async def leave_a_zombie() -> None:
        child = os.posix_spawn(sys.executable, [sys.executable, "-c", ""], os.environ)  # noqa: ASYNC221
        children.append(child)
        os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)  # noqa: ASYNC222

    (leak,) = await leaks_of(leave_a_zombie)
    os.waitpid(children[0], 0)  # noqa: ASYNC222
    assert leak.endswith("(state Z)")


async def test_what_garbage_collection_frees_is_none() -> None:
    class Cycle:
        def __init__(self) -> None:
            self.me = self
            self.descriptor = os.open(os.devnull, os.O_RDONLY)

        def __del__(self) -> None:
            os.close(self.descriptor)

    async def make_a_cycle() -> None:
        gc.disable()
        Cycle()

    try:
        assert await leaks_of(make_a_cycle) == ()
    finally:
        gc.enable()


# On the board.


async def use_the_board(device: Device) -> None:
    """Everything that a board may keep for good when it sees it first."""
    async with open_session_manager() as manager, manager.open_session(device) as session:
        await session.execute("import json\nx = 1\ndef f(): return x")
        with pytest.raises(RemoteError):
            await session.evaluate("f() / 0")
        with trio.move_on_after(0.02):
            await session.execute("while True: x += 1")


async def test_sessions_that_give_everything_back_leave_nothing(device: Device) -> None:
    await use_the_board(device)
    async with LeakCheck(device, memory_tolerance=512):
        for _ in range(20):
            await use_the_board(device)


async def test_a_device_that_is_opened_and_closed_leaves_nothing() -> None:
    async with LeakCheck(), open_device("micropython:") as device:
        await use_the_board(device)


async def test_a_device_that_is_not_closed() -> None:
    devices: list[Device] = []
    scope = trio.CancelScope()

    async def hold_a_device(task_status: trio.TaskStatus[None]) -> None:
        with scope:
            async with open_device("micropython:") as device:
                devices.append(device)
                task_status.started()
                await trio.sleep_forever()

    async with trio.open_nursery() as nursery:

        async def open_one() -> None:
            await nursery.start(hold_a_device)

        leaks = await leaks_of(open_one)
        scope.cancel()
    assert f"child process {devices[0].process_id}" in " ".join(leaks)
    assert "/dev/ptmx" in " ".join(leaks)
    assert f"task belay_actors device {devices[0].name}" in " ".join(leaks)


async def test_a_session_that_is_not_ended(device: Device) -> None:
    async with open_session_manager() as manager:

        async def leave_a_session() -> None:
            session = await manager.create_session(device)
            await session.execute("x = 1")

        leaks = await leaks_of(leave_a_session, device)
        assert f"{device.name}: session namespace 1" in leaks
        before = leaks
        assert f"{device.name}: session namespace 2" in await leaks_of(leave_a_session, device)
        assert before == leaks


async def test_memory_on_the_board(device: Device) -> None:
    async def keep(size: int) -> None:
        await device.execute(f"kept = bytearray({size})")

    (leak,) = await leaks_of(lambda: keep(5000), device)
    bytes_left = int(leak.split()[1])
    assert leak == f"{device.name}: {bytes_left} more bytes of memory in use"
    assert 5000 <= bytes_left < 6000
    assert await leaks_of(lambda: keep(6000), device) == ()
    async with LeakCheck(device, memory_tolerance=100_000):
        await keep(50_000)


THREAD = """
import _thread, time
def run():
    while go_on: time.sleep_ms(1)
go_on = True
_thread.start_new_thread(run, ())
"""


async def test_a_thread_on_the_board(device: Device) -> None:
    (leak,) = await leaks_of(lambda: device.execute(THREAD), device)
    assert leak == f"{device.name}: 1 more threads"
    await device.execute("go_on = False")


async def test_a_thread_on_the_board_that_ends_in_time_is_none(device: Device) -> None:
    async with (
        LeakCheck(device, patience=5),
        open_session_manager() as manager,
        manager.open_session(device) as session,
    ):
        await session.execute(THREAD)


async def test_each_of_several_devices_is_looked_at(device: Device) -> None:
    async with open_device("micropython:") as other:
        for leaky in (device, other):
            keep = partial(leaky.execute, "x = bytearray(9000)")
            (leak,) = await leaks_of(keep, device, other)
            assert leak.startswith(f"{leaky.name}: ")


async def test_a_device_that_was_lost_is_not_asked(
    device: Device, link_of: LinkOf, eventually: Eventually
) -> None:
    check = LeakCheck(device)
    async with check:
        os.kill(link_of(device).pid, signal.SIGKILL)
        await eventually(lambda: device.state is DeviceState.LOST)
    assert check.not_asked == (device.name,)


async def test_a_device_that_was_reset_is_asked_for_its_sessions(
    device: Device, link_of: LinkOf, eventually: Eventually
) -> None:
    async def reset() -> None:
        link_of(device).send_nowait(SOFT_RESET)
        await eventually(lambda: device.generation == 2)
        await device.execute("x = bytearray(50_000)")

    async with LeakCheck(device) as check:
        await reset()
    assert check.not_asked == ()
    async with open_session_manager() as manager:

        async def leave_a_session() -> None:
            session = await manager.create_session(device)
            await session.execute("x = 1")

        assert f"{device.name}: session namespace 1" in await leaks_of(leave_a_session, device)


async def test_an_error_of_the_body_comes_out_unchecked(device: Device) -> None:
    descriptor: list[int] = []
    with pytest.raises(DeviceResetError, match="of the body"):
        async with LeakCheck(device):
            descriptor.append(os.open(os.devnull, os.O_RDONLY))
            raise DeviceResetError("of the body")
    os.close(descriptor[0])


async def test_a_cancelled_check_is_cancelled(device: Device) -> None:
    with trio.CancelScope() as scope:
        async with LeakCheck(device):
            scope.cancel()
    assert scope.cancelled_caught


async def test_a_census_tells_memory_and_namespaces(device: Device) -> None:
    first = await device.census()
    await device.execute("x = bytearray(10_000)")
    async with open_session_manager() as manager, manager.open_session(device) as session:
        await session.execute("x = 1")
        second = await device.census()
    third = await device.census()
    assert (first.namespaces, second.namespaces, third.namespaces) == ((), (1,), ())
    assert 9_000 < second.memory_used - first.memory_used < 20_000
