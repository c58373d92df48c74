"""Fault streams: what each fault does to bytes, and to those who wait for them."""

import math
from collections.abc import Awaitable, Callable

import pytest
import trio
import trio.testing
from trio.testing import MockClock

from belay_actors.testing import (
    Break,
    Corrupt,
    Drop,
    Duplicate,
    End,
    Fault,
    FaultPlan,
    FaultStream,
    FaultTransport,
    Insert,
    Stall,
    random_faults,
)
from belay_actors.transport import LocalLink, parse_url

LETTERS = bytes(range(65, 65 + 26))


def pair(plan: FaultPlan) -> tuple[FaultStream, trio.abc.Stream]:
    """A fault stream in memory, and its other end."""
    ours, theirs = trio.testing.memory_stream_pair()
    return FaultStream(ours, plan), theirs


async def everything(stream: trio.abc.ReceiveStream) -> bytes:
    """Reads until nothing comes any more."""
    pieces: list[bytes] = []
    with trio.move_on_after(0.05):
        while data := await stream.receive_some():
            pieces.append(bytes(data))
    return b"".join(pieces)


CHANGES: list[tuple[list[Fault], bytes]] = [
    ([], b"ABCDEFGH"),
    ([Drop(0)], b"BCDEFGH"),
    ([Drop(7)], b"ABCDEFG"),
    ([Drop(2, 3)], b"ABFGH"),
    ([Drop(6, 100)], b"ABCDEF"),
    ([Corrupt(1)], b"ACCDEFGH"),
    ([Corrupt(1, 0x20)], b"AbCDEFGH"),
    ([Duplicate(3)], b"ABCDDEFGH"),
    ([Insert(0, b"--")], b"--ABCDEFGH"),
    ([Insert(4, b"--")], b"ABCD--EFGH"),
    ([Insert(4, b"1"), Insert(4, b"2")], b"ABCD12EFGH"),
    ([Insert(5, b"-"), Drop(5), Corrupt(0, 0x20), Duplicate(7)], b"aBCDE-GHH"),
    ([Drop(0), Drop(1), Insert(1, b"-")], b"-CDEFGH"),
]


@pytest.mark.parametrize("max_read", [None, 1, 3])
@pytest.mark.parametrize(("faults", "expected"), CHANGES)
async def test_what_faults_make_of_what_is_received(
    faults: list[Fault], expected: bytes, max_read: int | None, autojump_clock: MockClock
) -> None:
    stream, other = pair(FaultPlan(receiving=faults, max_read=max_read))
    await other.send_all(LETTERS[:3])
    await other.send_all(LETTERS[3:8])
    assert await everything(stream) == expected
    assert stream.received == 8


@pytest.mark.parametrize(("faults", "expected"), CHANGES)
async def test_what_faults_make_of_what_is_sent(
    faults: list[Fault], expected: bytes, autojump_clock: MockClock
) -> None:
    stream, other = pair(FaultPlan(sending=faults))
    await stream.send_all(LETTERS[:3])
    await stream.send_all(LETTERS[3:8])
    assert await everything(other) == expected
    assert stream.sent == 8


async def test_what_is_inserted_does_not_wait_for_the_next_byte(autojump_clock: MockClock) -> None:
    stream, other = pair(FaultPlan(receiving=[Insert(3, b"noise")]))
    await other.send_all(b"ABC")
    assert await everything(stream) == b"ABCnoise"


async def test_short_reads() -> None:
    stream, other = pair(FaultPlan(max_read=2))
    await other.send_all(b"ABCDE")
    assert [await stream.receive_some(size) for size in (None, 1, 100)] == [b"AB", b"C", b"DE"]


