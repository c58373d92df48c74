"""A session's life: what it says of itself, what it refuses after its end, and its report."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trio
import trio.testing

from belay_actors import (
    Device,
    DeviceSessionManager,
    Session,
    SessionClosedError,
    SessionResource,
)

Record = Callable[[str], SessionResource]
Spaces = Callable[[Device], Awaitable[list[int]]]
Eventually = Callable[[Callable[[], bool]], Awaitable[None]]


async def test_c01_a_session_tells_what_it_is(
    device: Device, manager: DeviceSessionManager
) -> None:
    before = datetime.now(UTC)
    async with manager.open_session(device) as session:
        assert session.is_active
        assert session.device is device
        assert session.created_at.utcoffset() == timedelta(0)
        assert before <= session.created_at <= datetime.now(UTC)
        assert session.report is None
        assert repr(session) == f"<Session {session.session_id} on {device.name} active>"
        assert device.snapshot().session_count == 1
    assert not session.is_active
    assert repr(session) == f"<Session {session.session_id} on {device.name} ended>"
    assert device.snapshot().session_count == 0


async def test_c01_sessions_have_ids_of_their_own(
    device: Device, manager: DeviceSessionManager
) -> None:
    ids: set[str] = set()
    for _ in range(50):
        async with manager.open_session(device) as session:
            ids.add(session.session_id)
    assert len(ids) == 50


async def test_c01_an_ended_session_refuses_calls(
    device: Device, manager: DeviceSessionManager
) -> None:
    async with manager.open_session(device) as session:
        await session.execute("x = 1")
    for call in (session.execute("x = 2"), session.evaluate("x")):
        with pytest.raises(SessionClosedError, match="open another") as caught:
            await call
        assert caught.value.session_id == session.session_id
        assert caught.value.device == device.name
    assert session.report is not None
    assert session.report.calls == 1


async def test_b08_calls_that_run_or_wait_when_a_session_ends_are_refused(
    device: Device, manager: DeviceSessionManager
) -> None:
    refused: list[int] = []
    session = await manager.create_session(device)

    async def call(number: int) -> None:
        with pytest.raises(SessionClosedError):
            await session.execute("while True: pass")
        refused.append(number)

    async with trio.open_nursery() as nursery:
        for number in range(3):
            nursery.start_soon(call, number)
        await trio.testing.wait_all_tasks_blocked()
        await manager.end_session(session.session_id)
    assert sorted(refused) == [0, 1, 2]
    assert device.generation == 1


async def test_c01_a_session_can_be_closed_by_its_own_body(
    device: Device, manager: DeviceSessionManager, record: Record, recorded: list[str]
) -> None:
    async with manager.open_session(device) as session:
        session.resources.register_resource(record("a"))
        await session.aclose()
        assert recorded == ["a"]
        assert not session.is_active
        with pytest.raises(SessionClosedError):
            await session.execute("x = 1")
        await session.aclose()


async def test_ending_a_session_from_many_tasks_gives_it_back_once(
    device: Device, manager: DeviceSessionManager, record: Record, recorded: list[str]
) -> None:
    session = await manager.create_session(device)
    session.resources.register_resource(record("a"))
    async with trio.open_nursery() as nursery:
        for _ in range(10):
            nursery.start_soon(session.aclose)
        nursery.start_soon(session.wait_ended)
    assert recorded == ["a"]


async def test_a_report_tells_what_was_taken_and_given_back(
    device: Device, manager: DeviceSessionManager, record: Record
) -> None:
    async with manager.open_session(device) as session:
        await session.execute("x = 1; y = 2\ndef f(): pass")
        await session.evaluate("x")
        session.resources.register_resource(record("lamp"))
    report = session.report
    assert report is not None
    assert report.session_id == session.session_id
    assert report.device == device.name
    assert report.created_at == session.created_at
    assert report.calls == 2
    assert report.names_dropped == 3
    assert report.resources_released == ("lamp",)
    assert report.left == ()
    assert report.is_clean


async def test_a02_modules_leave_with_the_last_session(
    device: Device, manager: DeviceSessionManager, tmp_path: Path
) -> None:
    (tmp_path / "gadget.py").write_text("count = 0\n")
    async with manager.open_session(device) as first:
        async with manager.open_session(device) as second:
            await first.execute("x = 1")
            await second.execute(f"import sys\nsys.path.append({str(tmp_path)!r})\nimport gadget")
            await second.execute("gadget.count += 1")
        assert second.report is not None
        assert second.report.modules_left == ("gadget",)
        assert second.report.modules_removed == ()
    assert first.report is not None
    assert first.report.modules_removed == ("gadget",)
    assert first.report.is_clean
    async with manager.open_session(device) as session:
        await session.execute("import gadget")
        assert await session.evaluate("gadget.count") == 0


TICKER = """
import _thread, time
def tick():
    while True:
        print('tick')
        time.sleep_ms(2)
