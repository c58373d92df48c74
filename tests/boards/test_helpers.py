"""Detection and dropping on every board: what they find, and that they leave nothing."""

import attrs
import pytest

from belay_actors import Device, DeviceCapabilities, DeviceSessionManager
from belay_actors.testing import LeakCheck
from boards import Board

_HEAP = "(lambda gc: gc.mem_alloc() + gc.mem_free())(__import__('gc'))"


async def detect_again(device: Device) -> DeviceCapabilities:
    attachment = device._attachment
    attachment.capabilities = attrs.evolve(attachment.capabilities, is_detected=False)
    return await device.detect()


def believe_in_heap(device: Device, size: int | None) -> None:
    attachment = device._attachment
    attachment.capabilities = attrs.evolve(attachment.capabilities, memory_bytes=size)


async def test_detection_tells_what_the_board_has(board: Board, device: Device) -> None:
    found = await device.detect()
    assert found is device.capabilities
    assert found.float_bits == (32 if board.is_small else 64)
    assert found.has("_thread") is found.has_threads is board.has_threads
    assert found.has("microbit") is found.has("machine.unique_id") is board.is_small
    assert found.has("sys.stdin") is found.has("json") is not board.is_small
    assert found.has("os.remove") is found.has("machine") is True
    assert (found.unique_id != "") is board.is_small
    assert found.memory_bytes is not None
    assert (9_000 if board.is_small else 10**6) < found.memory_bytes < 10**7
    assert device.memory is not None
    assert 0 < device.memory.used < (10_000 if board.is_small else 50_000)


async def test_detections_and_sessions_in_a_row_leave_no_memory(
    board: Board, device: Device, manager: DeviceSessionManager
) -> None:
    await device.detect()
    async with manager.open_session(device) as session:  # what the first one sends stays
        await session.execute("x = 1")
    async with LeakCheck(device, memory_tolerance=0 if board.is_small else 64):
        for number in range(20):
            async with manager.open_session(device) as session:
                await session.execute(f"x = 'x' * {100 + number}\ndef f(): return x")
                assert await session.evaluate("len(f())") == 100 + number
            if number % 5 == 0:
                await detect_again(device)


@pytest.mark.parametrize("is_heap_known", [True, False])
async def test_memory_is_measured_when_a_namespace_is_dropped(
    device: Device, manager: DeviceSessionManager, is_heap_known: bool
) -> None:
    session = await manager.create_session(device)
    if not is_heap_known:  # as where the board could not be asked
        believe_in_heap(device, None)
    await session.execute("x = bytearray(1000)")
    heap = await device.evaluate(_HEAP, int)
    full = await device.census()
    dropped = await device.drop(session._seat, measure=True)
    assert dropped.memory is not None
    assert dropped.memory is device.memory
    assert (dropped.names, dropped.is_gone) == (1, True)
    # The code that drops it has come meanwhile.
    assert dropped.memory.used < full.memory_used + 2500 - 1000
    assert dropped.memory.used + dropped.memory.free == heap


async def test_a_heap_that_has_grown_is_measured(
    device: Device, manager: DeviceSessionManager
) -> None:
    session = await manager.create_session(device)
    await session.execute("x = 1")
    believe_in_heap(device, 1000)
    dropped = await device.drop(session._seat, measure=True)
    assert dropped.memory is not None
    assert dropped.memory.used > 1000
    assert dropped.memory.free == 0


@pytest.mark.boards("microbit")
async def test_a_session_on_a_small_board_may_fill_its_memory_after_a_detection(
    board: Board, device: Device, manager: DeviceSessionManager
) -> None:
    await device.detect()
    async with manager.open_session(device) as session:
        await session.execute("x = bytearray(3000)")  # half of what is free at first lies together
    assert session.report is not None
    assert session.report.is_clean
    assert (await device.census()).memory_used < 4700
    assert device.generation == 1
