"""``Device.detect`` on the unix port: what is found, when it is asked, and what may go wrong."""

from collections.abc import AsyncIterator
from pathlib import Path

import attrs
import pytest
import trio
import trio.testing

from belay_actors import (
    CallTimeoutError,
    Device,
    DeviceCapabilityError,
    DeviceLostError,
    DeviceOptions,
    DeviceResetError,
    RemoteError,
    open_device,
    open_session_manager,
)
from belay_actors.device._attachment import Attachment
from boards import Board, open_unix_board

LOADED = "list(__import__('sys').modules)"


@pytest.fixture
def detections(monkeypatch: pytest.MonkeyPatch) -> list[Attachment]:
    """The attachments that have asked their boards."""
    asked: list[Attachment] = []
    run_detection = Attachment.run_detection

    async def counted(self: Attachment) -> object:
        asked.append(self)
        return await run_detection(self)

    monkeypatch.setattr(Attachment, "run_detection", counted)
    return asked


@pytest.fixture
async def quick(tmp_path: Path) -> AsyncIterator[Device]:
    """A device that has little time to answer, with a directory of a user's modules."""
    options = DeviceOptions(attach_timeout=0.5)
    async with open_device("micropython:", options=options) as device:
        await device.execute(f"import sys\nsys.path.insert(0, {str(tmp_path)!r})")
        yield device


def forget(device: Device) -> None:
    """Has the next detection ask the board again."""
    attachment = device._attachment
    attachment.capabilities = attrs.evolve(attachment.capabilities, is_detected=False)


async def test_what_the_unix_port_has(device: Device) -> None:
    basic = device.capabilities
    assert (basic.is_detected, basic.features, basic.unique_id) == (False, frozenset(), "")
    assert (basic.float_bits, basic.memory_bytes, device.memory) == (None, None, None)
    assert basic.has("os.remove") is None
    found = await device.detect()
    assert found is device.capabilities
    assert {"os.remove", "os.stat", "sys.stdin", "json", "_thread", "asyncio"} <= found.features
    assert not {"machine.Pin", "network", "microbit"} & found.features
    assert [found.has(name) for name in ("machine", "machine.Timer", "x")] == [True, False, None]
    assert (found.is_detected, found.float_bits, found.unique_id) == (True, 64, "")
    assert (found.version, found.has_threads) == (basic.version, basic.has_threads)
    assert device.memory is not None
    assert found.memory_bytes is not None
    assert found.memory_bytes == device.memory.used + device.memory.free
    assert 1e6 < device.memory.free < found.memory_bytes


async def test_it_leaves_nothing_on_the_board(device: Device) -> None:
    await device.execute("import json, asyncio")
    names, loaded = await device.evaluate("dir()"), await device.evaluate(LOADED)
    used: list[int] = [(await device.census()).memory_used]
    for _ in range(3):
        await device.detect()
        forget(device)
        used.append((await device.census()).memory_used)
    assert await device.evaluate("dir()") == names
    assert await device.evaluate(LOADED) == loaded
    assert used[1] - used[0] < 1500, "names that it asks for stay, and room for its line"
    assert used[1] == used[2] == used[3]


async def test_it_asks_once_in_each_life_of_the_board(detections: list[Attachment]) -> None:
    async with open_unix_board() as board, open_device(board) as device:
        async with trio.open_nursery() as nursery:
            for _ in range(5):
                nursery.start_soon(device.detect)
        assert await device.detect() is device.capabilities
        assert len(detections) == 1
        await board.soft_reset()
        with pytest.raises(DeviceResetError):
            while True:
                await device.execute("pass")
        assert (device.capabilities.is_detected, device.memory) == (False, None)
        assert (await device.detect()).is_detected
        assert len(detections) == 2


async def test_a_module_that_raises_at_its_import_is_not_there(
    quick: Device, tmp_path: Path
) -> None:
    (tmp_path / "machine.py").write_text("raise ValueError('not today')")
    (tmp_path / "network.py").write_text("x = 1")
    found = await quick.detect()
    assert (found.has("machine"), found.has("machine.Pin"), found.unique_id) == (False, False, "")
    assert found.has("network") is True
    assert found.has("os.remove") is True
    assert await quick.evaluate(LOADED) == []


