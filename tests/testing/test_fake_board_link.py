"""The cable of a fake board: a trio stream like others, with a latency on trio's clock."""

import math

import pytest
import trio
import trio.testing
from trio.testing import MockClock

from belay_actors import open_device
from belay_actors.testing import FakeLink, open_fake_board
from belay_actors.testing._fake._link import Bell, Pipe


def make_link(inbound: Pipe, outbound: Pipe) -> FakeLink:
    return FakeLink("fake", inbound, outbound, is_lossless=True, restart=lambda: False)


@pytest.mark.parametrize("latency", [0.0, 0.001])
async def test_it_is_a_proper_stream(latency: float) -> None:
    async def make_pair() -> tuple[FakeLink, FakeLink]:
        one, other = Pipe(latency, Bell()), Pipe(latency, Bell())
        return make_link(one, other), make_link(other, one)

    await trio.testing.check_two_way_stream(make_pair, None)


async def test_only_one_task_may_send_at_a_time() -> None:
    async with open_fake_board() as board:
        link = await board.connect()
        with pytest.RaisesGroup(trio.BusyResourceError):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(link.send_all, b"x")
                nursery.start_soon(link.send_all, b"y")


async def test_unplugged_it_gives_what_has_come_and_then_its_end(
    autojump_clock: MockClock,
) -> None:
    async with open_fake_board(latency=1) as board:
        link = await board.connect()
        board.say(b"good bye")
        board.unplug()
        with pytest.raises(trio.BrokenResourceError, match="unplugged"):
            await link.send_all(b"x")
        with pytest.raises(trio.BrokenResourceError, match="unplugged"):
            link.send_nowait(b"x")
        assert await link.receive_some(4) == b"good"
        assert await link.receive_some() == b" bye"
        assert await link.receive_some() == b""
        assert await link.receive_some() == b""
        end = await link.find_end()
        assert (end.reason, end.is_restart) == ("the board was unplugged", False)


async def test_a_waiting_reader_hears_of_the_end(autojump_clock: MockClock) -> None:
    async with open_fake_board() as board, trio.open_nursery() as nursery:
        link = await board.connect()

        @nursery.start_soon
        async def _() -> None:
            assert await link.receive_some() == b""

        await trio.testing.wait_all_tasks_blocked()
        board.unplug()


@pytest.mark.parametrize("can_restart", [False, True])
async def test_it_restarts_the_board_where_that_can_be(can_restart: bool) -> None:
    async with open_fake_board(can_restart=can_restart) as board:
        link = await board.connect()
        assert await link.interrupt() is False
        assert await link.restart() is can_restart
        assert board.starts == 1 + can_restart
        if can_restart:
            assert await link.receive_some() == b""
            assert (await link.find_end()).is_restart
            await board.connect()


async def test_closing_it_is_noticed_at_once_and_lets_the_board_go_on(
    autojump_clock: MockClock,
) -> None:
    async with open_fake_board(latency=5) as board:
        link = await board.connect()
        link.send_nowait(b"\x01import time\ntime.sleep(10)\nx = 1\x04")
        await link.aclose()
        with pytest.raises(trio.ClosedResourceError):
            link.send_nowait(b"x")
        await trio.sleep(5)
        assert board.is_running
        await (await board.connect()).aclose()
        await trio.sleep(6)
        assert not board.is_running
        assert board._firmware.interpreter.main["x"] == 1


async def test_what_a_board_says_to_nobody_is_lost(autojump_clock: MockClock) -> None:
    async with open_fake_board() as board:
        board.say(b"nobody hears this")
        link = await board.connect()
        board.say(b"this is heard")
        assert await link.receive_some() == b"this is heard"


async def test_input_that_was_sent_before_a_pause_is_over_is_not_lost(
    autojump_clock: MockClock,
) -> None:
    async with open_fake_board() as board:
        board.pause()
        link = await board.connect()
        link.send_nowait(b"\x01x = 1")
        await link.aclose()
        link = await board.connect()
        link.send_nowait(b"; print(x)\x04")
        await trio.sleep(1)
        board.resume()
        await trio.sleep(1)
        assert (await link.receive_some()).endswith(b">OK1\r\n\x04\x04>")


async def test_each_direction_takes_the_latency(autojump_clock: MockClock) -> None:
    async with open_fake_board(latency=0.25) as board:
        link = await board.connect()
        started = trio.current_time()
        link.send_nowait(b"\x01")
        await link.receive_some()
        assert trio.current_time() - started == pytest.approx(0.5)


async def test_a_call_takes_the_latency_twice(autojump_clock: MockClock) -> None:
    async with open_fake_board(latency=0.01) as board, open_device(board) as device:
        board.script("measure()", seconds=3, value=1)
        await device.evaluate("1")  # starts the loop
        for expression, seconds in (("6 * 7", 0.02), ("measure()", 3.02)):
            started = trio.current_time()
            await device.evaluate(expression)
            assert trio.current_time() - started == pytest.approx(seconds)


async def test_a_ctrl_c_takes_the_latency_too(autojump_clock: MockClock) -> None:
    async with open_fake_board(latency=0.5) as board:
        link = await board.connect()
        link.send_nowait(b"\x01while True: pass\x04")
        await trio.sleep(2)
        link.send_nowait(b"\x03")
        await trio.sleep(0.49)
        assert board.is_running
        await trio.sleep(0.02)
        assert not board.is_running


async def test_a_program_waits_for_a_reader_that_is_far_behind(autojump_clock: MockClock) -> None:
    async with open_fake_board() as board:
        link = await board.connect()
        link.send_nowait(b"\x01for n in range(1000): print('x' * 999)\x04")
        await trio.sleep(5)
        assert board.is_running
        assert board._console.output is not None
        assert board._console.output.size < 100_000
        received = 0
        with trio.move_on_after(5):
            while True:
                received += len(await link.receive_some())
        assert not board.is_running
        assert received > 1_000_000


async def test_a_reader_may_take_bytes_one_by_one(autojump_clock: MockClock) -> None:
    async with open_fake_board(latency=1) as board:
        link = await board.connect()
        board.say(b"ab")
        await trio.sleep(0.5)
        board.say(b"c")
        heard = [(await link.receive_some(1), trio.current_time()) for _ in range(3)]
        assert heard == [(b"a", 1.0), (b"b", 1.0), (b"c", 1.5)]


async def test_a_pipe_knows_when_its_next_piece_is_due(autojump_clock: MockClock) -> None:
    pipe = Pipe(2, Bell())
    assert pipe.next_due == math.inf
    pipe.put(b"")
    pipe.put(b"a")
    await trio.sleep(1)
    pipe.put(b"b")
    assert pipe.next_due == 2
    assert pipe.size == 2
    await trio.sleep(1)
    assert pipe.take() == b"a"
    assert pipe.next_due == 3