_thread.start_new_thread(tick, ())
"""


async def test_a02_a_thread_that_is_left_running_dies_after_its_session(
    device: Device, manager: DeviceSessionManager, eventually: Eventually
) -> None:
    async with manager.open_session(device) as session:
        await session.execute(TICKER)
        await eventually(lambda: "tick" in session.background_output)
    await eventually(lambda: "NameError" in device.background_output)
    said = str(device.background_output).count("tick\n")
    await device.execute("import time\ntime.sleep_ms(20)")
    assert device.background_output.count("tick\n") == said
    assert device.generation == 1


async def test_what_a_thread_says_while_its_session_ends_is_not_lost(
    device: Device, manager: DeviceSessionManager, eventually: Eventually
) -> None:
    def have_failed(count: int) -> Callable[[], bool]:
        # Of whatever kind: the port has no lock between a thread's look-up and the names' end.
        return lambda: device.background_output.count("Unhandled") == count

    for number in range(1, 21):
        async with manager.open_session(device) as session:
            await session.execute(TICKER)
            await eventually(lambda: "tick" in session.background_output)
        await eventually(have_failed(number))


async def test_each_session_gets_the_output_of_its_own_threads(
    device: Device, manager: DeviceSessionManager, eventually: Eventually
) -> None:
    async with manager.open_session(device) as one, manager.open_session(device) as two:
        await one.execute(TICKER.replace("'tick'", "'one'"))
        await two.execute(TICKER.replace("'tick'", "'two'"))
        await eventually(lambda: "one\n" * 5 in one.background_output)
        await eventually(lambda: "two\n" * 5 in two.background_output)
        assert "two" not in one.background_output
        assert "one" not in two.background_output


async def test_sessions_come_and_go_without_leaving_anything(
    device: Device, manager: DeviceSessionManager, spaces: Spaces
) -> None:
    async def come_and_go(number: int) -> None:
        async with manager.open_session(device) as session:
            await session.execute(f"x = {number}")
            assert await session.evaluate("x") == number

    for _ in range(10):
        async with trio.open_nursery() as nursery:
            for number in range(10):
                nursery.start_soon(come_and_go, number)
    assert await spaces(device) == []
    assert device.snapshot().session_count == 0
    assert manager.get_session_stats().total_session_count == 100


async def test_a04_b12_a_body_that_is_cancelled_at_any_moment_gives_its_session_back(
    device: Device, manager: DeviceSessionManager, spaces: Spaces
) -> None:
    sessions: list[Session] = []
    for number in range(40):
        with trio.move_on_after(number * 0.0002):
            async with manager.open_session(device) as session:
                sessions.append(session)
                await session.execute("x = 1")
                async with manager.open_session(device) as inner:
                    sessions.append(inner)
                    await inner.evaluate("[1] * 100")
                    await session.evaluate("x")
    assert all(session.report and session.report.is_clean for session in sessions)
    assert await spaces(device) == []
    assert device.generation == 1