async def test_a_stall_delays_and_loses_nothing(autojump_clock: MockClock) -> None:
    stream, other = pair(FaultPlan(receiving=[Stall(2, 10)], sending=[Stall(1, 5)]))
    start = trio.current_time()
    await other.send_all(b"ABCD")
    assert await stream.receive_some() == b"AB"
    with trio.move_on_after(4) as scope:  # a cancelled read does not end the stall
        await stream.receive_some()
    assert scope.cancelled_caught
    assert await stream.receive_some() == b"CD"
    assert trio.current_time() - start == pytest.approx(10)
    await stream.send_all(b"EF")
    assert trio.current_time() - start == pytest.approx(15)
    assert await everything(other) == b"EF"


async def test_a_stall_goes_on_for_the_next_sender(autojump_clock: MockClock) -> None:
    stream, other = pair(FaultPlan(sending=[Stall(0, 5)]))
    start = trio.current_time()
    with trio.move_on_after(1):
        await stream.send_all(b"AB")
    await stream.send_all(b"CD")
    assert trio.current_time() - start == pytest.approx(5)
    assert await everything(other) == b"CD"


async def test_an_end_while_receiving() -> None:
    stream, other = pair(FaultPlan(receiving=[End(2)]))
    await other.send_all(b"ABCD")
    assert [await stream.receive_some() for _ in range(3)] == [b"AB", b"", b""]
    with pytest.raises(trio.BrokenResourceError):
        await stream.send_all(b"E")
    assert "as planned" in (await stream.find_end()).reason
    await stream.aclose()
    with pytest.raises(trio.ClosedResourceError):
        await stream.receive_some()


@pytest.mark.parametrize(
    "plan", [FaultPlan(receiving=[Break(2)]), FaultPlan(sending=[Break(2)])], ids=repr
)
async def test_a_break_is_one_for_both_directions(plan: FaultPlan) -> None:
    stream, other = pair(plan)
    await other.send_all(b"ABCD")
    assert await stream.receive_some(2) == b"AB"
    await stream.send_all(b"EF")
    for _ in range(2):
        with pytest.raises(trio.BrokenResourceError):
            await (stream.receive_some() if plan.receiving else stream.send_all(b"G"))
    with pytest.raises(trio.BrokenResourceError):
        await stream.send_all(b"G")
    with pytest.raises(trio.BrokenResourceError):
        await stream.receive_some()
    assert not (await stream.find_end()).is_restart


async def test_a_break_in_the_middle_of_what_is_sent(autojump_clock: MockClock) -> None:
    stream, other = pair(FaultPlan(sending=[Break(2)]))
    with pytest.raises(trio.BrokenResourceError):
        await stream.send_all(b"ABCD")
    assert await everything(other) == b"AB"


async def test_a_new_plan_begins_with_the_next_byte(autojump_clock: MockClock) -> None:
    stream, other = pair(FaultPlan(max_read=1))
    await other.send_all(b"ABCD")
    assert await stream.receive_some() == b"A"
    stream.use(FaultPlan(receiving=[Drop(1)]))
    assert await everything(stream) == b"BD"
    async with trio.open_nursery() as nursery:

        @nursery.start_soon
        async def _() -> None:
            assert await stream.receive_some() == b"nois"  # also for a reader that waits

        await trio.testing.wait_all_tasks_blocked()
        stream.use(FaultPlan(receiving=[Insert(0, b"noise")], max_read=4))


async def test_a_cut_wakes_all_who_wait() -> None:
    stream, other = pair(FaultPlan())
    woken: list[str] = []

    async def expect_broken(name: str, wait: Callable[[], Awaitable[object]]) -> None:
        with pytest.raises(trio.BrokenResourceError):
            await wait()
        woken.append(name)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(expect_broken, "reader", stream.receive_some)
        await trio.testing.wait_all_tasks_blocked()
        stream.cut()
    stalled, _ = pair(FaultPlan(sending=[Stall(0, math.inf)]))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(expect_broken, "sender", lambda: stalled.send_all(b"A"))
        await trio.testing.wait_all_tasks_blocked()
        stalled.cut()
    assert woken == ["reader", "sender"]
    with pytest.raises(trio.BrokenResourceError):
        stream.send_nowait(b"A")
    assert await stream.interrupt() is False
    assert await stream.restart() is False
    assert (await stream.find_end()).reason == "the link was cut"
    await stream.aclose()
    assert await other.receive_some() == b""  # the other stream was closed as well
    with pytest.raises(trio.ClosedResourceError):
        await stream.receive_some()


