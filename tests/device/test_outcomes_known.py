"""Whether it is known what a call has done: its seat counts calls begun and calls answered."""

import os
import signal
from collections.abc import Callable
from typing import Never

import attrs
import pytest
import trio
import trio.testing
from trio.testing import MockClock

from belay_actors import (
    Device,
    DeviceCapabilityError,
    DeviceLostError,
    DeviceOptions,
    DeviceResetError,
    DuplicateResourceError,
    OutputLimitError,
    ProtocolError,
    RemoteError,
    SessionClosedError,
    UnsupportedValueError,
    open_device,
)
from belay_actors.device import Seat
from belay_actors.testing import Drop, FaultPlan, FaultTransport, open_fake_board
from belay_actors.transport import LocalLink
from boards import EXITS_IN_NEXT_CALL
from nobody import Nobody

LinkOf = Callable[[Device], LocalLink]
FOREVER = "while True: pass"
CALL = len("__b(2,1,b'x = 1234567',1234,exec)\x04")
# Once, the core does something else in place of a call; then it is the old one again.
ONCE = """
def __b(*a, old=__b):
    globals()['__b'] = old
    {}
"""
# The core adds up the code of a call before it runs it; that fails once, in the next call.
FAILS_ONCE = """
def sum(data, start, calls=[], sum=sum):
    if start < 64:  # a session's, not the letter of a frame
        calls.append(start)
        if len(calls) == 1: raise ValueError('once')
    return sum(data, start)
"""
# The namespace is looked at first, and only then is the thread started.
SECOND_CALL_RESETS = """
def sum(data, start, calls=[], sum=sum):
    if start < 64: calls.append(start)
    if len(calls) > 1: raise SystemExit
    return sum(data, start)
"""


@pytest.fixture
def seat(device: Device) -> Seat:
    return device.seat(Nobody(), "session-7")


async def execute(device: Device, seat: Seat, code: str) -> str:
    return (await device.run_in(seat, code, is_expression=False))[1]


def counts(seat: Seat) -> tuple[int, int, bool]:
    return seat.begun, seat.settled, seat.has_unknown_outcome


def make_closed() -> SessionClosedError:
    return SessionClosedError("interrupted")


@pytest.mark.parametrize("code", ["6 * 7", "print(1)"])
async def test_a_call_that_is_answered_is_known(device: Device, seat: Seat, code: str) -> None:
    assert counts(seat) == (0, 0, False)
    await device.run_in(seat, code, is_expression=True)
    assert counts(seat) == (1, 1, False)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("1 / 0", RemoteError),
        ("1 +", RemoteError),
        ("object()", UnsupportedValueError),
        ("eval('raise_', {'raise_': 1}) + None", RemoteError),
        ("exec('raise KeyboardInterrupt')", RemoteError),
    ],
)
async def test_an_error_of_the_board_is_an_answer(
    device: Device, seat: Seat, code: str, kind: type[Exception]
) -> None:
    with pytest.raises(kind):
        await device.run_in(seat, code, is_expression=True)
    assert counts(seat) == (1, 1, False)


async def test_a_traceback_of_the_raw_repl_is_an_answer(device: Device, seat: Seat) -> None:
    await device.execute(FAILS_ONCE)
    with pytest.raises(RemoteError, match="ValueError: once"):
        await execute(device, seat, "x = 1")
    assert counts(seat) == (1, 1, False)


@pytest.mark.usefixtures("by_raw_repl")
async def test_a_call_that_ends_without_a_reply_is_unknown(device: Device, seat: Seat) -> None:
    await device.execute(ONCE.format("return"))
    with pytest.raises(ProtocolError):
        await execute(device, seat, "x = 1")
    assert counts(seat) == (1, 0, True)
    assert await device.evaluate("1 + 1") == 2


async def test_it_is_unknown_while_a_call_runs_and_when_it_was_cancelled(
    device: Device, seat: Seat
) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(execute, device, seat, FOREVER)
        await trio.testing.wait_all_tasks_blocked()
        assert seat.has_unknown_outcome
        nursery.cancel_scope.cancel()
    assert counts(seat) == (1, 0, True)
    await execute(device, seat, "x = 1")
    assert counts(seat) == (2, 1, True)  # once unknown, always unknown


async def test_a_call_that_waited_and_never_started_is_known(device: Device, seat: Seat) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(device.execute, FOREVER)
        await trio.testing.wait_all_tasks_blocked()
        nursery.start_soon(execute, device, seat, "x = 1")
        await trio.testing.wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    assert counts(seat) == (0, 0, False)


