"""Boards that do not want to be attached: a typed error within the attach timeout."""

import contextlib

import pytest
import trio
import trio.testing

from belay_actors import (
    DeviceCapabilityError,
    DeviceNotFoundError,
    DeviceOptions,
    ProtocolError,
    open_device,
)
from scripted_board import (
    END,
    FRIENDLY_BANNER,
    RAW_BANNER,
    SOFT_REBOOT,
    ScriptedBoard,
    ScriptedTransport,
)

pytestmark = pytest.mark.usefixtures("bounded_memory")

TIMEOUT = 3.0  # seconds; the default of attach_timeout
REFUSALS = (DeviceNotFoundError, DeviceCapabilityError, ProtocolError)


class Silent(ScriptedBoard):
    def hear(self, data: bytes) -> None:
        self.heard += len(data)


class Deaf(ScriptedBoard):
    def __init__(self) -> None:
        super().__init__()
        self.is_deaf = True


class Gone(ScriptedBoard):
    def __init__(self) -> None:
        super().__init__()
        self.is_gone = True


class Noisy(Silent):
    noise = b"noise without a line end "


class DeafAndNoisy(Deaf):
    noise = b"\x01\x04>"


class NoisyLines(Silent):
    noise = b"\r\n"


class EndlessRawBanners(Silent):
    noise = RAW_BANNER


class EndlessRestarts(Silent):
    noise = SOFT_REBOOT


class EndlessBoots(Silent):
    noise = FRIENDLY_BANNER


class AnswersWithNoise(ScriptedBoard):
    def on_question(self) -> bytes:
        return b"raw REPL; CTRL-B to exi" * 100


class RestartsBehindTheBanner(ScriptedBoard):
    def on_question(self) -> bytes:
        return RAW_BANNER + SOFT_REBOOT


class RestartsInsteadOfThePrompt(ScriptedBoard):
    def on_question(self) -> bytes:
        return RAW_BANNER[:-1] + SOFT_REBOOT


class RestartsAtTheProbe(ScriptedBoard):
    def on_probe(self) -> bytes:
        return SOFT_REBOOT + FRIENDLY_BANNER


class RestartsBehindTheProbe(ScriptedBoard):
    def on_probe(self) -> bytes:
        return super().on_probe() + SOFT_REBOOT


class AnswersTheProbeByAWrongToken(ScriptedBoard):
    def on_probe(self) -> bytes:
        return self.frame("V", 0, b"1", token="dcba") + END


class AnswersTheProbeByAWrongNumber(ScriptedBoard):
    def on_probe(self) -> bytes:
        return self.frame("V", 1, b"1") + END


class AnswersTheProbeWithoutEnd(ScriptedBoard):
    def on_probe(self) -> bytes:
        self.noise = b"output "
        return b""


class AnswersTheProbeByAFrameWithoutEnd(ScriptedBoard):
    def on_probe(self) -> bytes:
        self.noise = b"payload "
        return f"\x1e{self.token}V0;60000000;1;".encode()


class AnswersTheProbeByErrors(ScriptedBoard):
    def on_probe(self) -> bytes:
        self.noise = self.frame("T", 0)
        return b""


class DoesNotRunTheProbe(ScriptedBoard):
    def on_source(self, source: bytes) -> bytes:
        super().on_source(source)
        return self.frame("N", 0) + END


class DoesNotRunTheCore(ScriptedBoard):
    def on_call(self, number: int, code: str) -> bytes:
        return self.frame("N", number) + END


class PromptsWithoutAnswer(ScriptedBoard):
    def on_source(self, source: bytes) -> bytes:
        return END


class StopsReadingAtTheProbe(ScriptedBoard):
    def on_probe(self) -> bytes:
        self.is_deaf = True
        self.noise = END + RAW_BANNER
        return b""


class GoesAtTheProbe(ScriptedBoard):
    def on_probe(self) -> bytes:
        self.is_gone = True
        return b""


BOARDS = [
    Silent, Deaf, Gone, Noisy, DeafAndNoisy, NoisyLines, EndlessRawBanners, EndlessRestarts,
    EndlessBoots, AnswersWithNoise, RestartsBehindTheBanner,
    RestartsInsteadOfThePrompt, RestartsAtTheProbe, RestartsBehindTheProbe,
    AnswersTheProbeByAWrongToken, AnswersTheProbeByAWrongNumber, AnswersTheProbeWithoutEnd,
    AnswersTheProbeByAFrameWithoutEnd, AnswersTheProbeByErrors, DoesNotRunTheProbe,
    DoesNotRunTheCore, PromptsWithoutAnswer, StopsReadingAtTheProbe, GoesAtTheProbe,
]  # fmt: skip


@pytest.mark.parametrize("upload", ["plain", "raw-paste", "lossy"])
@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.__name__)
async def test_a_board_that_cannot_be_attached_is_refused_in_time(
    board: type[ScriptedBoard],
    upload: str,
    monkeypatch: pytest.MonkeyPatch,
    autojump_clock: trio.testing.MockClock,
) -> None:
    monkeypatch.setattr(board, "is_lossless", upload != "lossy")
    transport = ScriptedTransport(board)
    options = DeviceOptions(upload="raw-paste" if upload == "raw-paste" else "plain")
    started = trio.current_time()
    with pytest.raises(REFUSALS) as caught:
        async with open_device(transport, options=options):
            pass
    assert trio.current_time() - started <= TIMEOUT + 0.1
    assert len(str(caught.value)) < 5000
    assert all(link.is_closed for link in transport.links)
    assert transport.board.heard < 1_000_000


