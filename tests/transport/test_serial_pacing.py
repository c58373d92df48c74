"""Code for a board without flow control: no more at once than it holds, no faster than the wire."""

import attrs
import pytest
import trio
import trio.testing

from belay_actors.transport import SerialLink, SerialSettings, SerialTransport
from ports import Port

PIECE = 63
PIECE_TIME = PIECE * 10 / 115_200  # seconds on the wire: ten bits a byte


@attrs.define
class Paced:
    """What is sent over a port, and when, in seconds from now on."""

    link: SerialLink
    start: float
    pieces: list[tuple[float, bytes]] = attrs.field(factory=list[tuple[float, bytes]])


async def watch(link: SerialLink, monkeypatch: pytest.MonkeyPatch) -> Paced:
    send_all = link.send_all
    paced = Paced(link, trio.current_time())

    async def record_and_send(data: bytes) -> None:
        paced.pieces.append((trio.current_time() - paced.start, bytes(data)))
        await send_all(data)

    monkeypatch.setattr(link, "send_all", record_and_send)
    return paced


@pytest.fixture
async def paced(link: SerialLink, monkeypatch: pytest.MonkeyPatch) -> Paced:
    return await watch(link, monkeypatch)


@pytest.mark.parametrize("size", [1, PIECE - 1, PIECE, PIECE + 1, 2 * PIECE, 1000])
async def test_code_goes_out_in_pieces_at_the_pace_of_the_wire(
    paced: Paced, port: Port, size: int, autojump_clock: trio.testing.MockClock
) -> None:
    code = bytes(i % 251 for i in range(size))
    await paced.link.send_paced(code)
    sizes = [len(piece) for _, piece in paced.pieces]
    assert sizes == [PIECE] * (size // PIECE) + [size % PIECE] * (size % PIECE > 0)
    assert [moment for moment, _ in paced.pieces] == pytest.approx(
        [number * PIECE_TIME for number in range(len(sizes))]
    )
    assert trio.current_time() - paced.start == pytest.approx(paced.pieces[-1][0])
    received = b""
    while len(received) < size:
        received += await port.far.receive_some()
    assert received == code


async def test_pacing_that_is_cancelled_sends_no_more(
    paced: Paced, autojump_clock: trio.testing.MockClock
) -> None:
    with trio.move_on_after(2.5 * PIECE_TIME) as scope:
        await paced.link.send_paced(bytes(1000))
    assert scope.cancelled_caught
    assert [len(piece) for _, piece in paced.pieces] == [PIECE] * 3


async def test_the_pace_is_that_of_the_settings(
    port: Port, monkeypatch: pytest.MonkeyPatch, autojump_clock: trio.testing.MockClock
) -> None:
    settings = SerialSettings(baudrate=9600, input_buffer=10)
    link = await SerialTransport("", port.path, settings).connect()
    paced = await watch(link, monkeypatch)
    await link.send_paced(bytes(25))
    assert [len(piece) for _, piece in paced.pieces] == [10, 10, 5]
    assert [moment for moment, _ in paced.pieces] == pytest.approx([0, 100 / 9600, 200 / 9600])
    await link.aclose()


async def test_sending_nothing_at_a_pace_is_a_checkpoint(link: SerialLink) -> None:
    with trio.testing.assert_checkpoints():
        await link.send_paced(b"")
    await link.aclose()
    with pytest.raises(trio.ClosedResourceError):
        await link.send_paced(b"")


async def test_what_needs_no_pace_is_sent_at_once(
    paced: Paced, autojump_clock: trio.testing.MockClock
) -> None:
    await paced.link.send_all(bytes(1000))
    assert paced.pieces == [(0.0, bytes(1000))]
