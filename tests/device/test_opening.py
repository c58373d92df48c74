"""Opening a device: what is no board is told apart, by typed errors, and nothing stays behind."""

import importlib.util
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import trio

from belay_actors import (
    BelayError,
    Device,
    DeviceCapabilityError,
    DeviceNotFoundError,
    DeviceOptions,
    InvalidURLError,
    open_device,
)
from belay_actors.transport import LocalTransport

QUICK = DeviceOptions(attach_timeout=1.5)

# A unix port before 1.27: a friendly prompt with an editor that echoes, and no raw REPL.
OLD_UNIX_PORT = """#!/usr/bin/env python3
import os
os.write(1, b"MicroPython v1.19.1 on 2022-06-18; linux [GCC 9.3.0] version\\r\\n"
            b"Use Ctrl-D to exit, Ctrl-E for paste mode\\r\\n>>> ")
while data := os.read(0, 100):
    for byte in data:
        if byte == 4:
            raise SystemExit
        os.write(1, bytes([byte]) if byte >= 32 else b"\\r\\n>>> ")
"""

# What makes a program look alive, but is no MicroPython.
CHATTERBOX = """#!/usr/bin/env python3
import os
while data := os.read(0, 100):
    os.write(1, b"what do you mean?\\r\\n")
"""


def make_program(place: Path, source: str) -> str:
    place.write_text(source)
    place.chmod(0o755)
    return str(place)


def find_nothing(_: str) -> None:
    """Stands in for ``importlib.util.find_spec`` where no package is installed."""


@pytest.mark.parametrize(
    "url",
    [
        "",
        "micropython",
        ":",
        "ttyUSB0",
        "serial:",
        "serial:?baudrate=9600",
        "serial:/dev/ttyUSB0?baudrate=0",
        "serial:/dev/ttyUSB0?baudrate=fast",
        "serial:/dev/ttyUSB0?dtr=maybe",
        "serial:/dev/ttyUSB0?reset=button",
        "serial:/dev/ttyUSB0?parity=even",
        "nonsense:x",
        "micropython:?heapsize=",
        "micropython:?heapsize=lots",
        "micropython:?heapsize=-1",
        "micropython:?heapsize=0",
        "micropython:?heapsise=64k",
        "micropython:?heapsize=64k&verbose=1",
        "micropython:?heapsize",
        "micropython:?&",
    ],
)
async def test_a_wrong_url_is_refused(url: str) -> None:
    with pytest.raises(InvalidURLError) as caught:
        async with open_device(url):
            pass
    assert caught.value.device == url
    assert repr(url) in str(caught.value)
    assert isinstance(caught.value, ValueError)


async def expect_not_found(url: str) -> DeviceNotFoundError:
    with pytest.raises(DeviceNotFoundError) as caught:
        async with open_device(url, options=QUICK):
            pass
    assert caught.value.device == url
    return caught.value


async def test_a_missing_binary_is_not_found(tmp_path: Path) -> None:
    error = await expect_not_found(f"micropython:{tmp_path}/absent")
    assert "does not exist" in str(error)
    assert "pip install" in str(error)


async def test_a_directory_is_no_binary(tmp_path: Path) -> None:
    assert "is no file" in str(await expect_not_found(f"micropython:{tmp_path}"))


async def test_a_file_that_may_not_be_executed_is_not_run(tmp_path: Path) -> None:
    place = tmp_path / "micropython"
    place.write_text("")
    assert "may not be executed" in str(await expect_not_found(f"micropython:{place}"))


@pytest.mark.parametrize("program", ["/bin/true", "/bin/cat"])
async def test_a_binary_that_is_no_micropython_is_not_found(program: str) -> None:
    assert "MicroPython" in str(await expect_not_found(f"micropython:{program}"))


async def test_what_a_program_said_that_is_no_micropython_is_told(tmp_path: Path) -> None:
    program = make_program(tmp_path / "chatterbox", CHATTERBOX)
    assert "what do you mean?" in str(await expect_not_found(f"micropython:{program}"))


async def test_a_file_that_is_no_program_is_not_found(tmp_path: Path) -> None:
    program = make_program(tmp_path / "garbage", "\0\1\2")
    await expect_not_found(f"micropython:{program}")


async def test_an_old_unix_port_lacks_the_raw_repl(tmp_path: Path) -> None:
    program = make_program(tmp_path / "micropython-1.19", OLD_UNIX_PORT)
    url = f"micropython:{program}"
    with pytest.raises(DeviceCapabilityError, match=r"1\.27") as caught:
        async with open_device(url, options=QUICK):
            pass
    assert "v1.19.1" in str(caught.value)
    assert caught.value.device == url


async def test_without_any_interpreter_the_error_says_how_to_get_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", find_nothing)
    monkeypatch.setenv("PATH", "/nowhere")
    error = await expect_not_found("micropython:")
    assert "pip install 'belay_actors[micropython]'" in str(error)


async def test_an_interpreter_on_the_path_is_found(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    source = "#!/bin/sh\nexec {} -c 'from micropython_unix import main; main()' \"$@\"\n"
    make_program(tmp_path / "micropython", source.format(sys.executable))
    monkeypatch.setattr(importlib.util, "find_spec", find_nothing)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin")
    async with open_device("micropython:?heapsize=1M") as device:
        assert await device.evaluate("1 + 1") == 2


async def test_a_binary_may_be_named_by_a_url_with_escapes(tmp_path: Path) -> None:
    program = tmp_path / "my micropython?"
    source = "#!/bin/sh\nexec {} -c 'from micropython_unix import main; main()' \"$@\"\n"
    make_program(program, source.format(sys.executable))
    url = "micropython:" + str(program).replace(" ", "%20").replace("?", "%3F")
    async with open_device(url) as device:
        assert await device.evaluate("1 + 1") == 2


async def test_a_transport_may_stand_in_for_a_url() -> None:
    async with open_device(LocalTransport("micropython:", heap_size="512k")) as device:
        assert await device.evaluate("1 + 1") == 2


async def test_an_error_of_the_body_comes_out_bare() -> None:
    with pytest.raises(ZeroDivisionError):
        async with open_device("micropython:"):
            raise ZeroDivisionError
    with pytest.raises(BelayError):
        async with open_device("micropython:") as device:
            await device.execute("1/0")


async def test_opening_that_is_cancelled_at_any_moment_leaves_no_process(
    children: Callable[[], set[int]],
) -> None:
    before = children()
    moments = [0.0, 0.001, 0.003, 0.006, 0.01, 0.015, 0.02, 0.025, 0.03, 0.04]
    for moment in moments:
        with trio.move_on_after(moment):
            async with open_device("micropython:"):
                await trio.sleep_forever()
        assert children() <= before


async def test_a_program_that_never_answers_is_ended_when_opening_is_cancelled(
    children: Callable[[], set[int]],
) -> None:
    before = children()
    with trio.move_on_after(0.1) as scope:
        async with open_device("micropython:/bin/cat"):
            pass
    assert scope.cancelled_caught
    assert children() <= before


async def test_no_descriptor_is_left_open(device: Device) -> None:
    def count() -> int:
        return len(os.listdir("/proc/self/fd"))  # noqa: PTH208

    async with open_device("micropython:"):
        pass
    before = count()
    async with open_device("micropython:"):
        assert count() > before
    with pytest.raises(DeviceNotFoundError):
        async with open_device("micropython:/bin/true"):
            pass
    assert count() == before
