"""Fault streams: what each fault does to bytes, and what real boards' calls make of it."""

import math
from collections.abc import AsyncIterator, Awaitable, Callable

import attrs
import pytest
import trio
import trio.testing
from trio.testing import MockClock

from belay_actors import (
    BelayError,
    Device,
    DeviceLostError,
    DeviceNotFoundError,
    DeviceOptions,
    DeviceState,
    ProtocolError,
    RemoteError,
    UnsupportedValueError,
    Value,
    open_device,
    open_session_manager,
)
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
from belay_actors.wire import State

Eventually = Callable[[Callable[[], bool]], Awaitable[None]]
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
            assert await stream.receive_some() == b"noise"  # also for a reader that waits

        await trio.testing.wait_all_tasks_blocked()
        stream.use(FaultPlan(receiving=[Insert(0, b"noise")]))


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


# On real boards.


@pytest.fixture
def transport() -> FaultTransport:
    return FaultTransport(parse_url("micropython:"))


@pytest.fixture
async def faulty(transport: FaultTransport) -> AsyncIterator[Device]:
    """A device on a link without faults, so far."""
    async with open_device(transport) as device:
        yield device


@pytest.fixture
def settle(faulty: Device, eventually: Eventually) -> Callable[[], Awaitable[None]]:
    """Waits for the last bytes of a call: on a lossless link its reply does not."""

    async def settle() -> None:
        machine = faulty._board.attachment.connection._machine
        await eventually(lambda: machine.state is State.IDLE)

    return settle


Settle = Callable[[], Awaitable[None]]


async def use(device: Device) -> list[object]:
    """A little of everything that a board does."""
    results: list[object] = []
    async with open_session_manager() as manager, manager.open_session(device) as session:
        results.append(await session.execute("x = 'ä' * 100\nprint(x)\nprint('\\x04\\x04>OK')"))
        results.append(await session.evaluate("[x, 1.5, None, b'\\x04', {'a': (1, 2)}]"))
        with pytest.raises(RemoteError) as caught:
            await session.execute("print(1)\n1 / 0")
        results.append((caught.value.type_name, caught.value.output, caught.value.traceback))
        with trio.move_on_after(0.03) as scope:
            await session.execute("while True: pass")
        results.append(scope.cancelled_caught)
        results.append(await session.evaluate("len(x)"))
    return results


@pytest.mark.parametrize("upload", ["plain", "raw-paste"])
@pytest.mark.parametrize("max_read", [1, 2, 7])
async def test_with_short_reads_everything_works_as_without(upload: str, max_read: int) -> None:
    options = DeviceOptions(upload=upload)  # type: ignore[arg-type]  # pyright: ignore
    async with open_device("micropython:", options=options) as device:
        expected = await use(device)
    transport = FaultTransport(parse_url("micropython:"), FaultPlan(max_read=max_read))
    async with open_device(transport, options=options) as device:
        assert await use(device) == expected
        assert device.generation == 1
        assert device.snapshot().dropped_frames == 0


NOISE = [
    b"I (1234) wifi: connected\r\n",
    b"\x04",
    b"\x04\x04>",
    b"OK",
    b">",
    b"\x1e\x1f\x1e",
    b"\xff\xfe\x00",
    b"OK\x04\x04>" * 20,
]


@pytest.mark.parametrize("noise", NOISE, ids=repr)
async def test_noise_between_calls_harms_nobody(
    faulty: Device, transport: FaultTransport, settle: Settle, eventually: Eventually, noise: bytes
) -> None:
    await faulty.execute("x = 1")
    await settle()
    before = faulty.snapshot().unsolicited_bytes
    transport.use(FaultPlan(receiving=[Insert(0, noise)]))
    # A last byte that may begin a frame is kept until there are more.
    count = len(noise.removesuffix(b"\x1e"))
    await eventually(lambda: faulty.snapshot().unsolicited_bytes - before == count)
    assert await faulty.evaluate("x") == 1
    assert await faulty.execute("print('well')") == "well\n"
    assert faulty.generation == 1


CALLS: dict[str, object] = {
    "1 + 1": 2,
    "[1, 'two', 3.5]": [1, "two", 3.5],
    "1 / 0": RemoteError,
    "object": UnsupportedValueError,
    "print('some output')": None,
}


async def outcome(device: Device, code: str) -> Value | type[BelayError]:
    try:
        with trio.fail_after(20):
            return await device.evaluate(code)
    except BelayError as error:
        return type(error)


async def reply_size(faulty: Device, transport: FaultTransport, settle: Settle, code: str) -> int:
    """How many bytes come for a call, from nothing to the prompt."""
    await settle()
    transport.use(FaultPlan())
    await outcome(faulty, code)
    await settle()
    return transport.link.received


