"""Calls on a device: what they return, where their names live, and that they never mix."""

import pytest
import trio
import trio.testing

from belay_actors import Device, DeviceOptions, DeviceState, RemoteError, open_device


async def test_execute_returns_what_was_printed(device: Device) -> None:
    assert await device.execute("print('hello'); print('you', end='')") == "hello\nyou"
    assert await device.execute("x = 1") == ""
    assert await device.execute("") == ""


async def test_a_bare_expression_prints_nothing(device: Device) -> None:
    assert await device.execute("1 + 1") == ""


async def test_statements_may_span_lines_and_hold_any_text(device: Device) -> None:
    code = "def f(n):\n\tif n:\n\t\treturn 'ä\\n\"\\''\n\n# €\nprint(f(1))\r\nprint(2)\n"
    assert await device.execute(code) == "ä\n\"'\n2\n"


async def test_names_live_in_main_between_calls(device: Device) -> None:
    await device.execute("import math\ndef area(r):\n    return math.pi * r * r")
    assert await device.evaluate("area(2)", float) == pytest.approx(12.566, abs=0.001)
    assert await device.evaluate("__name__") == "__main__"


async def test_the_library_puts_one_name_into_main(device: Device) -> None:
    names = await device.evaluate("sorted(globals())", list[str])
    assert set(names) == {"__name__", "__file__", "__b"}


async def test_evaluating_leaves_no_name_behind(device: Device) -> None:
    before = await device.evaluate("len(globals())")
    await device.evaluate("[i for i in range(3)]")
    await device.execute("1")
    assert await device.evaluate("len(globals())") == before


async def test_what_an_expression_prints_goes_to_the_background_output(device: Device) -> None:
    assert await device.evaluate("print('aside') or 5") == 5
    assert device.background_output == "aside\n"


async def test_a01_fifty_tasks_never_see_each_others_replies(device: Device) -> None:
    async def work(me: int) -> None:
        for turn in range(10):
            assert await device.evaluate(f"'{me}-{turn}'") == f"{me}-{turn}"
            assert await device.execute(f"print({me}, {turn})") == f"{me} {turn}\n"
            with pytest.raises(RemoteError) as caught:
                await device.execute(f"raise ValueError('{me}/{turn}')")
            assert caught.value.remote_message == f"{me}/{turn}"

    async with trio.open_nursery() as nursery:
        for me in range(50):
            nursery.start_soon(work, me)
    assert device.snapshot().calls.served == 50 * 10 * 3
    assert device.snapshot().dropped_frames == 0


async def test_calls_of_one_task_run_in_their_order(device: Device) -> None:
    await device.execute("seen = []")
    async with trio.open_nursery() as nursery:
        for number in range(100):
            nursery.start_soon(device.execute, f"seen.append({number})")
            await trio.testing.wait_all_tasks_blocked()
    assert await device.evaluate("seen") == list(range(100))


async def test_twenty_interpreters_work_side_by_side() -> None:
    async def work(number: int) -> None:
        async with open_device("micropython:") as device:
            await device.execute(f"x = {number}")
            for _ in range(5):
                assert await device.evaluate("x") == number

    async with trio.open_nursery() as nursery:
        for number in range(20):
            nursery.start_soon(work, number)


async def test_a_device_tells_what_it_is(device: Device) -> None:
    await trio.lowlevel.checkpoint()
    found = device.capabilities
    assert found.implementation == "micropython"
    assert found.version >= (1, 27)
    assert found.platform == "linux"
    assert found.has_threads is True
    assert found.newline == "\n"
    assert device.url == "micropython:"
    assert device.state is DeviceState.OPEN
    assert device.generation == 1
    assert repr(device) == f"<Device {device.name} open>"


async def test_a_snapshot_counts_calls(device: Device) -> None:
    await device.execute("x = 1")
    with trio.move_on_after(0.05):
        await device.execute("while True: pass")
    found = device.snapshot()
    assert found.name == device.name
    assert found.url == "micropython:"
    assert found.state is DeviceState.OPEN
    assert found.generation == 1
    assert found.was_swept is False
    assert found.session_count == 0
    assert (found.calls.served, found.calls.interrupted, found.calls.waiting) == (1, 1, 0)
    assert found.calls.is_busy is False


async def test_two_devices_of_one_url_have_names_of_their_own(device: Device) -> None:
    async with open_device("micropython:") as other:
        assert other.name != device.name


async def test_a_device_keeps_the_name_it_was_given() -> None:
    async with open_device("micropython:", name="left arm") as device:
        assert device.name == "left arm"
        with pytest.raises(RemoteError, match=r"\[device left arm\]"):
            await device.execute("1/0")


async def test_the_heap_size_of_the_url_is_used() -> None:
    size = "__import__('gc').mem_free() + __import__('gc').mem_alloc()"
    async with open_device("micropython:?heapsize=256k") as small:
        assert 200_000 < await small.evaluate(size, int) < 256 * 1024
        with pytest.raises(RemoteError, match="MemoryError"):
            await small.execute("x = bytearray(300_000)")
        assert await small.evaluate("1") == 1


@pytest.mark.parametrize(
    "values",
    [
        {"attach_timeout": 0},
        {"attach_timeout": float("inf")},
        {"recovery_grace": -1},
        {"recovery_grace": float("inf")},
        {"recovery_grace": "soon"},
        {"max_output_bytes": 0},
        {"max_output_bytes": 1.5},
        {"upload": "carrier pigeon"},
    ],
)
def test_wrong_device_options_are_refused(values: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(values))):
        DeviceOptions(**values)  # type: ignore[arg-type]  # pyright: ignore


async def test_garbage_of_calls_does_not_pile_up_on_the_board(device: Device) -> None:
    """It would make every call slower, until there is no room left and all is collected."""
    await device.execute("import gc\ngc.collect()")
    before = await device.evaluate("gc.mem_alloc()", int)
    for _ in range(1000):
        await device.evaluate("b'garbage'[0:5] * 50")
    assert await device.evaluate("gc.mem_alloc()", int) < before + 200_000
