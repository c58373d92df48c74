"""Faults between a device and a real interpreter: what calls make of them."""

from collections.abc import AsyncIterator, Awaitable, Callable

import attrs
import pytest
import trio
import trio.testing

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
    FaultTransport,
    Insert,
    Stall,
    random_faults,
)
from belay_actors.transport import parse_url
from belay_actors.wire import State

Eventually = Callable[[Callable[[], bool]], Awaitable[None]]


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
        await eventually(lambda: machine.state in (State.IDLE, State.LISTENING))

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
    await eventually(lambda: faulty.snapshot().unsolicited_bytes - before >= count)
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