BYTE_FAULTS: dict[str, Callable[[int], Fault]] = {
    "drop": Drop,
    "duplicate": Duplicate,
    "corrupt a low bit": Corrupt,
    "corrupt a high bit": lambda at: Corrupt(at, 64),
    "corrupt many bits": lambda at: Corrupt(at, 0xA5),
    "insert": lambda at: Insert(at, b"\x04\x04>"),
}


@pytest.mark.parametrize("code", CALLS)
@pytest.mark.parametrize("kind", BYTE_FAULTS)
async def test_a_fault_in_a_reply_is_an_error_or_nothing(
    faulty: Device, transport: FaultTransport, settle: Settle, code: str, kind: str
) -> None:
    size = await reply_size(faulty, transport, settle, code)
    seen: list[Value | type[BelayError]] = []
    for at in range(size - 3):  # the last three belong to the next call, as far as faults go
        transport.use(FaultPlan(receiving=[BYTE_FAULTS[kind](at)]))
        seen.append(await outcome(faulty, code))
        transport.use(FaultPlan())
        assert await faulty.evaluate("6 * 7") == 42
        await settle()
    errors = [found for found in seen if isinstance(found, type)]
    assert [found for found in seen if not isinstance(found, type)] == [CALLS[code]] * (
        len(seen) - len(errors)
    )
    assert ProtocolError in errors
    assert set(errors) <= {ProtocolError, RemoteError, UnsupportedValueError}
    assert faulty.generation == 1


async def test_several_random_faults_never_make_a_wrong_value(
    faulty: Device, transport: FaultTransport, settle: Settle
) -> None:
    size = await reply_size(faulty, transport, settle, "'value' * 3")
    mark = len(b"OK")  # see test_faults_found for what happens when it is damaged as well
    errors = 0
    for seed in range(100):
        faults = random_faults(seed, within=size - mark - 3, count=3, kinds=(Corrupt, Insert))
        faults = tuple(attrs.evolve(fault, at=fault.at + mark) for fault in faults)
        transport.use(FaultPlan(receiving=faults))
        found = await outcome(faulty, "'value' * 3")
        errors += isinstance(found, type)
        assert isinstance(found, type) or found == "value" * 3, faults
        transport.use(FaultPlan())
        assert await faulty.evaluate("6 * 7") == 42
        await settle()
    assert errors > 50


@pytest.mark.parametrize("kind", [End, Break])
@pytest.mark.parametrize("direction", ["receiving", "sending"])
@pytest.mark.parametrize("at", [0, 3, 10])
async def test_an_end_during_a_call_is_a_loss(
    kind: type[End | Break],
    direction: str,
    at: int,
    transport: FaultTransport,
    children: Callable[[], set[int]],
) -> None:
    before = children()
    async with open_device(transport) as device:
        await device.execute("x = 1")
        if direction == "receiving":
            transport.use(FaultPlan(receiving=[kind(at)]))
        else:
            transport.use(FaultPlan(sending=[kind(at)]))
        with pytest.raises(DeviceLostError, match="as planned"):
            await device.evaluate("x")
        assert device.state is DeviceState.LOST
    assert children() == before


async def test_a_cut_loses_the_device_and_closing_it_ends_the_interpreter(
    transport: FaultTransport, children: Callable[[], set[int]]
) -> None:
    before = children()
    async with open_device(transport) as device:
        async with trio.open_nursery() as nursery:

            @nursery.start_soon
            async def _() -> None:
                with pytest.raises(DeviceLostError, match="the link was cut"):
                    await device.execute("while True: pass")

            await trio.testing.wait_all_tasks_blocked()
            transport.cut()
        assert len(children() - before) == 1
    assert children() == before


@pytest.mark.parametrize("at", [0, 20, 100, 150])
async def test_an_end_while_a_device_is_opened_leaves_nothing(
    at: int, children: Callable[[], set[int]]
) -> None:
    before = children()
    transport = FaultTransport(parse_url("micropython:"), FaultPlan(receiving=[End(at)]))
    with pytest.raises((DeviceNotFoundError, DeviceLostError)):
        async with open_device(transport) as device:
            for _ in range(10):
                await device.evaluate("1")
    assert children() == before


async def test_a_stalled_reply_is_waited_for(faulty: Device, transport: FaultTransport) -> None:
    transport.use(FaultPlan(receiving=[Stall(5, 0.3)]))
    start = trio.current_time()
    assert await faulty.evaluate("6 * 7") == 42
    assert trio.current_time() - start > 0.3


async def test_a_stalled_reply_can_be_cancelled(faulty: Device, transport: FaultTransport) -> None:
    transport.use(FaultPlan(receiving=[Stall(5, 1)]))
    with trio.move_on_after(0.05) as scope:
        await faulty.evaluate("6 * 7")
    assert scope.cancelled_caught
    assert await faulty.evaluate("6 * 8") == 48
    assert faulty.generation == 1


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