@pytest.mark.parametrize("upload", ["plain", "raw-paste"])
async def test_a_board_that_prints_more_than_it_may_is_not_attached(
    upload: str, autojump_clock: trio.testing.MockClock
) -> None:
    options = DeviceOptions(
        upload="raw-paste" if upload == "raw-paste" else "plain", max_output_bytes=1000
    )
    with pytest.raises(REFUSALS):
        async with open_device(ScriptedTransport(AnswersTheProbeWithoutEnd), options=options):
            pass


ANSWERS = {
    "nothing": b"",
    "no value": b"<object>",
    "a number": b"1",
    "a long text": b"'" + b"x" * 20_000 + b"'",
    "a large list": b"[" + b"[]," * 6_000 + b"]",
    "too few parts": b"('micropython', (1, 29))",
    "other types": b"(1, 2, 3, 4, 5, 6)",
    "too few facts": b"('micropython', (1, 29), 'rp2', '', False, [1, 1])",
    "no version": b"('micropython', None, 'rp2', '', False, [1, 1, 1])",
    "code": b"__import__('os').system('true')",
    "no UTF-8": b"('\xff', (1, 29), 'rp2', '', False, [1, 1, 1])",
}


@pytest.mark.parametrize("answer", ANSWERS)
async def test_a_board_with_an_absurd_answer_to_the_probe_is_not_attached(
    answer: str, autojump_clock: trio.testing.MockClock
) -> None:
    class Absurd(ScriptedBoard):
        def on_probe(self) -> bytes:
            return self.frame("V", 0, ANSWERS[answer]) + END

    with pytest.raises(ProtocolError, match="does not answer its probe as expected") as caught:
        async with open_device(ScriptedTransport(Absurd)):
            pass
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize("kind", "UE")
async def test_a_board_whose_probe_fails_is_not_attached(
    kind: str, autojump_clock: trio.testing.MockClock
) -> None:
    class Failing(ScriptedBoard):
        def on_probe(self) -> bytes:
            reply = self.frame(kind, 0, b"('E', '', False)")
            return self.frame("T", 0) + b"Traceback" + reply + END

    with pytest.raises(ProtocolError):
        async with open_device(ScriptedTransport(Failing)):
            pass


async def test_a_board_with_strange_facts_is_attached(
    autojump_clock: trio.testing.MockClock,
) -> None:
    class Strange(ScriptedBoard):
        def on_probe(self) -> bytes:
            facts = b"('', (1, None, [2], 'x', b'y'), '\\x00', '\\n', True, [0, '', 1])"
            return self.frame("V", 0, facts) + END

    async with open_device(ScriptedTransport(Strange)) as device:
        assert device.capabilities.version == (1, "x")
        assert await device.evaluate("6 * 7") == 42


@pytest.mark.parametrize(
    "answer",
    [
        b"R\x01\x00\x00",
        b"R\x01\x00\x00" + b"\x01" * 50_000,
        b"R\x02",
        b"\x01" * 50_000,
        b"R",
        b"R\x01",
        b"R\x01\xff",
        b"\x04" * 1000,
    ],
    ids=range(8),
)
async def test_a_board_that_plays_with_raw_paste_is_attached_without(
    answer: bytes, autojump_clock: trio.testing.MockClock
) -> None:
    class Playing(ScriptedBoard):
        is_lossless = False

        def on_paste(self) -> bytes:
            return answer

    options = DeviceOptions(upload="raw-paste")
    transport = ScriptedTransport(Playing)
    with trio.fail_after(TIMEOUT):
        async with open_device(transport, options=options) as device:
            assert await device.evaluate("6 * 7") == 42
    assert transport.board.heard < 10_000


@pytest.mark.parametrize("window", [1, 128, 65535])
async def test_a_board_that_grants_without_end_gets_the_code_once(
    window: int, autojump_clock: trio.testing.MockClock
) -> None:
    class Granting(ScriptedBoard):
        is_lossless = False

        def on_paste(self) -> bytes:
            return b"R\x01" + window.to_bytes(2, "little") + b"\x01" * 20_000

    transport = ScriptedTransport(Granting)
    async with open_device(transport, options=DeviceOptions(upload="raw-paste")) as device:
        assert await device.evaluate("6 * 7") == 42
    assert transport.board.heard < 10_000


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.__name__)
async def test_attaching_can_be_cancelled_whatever_the_board_does(
    board: type[ScriptedBoard], autojump_clock: trio.testing.MockClock
) -> None:
    transport = ScriptedTransport(board)
    with trio.move_on_after(0.5), contextlib.suppress(*REFUSALS):
        async with open_device(transport):
            pytest.fail("it was attached")
    assert trio.current_time() < 0.6
    assert all(link.is_closed for link in transport.links)
