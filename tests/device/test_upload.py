"""Raw-paste: code of any length arrives whole, and every other promise holds as well."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
import trio
import trio.testing

from belay_actors import Device, DeviceOptions, DeviceState, RemoteError, open_device
from belay_actors.device import _connection
from processes import pause, resume

Eventually = Callable[[Callable[[], bool]], Awaitable[None]]


@pytest.fixture(params=["raw-paste", "plain"])
async def uploading(request: pytest.FixtureRequest) -> AsyncIterator[Device]:
    options = DeviceOptions(upload=request.param)
    async with open_device("micropython:", options=options) as device:
        yield device


def program(lines: int) -> tuple[str, int]:
    """Returns a program of many different lines, and what its ``total`` comes to."""
    code = "total = 0\n" + "".join(f"total += {n}  # line {n:05}\n" for n in range(lines))
    return code, sum(range(lines))


@pytest.mark.parametrize("lines", [0, 1, 5, 6, 7, 8, 9, 10, 11, 12, 100, 500])
async def test_code_of_any_length_arrives_whole(uploading: Device, lines: int) -> None:
    code, total = program(lines)
    assert await uploading.execute(f"{code}print(total)") == f"{total}\n"
    assert await uploading.evaluate("total") == total


async def test_code_of_every_length_around_the_windows_arrives_whole(uploading: Device) -> None:
    for size in range(60, 300, 3):
        text = ("0123456789" * 30)[:size]
        assert await uploading.evaluate(f"'{text}'") == text
    assert uploading.generation == 1


async def test_code_may_hold_control_characters(uploading: Device) -> None:
    text = "\x01\x02\x03\x04\x05\x1e\x1f\x7f\u20ac"
    assert await uploading.evaluate(f"'''{text}'''") == text


async def test_errors_are_told(uploading: Device) -> None:
    with pytest.raises(RemoteError, match="SyntaxError"):
        await uploading.execute("x = " * 200)
    with pytest.raises(RemoteError, match="ZeroDivisionError"):
        await uploading.execute("#" * 5000 + "\n1/0")
    assert await uploading.evaluate("1 + 1") == 2


async def test_a_call_can_be_cancelled(
    uploading: Device, eventually: Eventually, tmp_path: Path
) -> None:
    code, total = program(100)
    for number in range(3):
        has_run = tmp_path / str(number)
        scope = trio.CancelScope()
        async with trio.open_nursery() as nursery:

            @nursery.start_soon
            async def _() -> None:
                with scope:  # noqa: B023  # this turn's
                    await uploading.execute(f"{code}open('{has_run}', 'w')\nwhile True: pass")  # noqa: B023

            await eventually(has_run.exists)
            scope.cancel()
        assert scope.cancelled_caught
        assert await uploading.evaluate("total", int) == total
    assert uploading.generation == 1


async def test_an_upload_can_be_cancelled_at_any_moment(uploading: Device) -> None:
    code, _ = program(300)
    for moment in range(12):
        with trio.move_on_after(moment * 0.0007):
            await uploading.execute(code)
        assert await uploading.evaluate(f"{moment}") == moment
    # A SIGINT while it compiles can break the interpreter, which is then restarted.
    assert uploading.state is DeviceState.OPEN


async def test_many_tasks_may_call(uploading: Device) -> None:
    async def work(number: int) -> None:
        text = str(number) * 300
        assert await uploading.evaluate(f"'{text}'") == text

    async with trio.open_nursery() as nursery:
        for number in range(30):
            nursery.start_soon(work, number)


async def test_a_board_that_stands_still_while_code_is_sent_gets_it_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    code, total = program(50)
    options = DeviceOptions(upload="raw-paste")
    async with open_device("micropython:", options=options) as device:
        monkeypatch.setattr(_connection, "_UPLOAD_TIME", 0)  # for boards that may lose bytes
        assert device.process_id is not None
        await pause(device.process_id)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(device.execute, code)
            await trio.testing.wait_all_tasks_blocked()
            nursery.start_soon(device.execute, "short = 1")
            await trio.testing.wait_all_tasks_blocked()
            resume(device.process_id)
        assert await device.evaluate("total, short") == (total, 1)
