"""With a mock clock and a seeded scheduler a program takes the same steps every time."""

import random

import attrs
import pytest
import trio
from trio.testing import MockClock

from belay_actors import DeviceResetError, RemoteError, open_device, open_session_manager
from belay_actors.testing import FakeBoard, open_fake_board


@attrs.define(eq=False)
class Recorder(trio.abc.Instrument):
    """Writes down which task takes a step, and when."""

    steps: list[tuple[float, str]] = attrs.field(factory=list[tuple[float, str]])

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        self.steps.append((trio.current_time(), task.coro.__qualname__))


async def use(board: FakeBoard, said: list[object]) -> None:
    """Something of everything."""
    async with open_device(board) as device, open_session_manager() as manager:

        async def work(number: int) -> None:
            async with manager.open_session(device) as session:
                await session.execute("n = 0")
                with trio.move_on_after(1 + number / 10):
                    await session.execute("while True: n += 1")
                said.append(await session.evaluate("n"))
                with pytest.raises(RemoteError):
                    await session.execute(f"import time\ntime.sleep({number})\n1 / 0")
                said.append(await session.execute(f"print({{{number}, 'a', 'b'}} - {{'a', 'b'}})"))

        async with trio.open_nursery() as nursery:
            for number in range(3):
                nursery.start_soon(work, number)
        board.script("go()", seconds=1, effect=board.reset)
        with pytest.raises(DeviceResetError):
            await device.execute("go()")
        said.append(await device.evaluate("1 + 1"))


def run_once(seed: int) -> tuple[list[tuple[float, str]], list[object]]:
    said: list[object] = []

    async def main() -> None:
        async with open_fake_board(latency=0.003, is_lossless=seed % 2 == 0) as board:
            await use(board, said)

    recorder = Recorder()
    trio._core._run._r = random.Random(seed)
    trio.run(main, clock=MockClock(autojump_threshold=0), instruments=[recorder])
    return recorder.steps, said


@pytest.mark.parametrize("seed", [1, 2])
def test_every_run_takes_the_same_steps(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trio._core._run, "_ALLOW_DETERMINISTIC_SCHEDULING", True)
    monkeypatch.setattr(trio._core._run, "_r", trio._core._run._r)
    first, second = run_once(seed), run_once(seed)
    assert first == second
    assert len(first[0]) > 500
    assert run_once(seed + 2)[0] != first[0], "the scheduler is not what is seeded"
