"""Live output: whose lines are heard, when, by whom, and what is lost where somebody is slow."""

# What a failing scope has bound is looked at after it:
# pyright: reportPossiblyUnboundVariable=none

import gc
import tracemalloc
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest
import trio
import trio.testing
from hypothesis import given, settings, strategies as st

from belay_actors import (
    Device,
    DeviceSessionManager,
    DropPolicy,
    OutputLine,
    OutputLines,
    RemoteError,
    Session,
    SessionClosedError,
    open_device,
    open_session_manager,
)
from belay_actors.session._output import SessionOutput
from belay_actors.testing import cancel_everywhere, open_fake_board

Eventually = Callable[[Callable[[], bool]], Awaitable[None]]


@pytest.fixture
async def session(device: Device, manager: DeviceSessionManager) -> AsyncIterator[Session]:
    async with manager.open_session(device) as session:
        yield session


async def read(lines: OutputLines, count: int) -> list[tuple[str | None, str]]:
    """The next lines: thread and text."""
    found: list[tuple[str | None, str]] = []
    with trio.fail_after(10):
        while len(found) < count:
            line = await anext(lines)
            found.append((line.thread_id, line.text))
    return found


async def test_j04_a_line_says_where_and_when_it_comes_from(session: Session) -> None:
    before = datetime.now(UTC)
    async with session.output() as lines:
        await session.execute("print('hello', 5)")
        line = await anext(lines)
    assert line == OutputLine(
        text="hello 5",
        session_id=session.session_id,
        thread_id=None,
        time=line.time,
        dropped=0,
    )
    assert before <= line.time <= datetime.now(UTC)


async def test_j04_a_call_is_heard_while_it_runs(device: Device, session: Session) -> None:
    """The call goes on only when the host has heard it."""
    await device.execute("import builtins\nbuiltins.go = [False]")
    code = "print('waiting')\nimport time\nwhile not go[0]: time.sleep_ms(1)\nprint('gone on')"
    async with session.output() as lines, trio.open_nursery() as nursery:
        await session.executors.threads.start("release", "sleep_ms(300)\ngo[0] = True")
        nursery.start_soon(session.execute, code)
        started = trio.current_time()
        assert await read(lines, 1) == [(None, "waiting")]
        assert trio.current_time() - started < 0.25
        assert await read(lines, 1) == [(None, "gone on")]


async def test_j04_threads_expressions_and_calls_are_told_apart(session: Session) -> None:
    await session.execute("def f(): print('expression')")
    async with session.output() as lines:
        assert await session.execute("print('call')") == "call\n"
        await session.evaluate("f()")
        handle = await session.executors.threads.start("say", "print('one')\nprint('two', end='')")
        await handle.wait()
        plain = await session.executor_context.start_thread("tell", "print('three')")
        assert await read(lines, 5) == [
            (None, "call"),
            (None, "expression"),
            (handle.thread_id, "one"),
            (handle.thread_id, "two"),
            (plain.thread_id, "three"),
        ]
    assert session.background_output == "expression\none\ntwothree\n"


async def test_j04_what_a_thread_prints_during_a_call_is_not_the_calls(session: Session) -> None:
    async with session.output() as lines:
        handle = await session.executors.threads.start(
            "say", "for n in range(30):\n    print('thread', n)\n    sleep_ms(1)"
        )
        for number in range(50):
            assert await session.execute(f"print('call', {number})") == f"call {number}\n"
        await handle.wait()
        found = await read(lines, 80)
    assert [text for who, text in found if who is None] == [f"call {n}" for n in range(50)]
    assert [text for who, text in found if who] == [f"thread {n}" for n in range(30)]


async def test_j04_another_sessions_output_is_not_heard(
    device: Device, manager: DeviceSessionManager, session: Session
) -> None:
    async with (
        manager.open_session(device) as other,
        session.output() as mine,
        other.output() as others,
    ):
        for one in (session, other):
            handle = await one.executors.threads.start("say", f"print('{one.session_id}')")
            await handle.wait()
            await one.execute(f"print('{one.session_id}')")
        for one, lines in ((session, mine), (other, others)):
            assert [text for _, text in await read(lines, 2)] == [one.session_id] * 2
            assert not lines._lines


async def test_j04_lines_are_cut_at_line_feeds_alone(session: Session) -> None:
    async with session.output() as lines:
        await session.execute("print('a', end='')\nprint('b\\n\\nc\\rd\\x0be\\u2028f')")
        await session.execute("print('left', end='')")
        await session.execute("print('over')")
        texts = [text for _, text in await read(lines, 5)]
    assert texts == ["ab", "", "c\rd\x0be\u2028f", "left", "over"]