@pytest.mark.parametrize("plan", [FaultPlan(), FaultPlan(max_read=1000)], ids=repr)
async def test_without_faults_it_is_a_stream_like_any_other(plan: FaultPlan) -> None:
    async def make() -> tuple[FaultStream, trio.abc.Stream]:
        await trio.lowlevel.checkpoint()
        return pair(plan)

    await trio.testing.check_two_way_stream(make, None)


def test_random_faults_are_the_same_for_the_same_seed() -> None:
    assert random_faults(1, within=100, count=5) == random_faults(1, within=100, count=5)
    assert len({random_faults(seed, within=100, count=5) for seed in range(50)}) == 50
    faults = [fault for seed in range(200) for fault in random_faults(seed, within=10)]
    assert {fault.at for fault in faults} == set(range(10))
    assert {type(fault) for fault in faults} == {Drop, Corrupt, Duplicate, Insert}
    assert {type(fault) for fault in random_faults(1, within=9, count=50, kinds=[Drop])} == {Drop}


@pytest.mark.parametrize(
    "make",
    [
        lambda: Drop(-1),
        lambda: Drop(0, 0),
        lambda: Corrupt(0, 0),
        lambda: Corrupt(0, 256),
        lambda: Stall(0, -1),
        lambda: FaultPlan(max_read=0),
    ],
)
def test_what_makes_no_sense_is_refused(make: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match="must be"):
        make()


# Around a real link.


@pytest.fixture
def transport() -> FaultTransport:
    return FaultTransport(parse_url("micropython:"))


async def test_a_fault_link_is_like_the_link_in_it(transport: FaultTransport) -> None:
    async with await transport.connect() as link:
        inner = link._stream
        assert isinstance(inner, LocalLink)
        assert (link.name, link.pid, link.is_lossless) == (inner.name, inner.pid, True)
        assert transport.url == "micropython:"
        assert transport.link is link


async def test_what_is_sent_without_waiting_meets_the_same_faults(
    transport: FaultTransport,
) -> None:
    async with await transport.connect() as link:
        link.use(FaultPlan(sending=[Stall(4, math.inf), Break(6)]))
        assert link.send_nowait(b"ABC") == 3
        assert link.sent == 3
        assert link.send_nowait(b"DE") == 0  # there is a fault within
        with trio.move_on_after(0.01):
            await link.send_all(b"DE")
        assert link.sent == 4
        assert link.send_nowait(b"E") == 0  # it is still stalled
        link.use(FaultPlan())
        assert link.send_nowait(b"E") == 1


async def test_what_is_paced_is_paced_by_the_link_in_it(
    transport: FaultTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    paced: list[bytes] = []

    async def send_paced(_: LocalLink, data: bytes) -> None:
        await trio.lowlevel.checkpoint()
        paced.append(data)

    monkeypatch.setattr(LocalLink, "send_paced", send_paced)
    async with await transport.connect() as link:
        link.use(FaultPlan(sending=[Drop(1)]))
        await link.send_paced(b"ABC")
    assert paced == [b"A", b"C"]
    stream, other = pair(FaultPlan())
    await stream.send_paced(b"A")
    assert await other.receive_some() == b"A"


async def test_closing_wakes_all_who_wait() -> None:
    stream, other = pair(FaultPlan(receiving=[Stall(0, math.inf)]))
    await other.send_all(b"A")
    async with trio.open_nursery() as nursery:

        @nursery.start_soon
        async def _() -> None:
            with pytest.raises(trio.ClosedResourceError):
                await stream.receive_some()

        await trio.testing.wait_all_tasks_blocked()
        await stream.aclose()
