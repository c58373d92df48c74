"""The session layer in 9.7 KB of heap, on firmware of 2017: what works, and what is refused."""

import random
from collections.abc import AsyncIterator

import pytest
import trio

from belay_actors import (
    Device,
    DeviceBusyError,
    DeviceCapabilityError,
    DeviceSessionManager,
    RemoteError,
    RemoteOSError,
    SessionReport,
    open_device,
    open_session_manager,
)
from boards import Board

FREE = "(lambda gc: (gc.collect(), gc.mem_free())[1])(__import__('gc'))"


@pytest.fixture
async def device(microbit: Board) -> AsyncIterator[Device]:
    async with open_device(microbit) as device:
        yield device


@pytest.fixture
async def manager(device: Device) -> AsyncIterator[DeviceSessionManager]:
    async with open_session_manager() as manager:
        yield manager


async def test_its_capabilities(device: Device) -> None:
    capabilities = device.capabilities
    assert (capabilities.implementation, capabilities.platform) == ("micropython", "microbit")
    assert capabilities.version == (1, 9, 2)
    assert capabilities.newline == "\r\n"
    assert not capabilities.has_threads
    assert not capabilities.has_complex
    assert capabilities.max_code_bytes is not None
    assert 3000 < capabilities.max_code_bytes < 4000


@pytest.mark.parametrize(
    "value",
    [
        *(None, True, 0, -1, 2**70, 1.5, "", "é\n\x04", b"\xff\x00", range(2, 9, 3)),
        *(
            [],
            [1, (2, [3, {"a": {4}}])],
            {1: "a", (2,): None},
            {1, 2},
            frozenset({1}),
            bytearray(b"x"),
        ),
    ],
    ids=repr,
)
async def test_values_come_back(device: Device, value: object) -> None:
    back = await device.evaluate(repr(value))
    assert back == value
    assert type(back) is type(value)


async def test_sessions_are_apart_and_give_everything_back(
    device: Device, manager: DeviceSessionManager
) -> None:
    async with manager.open_session(device) as session:
        await session.execute("x = 0")
    before = await device.evaluate(FREE, int)
    reports: list[SessionReport | None] = []
    for number in range(20):
        async with manager.open_session(device) as one, manager.open_session(device) as other:
            await one.execute(f"x = {number}\ndef f(): return x")
            await other.execute(f"x = 'y' * {number + 100}")
            assert await one.evaluate("f()") == number
            assert await other.execute("print(len(x))") == f"{number + 100}\n"
        reports += [one.report, other.report]
    assert all(report is not None and report.is_clean for report in reports)
    assert {report.names_dropped for report in reports if report is not None} == {1, 2}
    assert await device.evaluate(FREE, int) >= before - 32
    assert await device.evaluate("'x' in globals()") is False


async def test_errors_have_names_messages_and_tracebacks(
    device: Device, manager: DeviceSessionManager
) -> None:
    async with manager.open_session(device) as session:
        with pytest.raises(RemoteError, match="ZeroDivisionError: division by zero") as caught:
            await session.execute("def f():\n    return 1 / 0\nprint('so far')\nf()")
        assert caught.value.output == "so far\n"
        assert caught.value.traceback.splitlines()[1:3] == [
            '  File "<string>", line 4, in <module>',
            '  File "<string>", line 2, in f',
        ]
        with pytest.raises(RemoteOSError, match="file not found") as failed:
            await session.execute("open('nothing')")
        assert failed.value.errno is None
        with pytest.raises(RemoteError) as wrong:
            await session.execute("x =")
        assert wrong.value.type_name == "SyntaxError"


async def test_what_it_lacks_is_refused_before_anything_is_sent(
    microbit: Board, device: Device, manager: DeviceSessionManager
) -> None:
    async with manager.open_session(device) as session:
        calls = device.snapshot().calls.served
        with pytest.raises(DeviceCapabilityError, match="no complex numbers"):
            await session.evaluate("1", returns=complex)
        assert device.snapshot().calls.served == calls
        with pytest.raises(DeviceCapabilityError, match="send it in parts") as caught:
            await session.execute("#" * 4000)
        assert caught.value.session_id == session.session_id
    assert device.generation == 1


async def test_code_for_which_there_is_no_memory_is_an_error_like_others(
    device: Device, manager: DeviceSessionManager
) -> None:
    async with manager.open_session(device) as session:
        await session.execute("kept = 1")
        with pytest.raises(RemoteError, match="MemoryError"):
            await session.execute("x = [" + "12345, " * 400 + "]")
        with pytest.raises(RemoteError, match="MemoryError"):
            await session.execute("x = bytearray(20000)")
        assert await session.evaluate("kept") == 1
    assert device.generation == 1


async def test_long_output_arrives_whole(device: Device) -> None:
    lines = [f"line {number} of many\n" for number in range(500)]
    code = "for n in range(500): print('line', n, 'of many')"
    assert await device.execute(code) == "".join(lines)


async def test_many_calls_and_cancellations_in_any_order(
    device: Device, manager: DeviceSessionManager
) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")  # noqa: T201
    chance = random.Random(seed)
    endless = ("while True: pass", "while True: print('abc')", "import time\ntime.sleep(100)")

    async def work() -> None:
        async with manager.open_session(device) as session:
            number = chance.randrange(10**6)
            await session.execute(f"x = {number}")
            for _ in range(12):
                if chance.random() < 0.3:
                    with trio.move_on_after(chance.random() * 0.05):
                        await session.execute(chance.choice(endless))
                more = chance.randrange(1000)
                assert await session.evaluate(f"x + {more}") == number + more

    async with trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(work)
    assert device.generation == 1


async def test_it_is_left_at_its_friendly_prompt_without_anything_of_ours(microbit: Board) -> None:
    async with open_device(microbit) as device:
        with pytest.raises(DeviceBusyError):
            async with open_device(microbit.url):
                pass
        await device.execute("x = 5")
    link = await microbit.connect()
    said = b""
    await link.send_all(b"\rprint('__b' in globals(), x)\r")
    with trio.fail_after(20):
        while b"False 5\r\n>>> " not in said:
            said += await link.receive_some()
    await link.aclose()