async def test_j04_bytes_that_come_apart_are_put_together(session: Session) -> None:
    async with session.output() as lines:
        await session.execute(
            "import sys, time\n"
            "for byte in 'é€😀\\n'.encode():\n"
            "    sys.stdout.buffer.write(bytes([byte]))\n"
            "    time.sleep_ms(3)\n"
            "sys.stdout.buffer.write(b'a\\xff\\xe2\\x82')"
        )
        assert await read(lines, 2) == [(None, "é€😀"), (None, "a\\xff\\xe2\\x82")]


async def test_j04_a_call_that_fails_or_is_cancelled_has_its_rest_told(session: Session) -> None:
    async with session.output() as lines:
        with pytest.raises(RemoteError):
            await session.execute("print('half', end='')\n1 / 0")
        with trio.move_on_after(0.2):
            await session.execute("print('cut', end='')\nwhile True: pass")
        await session.execute("print('next')")
        assert [text for _, text in await read(lines, 3)] == ["half", "cut", "next"]


async def test_j04_a_reader_that_does_nothing_else_loses_no_line(session: Session) -> None:
    """However fast a board prints: a piece of what it says never has as many lines as may wait."""
    code = "block = ('x' * 79 + '\\n') * 400\nfor _ in range(50): sys.stdout.write(block)\nprint()"
    async with session.output() as lines, trio.open_nursery() as nursery:
        nursery.start_soon(session.execute, f"import sys\n{code}")
        count = 0
        async for line in lines:
            if not line.text:
                break
            count += 1
    assert (count, lines.dropped) == (20_000, 0)


async def test_j04_it_ends_with_the_session(
    device: Device, manager: DeviceSessionManager, eventually: Eventually
) -> None:
    texts: list[str] = []
    session = await manager.create_session(device)

    async def listen(task_status: trio.TaskStatus[None]) -> None:
        async with session.output() as lines:
            task_status.started()
            async for line in lines:
                texts.append(line.text)  # noqa: PERF401

    async with trio.open_nursery() as nursery:
        await nursery.start(listen)
        await session.execute("print('one')")
        await session.executors.threads.start(
            "last",
            "print('two')\ntry:\n    while True: sleep_ms(50)\nfinally: print('cleanup', end='')",
        )
        await eventually(lambda: "two" in texts)
        with trio.fail_after(10):
            await session.aclose()
    assert texts == ["one", "two", "cleanup"]
    with pytest.raises(SessionClosedError):
        async with session.output():
            pass


async def test_j04_several_listen_each_for_themselves(session: Session) -> None:
    async with session.output() as early:
        await session.execute("print(1)")
        async with session.output() as late:
            await session.execute("print(2)")
            assert [text for _, text in await read(late, 1)] == ["2"]
        await session.execute("print(3)")
        assert [text for _, text in await read(early, 3)] == ["1", "2", "3"]
    assert not late._lines
    with trio.testing.assert_checkpoints(), pytest.raises(StopAsyncIteration):
        await anext(late)


async def test_j04_two_tasks_may_share_one_subscription(session: Session) -> None:
    found: list[str] = []

    async with session.output() as lines, trio.open_nursery() as nursery:

        async def listen() -> None:
            async for line in lines:
                found.append(line.text)
                if len(found) == 20:
                    nursery.cancel_scope.cancel()

        nursery.start_soon(listen)
        nursery.start_soon(listen)
        await trio.testing.wait_all_tasks_blocked()
        await session.execute("for n in range(20): print(n)")
        await trio.sleep_forever()
    assert sorted(found, key=int) == [str(n) for n in range(20)]


@pytest.mark.parametrize(
    ("policy", "expected", "last"),
    [
        (DropPolicy.OLDEST, [("7", 7), ("8", 0), ("9", 0)], ("10", 0)),
        (DropPolicy.NEWEST, [("0", 0), ("1", 0), ("2", 0)], ("10", 7)),
    ],
)
async def test_j04_one_that_is_slow_loses_lines_and_is_told_how_many(
    session: Session, policy: DropPolicy, expected: list[tuple[str, int]], last: tuple[str, int]
) -> None:
    async with session.output(3, policy) as slow, session.output() as quick:
        await session.execute("for n in range(10): print(n)")
        found = [await anext(slow) for _ in range(3)]
        assert [(line.text, line.dropped) for line in found] == expected
        await session.execute("print(10)")
        line = await anext(slow)
        assert (line.text, line.dropped) == last
        assert slow.dropped == 7
        assert [text for _, text in await read(quick, 11)] == [str(n) for n in range(11)]
        assert quick.dropped == 0