async def test_a_users_machine_is_asked_like_the_firmwares(quick: Device, tmp_path: Path) -> None:
    (tmp_path / "machine.py").write_text("Timer = int\ndef unique_id(): return b'\\x01\\xab'")
    found = await quick.detect()
    assert (found.has("machine.Timer"), found.has("machine.Pin")) == (True, False)
    assert found.unique_id == "01ab"


async def test_an_answer_that_does_not_come_is_interrupted(quick: Device, tmp_path: Path) -> None:
    (tmp_path / "machine.py").write_text("while True: pass")
    with pytest.raises(DeviceCapabilityError, match="with_fallback_capabilities") as caught:
        await quick.detect()
    assert isinstance(caught.value.__cause__, CallTimeoutError)
    assert await quick.evaluate("6 * 7") == 42
    assert (quick.generation, quick.capabilities.is_detected) == (1, False)
    (tmp_path / "machine.py").write_text("")
    assert (await quick.detect()).has("machine")


async def test_waiting_for_others_is_no_time_to_answer(quick: Device) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(quick.execute, "import time\ntime.sleep(0.8)")
        await trio.testing.wait_all_tasks_blocked()
        assert (await quick.detect()).is_detected


@pytest.mark.parametrize(
    ("sabotage", "cause"),
    [
        ("raise SystemExit", RemoteError),
        ("import sys\nclass gc:\n def collect(): 1 / 0\nsys.modules['gc'] = gc", RemoteError),
        (
            "import sys\nclass gc:\n collect = int\n mem_alloc = mem_free = str\n"
            "sys.modules['gc'] = gc",
            ValueError,
        ),
    ],
)
async def test_an_answer_that_cannot_be_used(
    quick: Device, tmp_path: Path, sabotage: str, cause: type[Exception]
) -> None:
    if "gc" in sabotage:
        await quick.execute(sabotage)
    else:
        (tmp_path / "machine.py").write_text(sabotage)
    with pytest.raises(DeviceCapabilityError, match="with_fallback_capabilities") as caught:
        await quick.detect()
    assert isinstance(caught.value.__cause__, cause)
    assert caught.value.device == quick.name
    assert not quick.capabilities.is_detected
    assert await quick.evaluate("6 * 7") == 42


async def test_cancelled_it_is_over_and_may_be_asked_again(quick: Device, tmp_path: Path) -> None:
    (tmp_path / "machine.py").write_text("while True: pass")
    with trio.move_on_after(0.1) as scope:
        await quick.detect()
    assert scope.cancelled_caught
    assert not quick.capabilities.is_detected
    (tmp_path / "machine.py").unlink()
    async with open_session_manager() as manager, manager.open_session(quick) as session:
        assert await session.evaluate("6 * 7") == 42
    assert await quick.evaluate(LOADED) == []
    assert (await quick.detect()).is_detected
    assert quick.generation == 1


async def test_cancelled_at_any_moment_the_next_one_is_right(device: Device) -> None:
    for number in range(30):
        with trio.move_on_after(number * 0.0002):
            await device.detect()
        assert await device.evaluate(f"{number}") == number
        forget(device)
    assert (await device.detect()).has("os.stat")
    assert await device.evaluate("dir()") == ["__b", "__name__", "__file__"]


async def hang(device: Device, tmp_path: Path) -> None:
    await device.execute(f"import sys\nsys.path.insert(0, {str(tmp_path)!r})")
    (tmp_path / "machine.py").write_text("print('now')\nwhile True: pass")


@pytest.mark.parametrize("event", ["reset", "unplug"])
async def test_a_board_that_is_reset_or_gone_says_so(tmp_path: Path, event: str) -> None:
    errors = {"reset": DeviceResetError, "unplug": DeviceLostError}

    async def befall(board: Board) -> None:
        await board.has_said("now")
        await (board.reset() if event == "reset" else board.unplug())

    async with open_unix_board() as board, open_device(board) as device:
        await hang(device, tmp_path)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(befall, board)
            with pytest.raises(errors[event]):
                await device.detect()