async def test_interrupted_calls_are_unknown_if_they_ran_and_known_if_they_waited(
    device: Device, seat: Seat
) -> None:
    async def call() -> None:
        with pytest.raises(SessionClosedError):
            await execute(device, seat, FOREVER)

    with trio.fail_after(10):
        async with trio.open_nursery() as nursery:
            for _ in range(3):
                nursery.start_soon(call)
            await trio.testing.wait_all_tasks_blocked()
            device.interrupt(seat, make_closed)
    assert counts(seat) == (1, 0, True)


async def test_a_call_that_was_refused_is_known(device: Device, seat: Seat) -> None:
    attachment = device._board.attachment
    attachment.capabilities = attrs.evolve(attachment.capabilities, max_code_bytes=10)
    with pytest.raises(DeviceCapabilityError):
        await execute(device, seat, "x = 'too long'")
    assert counts(seat) == (0, 0, False)


async def test_a_reset_during_a_call_makes_it_unknown_and_later_calls_do_not_begin(
    device: Device, seat: Seat
) -> None:
    await device.execute(EXITS_IN_NEXT_CALL)
    with pytest.raises(DeviceResetError):
        await execute(device, seat, "x = 1")
    assert counts(seat) == (1, 0, True)
    with pytest.raises(DeviceResetError):
        await execute(device, seat, "x = 1")
    assert counts(seat) == (1, 0, True)


async def test_a_restart_seen_before_anything_is_sent_leaves_the_call_known(
    device: Device, seat: Seat
) -> None:
    device._board.attachment.connection._machine.receive(b"MPY: soft reboot\r\n")
    with pytest.raises(ProtocolError):
        await execute(device, seat, "x = 1")
    assert counts(seat) == (1, 1, False)


async def test_a_loss_during_a_call_makes_it_unknown(
    device: Device, seat: Seat, link_of: LinkOf
) -> None:
    async def lose() -> None:
        with pytest.raises(DeviceLostError):
            await execute(device, seat, FOREVER)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(lose)
        await trio.testing.wait_all_tasks_blocked()
        os.kill(link_of(device).pid, signal.SIGKILL)
    assert counts(seat) == (1, 0, True)


async def test_too_much_output_makes_a_call_unknown() -> None:
    async with open_device("micropython:", options=DeviceOptions(max_output_bytes=100)) as device:
        seat = device.seat(Nobody(), "session-7")
        with pytest.raises(OutputLimitError):
            await execute(device, seat, "while True: print('x' * 50)")
        assert counts(seat) == (1, 0, True)


async def test_code_that_is_damaged_on_its_way_each_time_is_known_not_to_have_run(
    autojump_clock: MockClock,
) -> None:
    async with open_fake_board(raw_paste=None, is_lossless=False) as board:
        transport = FaultTransport(board)
        async with open_device(transport) as device:
            seat = device.seat(Nobody(), "session-7")
            await execute(device, seat, "x = 0")  # before it such a board gets what drops sessions
            transport.use(FaultPlan(sending=(Drop(20), Drop(20 + CALL), Drop(20 + 2 * CALL))))
            with pytest.raises(ProtocolError, match="did not run"):
                await execute(device, seat, "x = 1234567")
            assert counts(seat) == (2, 2, False)
            transport.use(FaultPlan())
            assert await device.evaluate("'x' in globals()") is False


async def test_an_operation_that_fails_on_the_host_in_a_call_makes_it_unknown(
    device: Device, seat: Seat, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*args: object, **kwargs: object) -> Never:
        raise AssertionError("a bug")

    for way in ("run", "request"):
        monkeypatch.setattr(device._board.attachment.connection, way, fail)
    with pytest.raises(AssertionError, match="a bug"):
        await execute(device, seat, "x = 1")
    monkeypatch.undo()
    assert counts(seat) == (1, 0, True)


async def test_the_start_of_a_thread_is_a_call_that_counts(device: Device, seat: Seat) -> None:
    await device.start_thread(seat, "blink", "while not should_stop(): pass")
    assert counts(seat) == (1, 1, False)
    with pytest.raises(DuplicateResourceError):
        await device.start_thread(seat, "blink", "pass")
    assert counts(seat) == (2, 2, False)
    await device.thread_states(seat)  # may be asked at any time, and changes nothing
    await device.drop(seat)
    assert counts(seat) == (2, 2, False)


async def test_a_thread_that_was_about_to_start_when_the_board_was_reset_is_unknown(
    device: Device, seat: Seat
) -> None:
    await device.start_thread(seat, "blink", "pass")
    await device.execute(SECOND_CALL_RESETS)
    with pytest.raises(DeviceResetError):
        await device.start_thread(seat, "wink", "pass")
    assert counts(seat) == (2, 1, True)