@pytest.mark.parametrize("limit", [0, -1, True, 1.5, "1"])
async def test_j04_a_senseless_limit_is_refused(session: Session, limit: object) -> None:
    with pytest.raises((TypeError, ValueError)):
        session.output(limit)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    with pytest.raises(TypeError, match="DropPolicy"):
        session.output(5, "oldest")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


async def test_j04_a_subscription_is_entered_and_once(session: Session) -> None:
    lines = session.output()
    with pytest.raises(RuntimeError, match="enter it"):
        await anext(lines)
    async with lines:
        with pytest.raises(RuntimeError, match="once"):
            await lines.__aenter__()


async def test_j04_without_listeners_nothing_of_it_is_there(session: Session) -> None:
    await session.execute("print('quiet')")
    assert session._output is None
    async with session.output():
        await session.execute("print('half', end='')")
        assert session._output is not None
        assert session._output._hub is not None
    assert session._output._hub is None


async def test_j04_a_board_that_ends_lines_otherwise_is_heard_the_same() -> None:
    async with (
        open_fake_board() as board,
        open_device(board) as device,
        open_session_manager() as manager,
        manager.open_session(device) as session,
        session.output() as lines,
    ):
        assert device.capabilities.newline == "\r\n"
        assert await session.execute("print('a\\rb'); print('c')") == "a\rb\nc\n"
        assert await read(lines, 2) == [(None, "a\rb"), (None, "c")]


# Without a board.


def make_output() -> tuple[SessionOutput, OutputLines]:
    output = SessionOutput("s", "\n")
    lines = OutputLines(output.join, 1000, DropPolicy.OLDEST)
    lines._hub = output.join(lines)
    return output, lines


def texts_of(lines: OutputLines) -> list[str]:
    return [line.text for line in lines._lines]


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="a\né€\r", max_size=200), st.lists(st.integers(1, 7), min_size=1))
def test_j04_however_output_is_cut_the_lines_are_the_same(text: str, cuts: list[int]) -> None:
    by_call, call_lines = make_output()
    by_thread, thread_lines = make_output()
    data, rest = text.encode(), text
    number = 0
    while data or rest:
        size = cuts[number % len(cuts)]
        number += 1
        if data:
            by_call.hear_call(data[:size])
        by_thread.hear(rest[:size], "t")
        data, rest = data[size:], rest[size:]
    by_call.hear_call(b"")
    by_thread.end_thread("t")
    expected = text.split("\n")
    if not expected[-1]:
        expected.pop()
    assert texts_of(call_lines) == expected
    assert texts_of(thread_lines) == expected


def test_j04_a_line_without_end_comes_in_parts() -> None:
    output, lines = make_output()
    for _ in range(1000):
        output.hear("x" * 1000, "t")
    assert {len(text) for text in texts_of(lines)} == {64 * 1024}
    output.hear("\ny\n", "t")
    assert sum(map(len, texts_of(lines))) == 1_000_001


def test_j04_a_hundred_megabytes_need_no_memory() -> None:
    output, lines = make_output()
    block = (b"x" * 999 + b"\n") * 100
    gc.collect()
    tracemalloc.start()
    try:
        for number in range(1000):
            output.hear_call(block)
            output.hear("piece without end", f"thread {number}")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 3_000_000
    assert len(lines._lines) == 1000
    assert lines.dropped > 98_000


def test_j04_nothing_at_all_can_be_printed_for_ever() -> None:
    output, lines = make_output()
    for _ in range(1000):
        output.hear("", "t")
    output.hear("x", "t")
    for _ in range(1000):
        output.hear("", "t")
    output.end_thread("t")
    assert texts_of(lines) == ["x"]
    assert lines._hub is not None
    assert not lines._hub._sources


def test_j04_a_reader_that_is_cancelled_at_any_step_loses_no_line() -> None:
    def check(texts: list[str]) -> None:
        assert texts == [str(n) for n in range(len(texts))]

    async def listen(output: tuple[SessionOutput, list[str]]) -> None:
        hub, texts = output
        async with OutputLines(hub.join, 1000, DropPolicy.OLDEST) as lines:
            for number in range(3):
                hub.hear(f"{number}\n", None)
            for _ in range(3):
                with trio.move_on_after(0):
                    texts.append((await anext(lines)).text)
                check(texts)
            while len(texts) < 3:
                texts.append((await anext(lines)).text)

    @asynccontextmanager
    async def setting() -> AsyncGenerator[tuple[SessionOutput, list[str]], None]:
        output = SessionOutput("s", "\n")
        texts: list[str] = []
        yield output, texts
        check(texts)
        assert output._hub is None

    assert cancel_everywhere(listen, setting=setting).points > 3
