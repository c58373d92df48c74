"""The fake board's prompts, byte for byte; where both must agree, beside a real unix port."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import attrs
import pytest
import trio
import trio.testing
from trio.testing import MockClock

from belay_actors.testing import FakeBoard, open_fake_board
from belay_actors.transport import Link, LocalTransport

RAW = b"raw REPL; CTRL-B to exit\r\n>"
WINDOW = b"R\x01\x80\x00\x01"
TRACEBACK = b"Traceback (most recent call last):\r\n"


@attrs.define
class Talk:
    """A link to a fake board, and everything that the board has said and was not looked at yet."""

    link: Link
    _said: bytearray = attrs.field(factory=bytearray)

    async def listen(self) -> None:
        while data := await self.link.receive_some():
            self._said += data

    async def ask(self, data: bytes) -> bytes:
        """Types, and returns what the board says to it."""
        self.link.send_nowait(data)
        await trio.testing.wait_all_tasks_blocked()
        said = bytes(self._said)
        self._said.clear()
        return said


@asynccontextmanager
async def talk_to(board: FakeBoard) -> AsyncGenerator[Talk]:
    link = await board.connect()
    talk = Talk(link)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(talk.listen)
        yield talk
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def open_talk(**traits: Any) -> AsyncGenerator[Talk]:
    async with open_fake_board(**traits) as board, talk_to(board) as talk:
        yield talk


# What is typed, in parts. All of it ends as a host begins: with an interrupt and a Ctrl-A.
DIALOGUES: list[list[bytes]] = [
    # The raw REPL.
    [b"\x01", b"\x01", b"\x01\x01"],
    [b"\x01", b"\x03", b"abc\x03", b"print(1)\x04"],
    [b"\x01", b"print(1)\x04", b"5\x04", b"print('a\\nb', end='')\x04"],
    [b"\x01", b"print(1)\x04print(2)\x04"],
    [b"\x01", b"print(1)\r\nprint(2)\nprint(3)\rprint(4)\x04"],
    [b"\x01", b"1/0\x04", b"def f():\n 1/0\n\nf()\x04"],
    [b"\x01", b"a b c\x04", b"  x=1\x04", b"'abc\x04", b"print(1)\x00\x04"],
    [b"\x01", b'print("a\x04b")\x04'],
    [b"\x01", b"exec('1/0')\x04", b"eval('foo')\x04", b"exec('x = = 1')\x04"],
    [b"\x01", b"raise KeyboardInterrupt\x04", b"raise ValueError('a', 2)\x04"],
    [b"\x01", b"x=5\x04", b"\x02", b"x\r"],
    [b"\x01abc", b"\x02", b"x\r"],
    [b"\x01", "print('ä€')\x04".encode()],
    # Raw-paste.
    [b"\x01", b"\x05A\x01", b"print(3)\x04"],
    [b"\x01", b"\x05A\x01print(3)\x04", b"\x05A\x01print(3)\x04print(4)\x04"],
    [b"\x01", b"\x05A\x01", b"#" * 128 + b"\x04", b"\x05A\x01", b"#" * 256 + b"\x04"],
    [b"\x01", b"\x05A\x01", b"#" * 127, b"#", b"#" * 256, b"\rprint(4)\x04"],
    [b"\x01", b"\x05A\x01", b"print(3)\x03", b"print(4)\x04"],
    [b"\x01", b"\x05A\x01", b"pri\x03nt(3)\x04"],
    [b"\x01", b"\x05A\x01", b"\x04"],
    [b"\x01", b"\x05A\x01", b"a b c\x04", b"\x05A\x01", b"'a\x01b\x02'\x04"],
    [b"\x01", b"\x05B\x01", b"\x05A\x00", b"\x01", b"x\x05A\x01"],
    # The friendly prompt.
    [b"\r", b"1+1\r", b"x=3\r", b"x\r", b"'a'\r", b"None\r"],
    [b"1/0\r", b"x = 1; print(x)\r", b"foo bar\r"],
    [b"\x03", b"\x02", b"abc\x03", b"abc\x02", b"\x03"],
    [b"abc\x01", b"X\x05Y\x02\x7f\x04\x06\x06\x06\r"],
    [b"ab\x1b[5~c\r", b"if 1: print(3)\r", b"\x04", b"ab\x04\x06\x06\r"],
    [b"a" * 12 + b"\x01b", b"\x05\x7f\x04\r"],
    [b"def f():\r", b"return 5\r", b"\r", b"\r", b"\r", b"f()\r"],
    [b"for i in range(2):\r  print(i)\r  print(-i)\r\r", b"if 1:\r\x7f \x7f", b"\x03"],
    [b"if 1: print(3)\r", b"\r"],
    [b"(1,\r", b"2)\r", b"[1,\r\x03", b"x = 1 + \\\r2\r", b"x\r"],
    [b"'''ab\r", b"cd'''\r", b'"\\"("\r', b"'half a\r"],
    [b"\x05", b"print(1)\r", b"for i in (1, 2):\r  print(i)\r\x04"],
    [b"\x05", b"print(1)\r", b"\x03", b"\x05", b"\x01\x02\x03"],
    # Both, as a host that looks for the board does.
    [b"\x03\x03\x01", b"\x03\x03\x01", b"\x02", b"(1,\r", b"\x03\x03\x01"],
    [b"\x01", b"\x05A\x01half", b"\x03\x03\x01", b"half", b"\x03\x03\x02\x01"],
]
LAST = b"\x03\x03\x01"


async def hear_exactly(link: Link, size: int) -> bytes:
    said = b""
    with trio.move_on_after(5):
        while len(said) < size:
            said += await link.receive_some()
    return said


async def find_banner(link: Link) -> bytes:
    """Waits for the first prompt; returns the first line of what came before it."""
    said = b""
    while not said.endswith(b">>> "):
        said += await link.receive_some()
    return said.partition(b"\r\n")[0]


@pytest.mark.parametrize("parts", DIALOGUES, ids=lambda parts: repr(parts)[:60])
async def test_it_says_what_the_unix_port_says(parts: list[bytes]) -> None:
    async with open_talk(newline="\n") as talk:
        banner = (await talk.ask(b"\x02")).split(b"\r\n")[1]
        answers = [await talk.ask(part) for part in (*parts, LAST)]
    link = await LocalTransport("micropython:").connect()
    try:
        real_banner = await find_banner(link)
        for part, answer in zip((*parts, LAST), answers, strict=True):
            expected = answer.replace(banner, real_banner)
            await link.send_all(part)
            assert await hear_exactly(link, len(expected)) == expected, part
    finally:
        await link.aclose()


# What the unix port does differently, because it is a process and its terminal knows no Ctrl-C.


async def test_a_soft_reset_of_the_raw_repl_stays_there_and_forgets_all(
    autojump_clock: MockClock,
) -> None:
    async with open_fake_board() as board, talk_to(board) as talk:
        await talk.ask(b"\x01x = 1\x04")
        assert await talk.ask(b"\x04") == b"OK\r\nMPY: soft reboot\r\n" + RAW
        assert b"NameError" in await talk.ask(b"x\x04")
        assert board.starts == 2


async def test_a_soft_reset_of_the_friendly_prompt_shows_its_banner(
    autojump_clock: MockClock,
) -> None:
    async with open_talk() as talk:
        banner = (await talk.ask(b"\x02")).removeprefix(b"\r\n")
        assert banner.startswith(b"MicroPython v")
        assert banner.endswith(b'\r\nType "help()" for more information.\r\n>>> ')
        assert await talk.ask(b"\x04") == b"\r\nMPY: soft reboot\r\n" + banner


async def test_system_exit_is_a_soft_reset(autojump_clock: MockClock) -> None:
    async with open_talk() as talk:
        await talk.ask(b"\x01")
        expected = b"OK\x04\x04MPY: soft reboot\r\n" + RAW
        assert await talk.ask(b"raise SystemExit\x04") == expected
        assert await talk.ask(b"import sys; sys.exit(1)\x04") == expected


async def test_a_ctrl_c_interrupts_a_program(autojump_clock: MockClock) -> None:
    async with open_fake_board() as board, talk_to(board) as talk:
        await talk.ask(b"\x01")
        assert await talk.ask(b"while True: pass\x04") == b"OK"
        assert board.is_running
        place = b'  File "<stdin>", line 1, in <module>\r\n'
        interrupted = b"\x04" + TRACEBACK + place + b"KeyboardInterrupt: \r\n\x04>"
        assert await talk.ask(b"\x03") == interrupted
        assert not board.is_running


async def test_a_ctrl_c_that_comes_before_the_program_runs_is_lost(
    autojump_clock: MockClock,
) -> None:
    async with open_fake_board() as board, talk_to(board) as talk:
        await talk.ask(b"\x01")
        assert await talk.ask(b"while True: pass\x04\x03") == b"OK"
        assert board.is_running
        assert b"KeyboardInterrupt" in await talk.ask(b"\x03")


async def test_a_ctrl_c_that_answers_the_ok_may_come_too_early() -> None:
    outcomes: set[bool] = set()
    for _ in range(50):  # the scheduler throws dice
        async with open_fake_board() as board:
            link = await board.connect()
            link.send_nowait(b"\x01while True: pass\x04")
            said = b""
            while b"OK" not in said:
                said += await link.receive_some()
            link.send_nowait(b"\x03")
            await trio.testing.wait_all_tasks_blocked()
            outcomes.add(board.is_running)
    assert outcomes == {True, False}


async def test_input_during_a_program_is_read_after_it_without_the_ctrl_c(
    autojump_clock: MockClock,
) -> None:
    async with open_talk() as talk:
        await talk.ask(b"\x01")
        await talk.ask(b"while True: pass\x04")
        assert await talk.ask(b"pri") == b""
        assert (await talk.ask(b"\x03nt(1)\x04")).endswith(b"\x04>OK1\r\n\x04\x04>")


async def test_the_friendly_prompt_is_there_until_somebody_types(
    autojump_clock: MockClock,
) -> None:
    async with open_fake_board() as board, talk_to(board) as talk:
        assert board.is_at_friendly_prompt
        for typed, is_fresh in (
            (b"1", False),
            (b"\r", True),
            (b"(", False),
            (b"\r", False),
            (b")\r", True),
            (b"\x01", False),
            (b"\x02", True),
            (b"\x05", False),
            (b"\x04", True),
        ):
            await talk.ask(typed)
            assert board.is_at_friendly_prompt is is_fresh, typed


async def test_line_feeds_are_printed_as_chosen(autojump_clock: MockClock) -> None:
    for newline, expected in (("\n", b"OKa\nb\n\x04\x04>"), ("\r\n", b"OKa\r\nb\r\n\x04\x04>")):
        async with open_talk(newline=newline) as talk:
            await talk.ask(b"\x01")
            assert await talk.ask(b"print('a\\nb')\x04") == expected


@pytest.mark.parametrize("window", [1, 2, 7, 300, 0xFFFF])
async def test_every_window_is_granted(autojump_clock: MockClock, window: int) -> None:
    async with open_talk(raw_paste=window) as talk:
        await talk.ask(b"\x01")
        answer = b"R\x01" + window.to_bytes(2, "little") + b"\x01"
        assert await talk.ask(b"\x05A\x01") == answer
        assert await talk.ask(b"#" * (2 * window)) == b"\x01" * 2
        assert await talk.ask(b"#" * (window - 1)) == b""
        assert await talk.ask(b"#") == b"\x01"
        assert await talk.ask(b"\nprint(1)\x04") == b"\x01" * (9 // window) + b"\x041\r\n\x04\x04>"


async def test_old_firmware_answers_raw_paste_with_its_banner(autojump_clock: MockClock) -> None:
    async with open_talk(raw_paste=None) as talk:
        await talk.ask(b"\x01")
        assert await talk.ask(b"\x05A\x01") == RAW
        assert await talk.ask(b"print(1)\x04") == b"OK1\r\n\x04\x04>"


async def test_firmware_may_refuse_raw_paste(autojump_clock: MockClock) -> None:
    async with open_talk(raw_paste=0) as talk:
        await talk.ask(b"\x01")
        assert await talk.ask(b"\x05A\x01") == b"R\x00>"
        assert await talk.ask(b"print(1)\x04") == b"OK1\r\n\x04\x04>"


async def test_a_source_that_is_too_long_is_a_memory_error(autojump_clock: MockClock) -> None:
    error = b"\x04MemoryError: memory allocation failed, allocating 20 bytes\r\n\x04>"
    async with open_talk(max_source=20) as talk:
        await talk.ask(b"\x01")
        assert await talk.ask(b"#" * 21 + b"\x04") == b"OK" + error
        assert await talk.ask(b"#" * 20 + b"\x04") == b"OK\x04\x04>"


async def test_raw_paste_of_a_source_that_is_too_long_is_ended_early(
    autojump_clock: MockClock,
) -> None:
    error = b"\x04MemoryError: memory allocation failed, allocating 20 bytes\r\n\x04>"
    async with open_talk(max_source=20) as talk:
        await talk.ask(b"\x01")
        assert await talk.ask(b"\x05A\x01") == WINDOW
        assert await talk.ask(b"#" * 21) == b"\x04"
        assert await talk.ask(b"#" * 200) == b""
        assert await talk.ask(b"\x04") == error
        assert await talk.ask(b"print(1)\x04") == b"OK1\r\n\x04\x04>"
