"""Boards that play foul in a call: a typed error or the right value, and always a way out.

Every test says what one caller sees, cancels another such call, and closes the device: each of it
within the bounds that are documented (recovery grace, attach timeout).
"""

import contextlib

import pytest
import trio
import trio.testing

from belay_actors import (
    BelayError,
    Device,
    DeviceError,
    DeviceOptions,
    DeviceResetError,
    DeviceState,
    DeviceUnresponsiveError,
    OutputLimitError,
    ProtocolError,
    RemoteError,
    UnsupportedValueError,
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

OPTIONS = DeviceOptions(recovery_grace=5.0, attach_timeout=3.0, max_output_bytes=100_000)
GRACE = 5.0
ATTACH = 3.0
SLACK = 0.3


class HostileBoard(ScriptedBoard):
    """Attaches as it should; a call of ``attack`` does what the attack says.

    Attributes:
        is_attacked: whether the attack has begun.
    """

    def __init__(self) -> None:
        super().__init__()
        self.is_attacked = False

    def on_call(self, number: int, code: str) -> bytes:
        if code == "attack":
            self.is_attacked = True
            return self.attack(number)
        return super().on_call(number, code)

    def attack(self, number: int) -> bytes:
        """What the board writes instead of an answer."""
        raise NotImplementedError

    def on_interrupt(self) -> bytes:
        """Ends the attack, as code does that can be interrupted."""
        if not self.is_attacked:
            return b""
        self.is_attacked = False
        self.noise = b""
        self._says.clear()
        return b"\x04Traceback (most recent call last):\r\nKeyboardInterrupt: \r\n\x04>"


class Silent(HostileBoard):
    def attack(self, number: int) -> bytes:
        return b""


class Deaf(HostileBoard):
    def attack(self, number: int) -> bytes:
        self.is_deaf = True
        return b""


class Noisy(HostileBoard):
    def attack(self, number: int) -> bytes:
        self.noise = b"output without a line end "
        return b""


class EndlessEnds(HostileBoard):
    def attack(self, number: int) -> bytes:
        self.noise = END
        return b""


class EndlessRawBanners(HostileBoard):
    def attack(self, number: int) -> bytes:
        self.noise = RAW_BANNER
        return b""


class EndlessBoots(HostileBoard):
    def attack(self, number: int) -> bytes:
        self.noise = SOFT_REBOOT + FRIENDLY_BANNER
        return b""


class EndlessErrors(HostileBoard):
    def attack(self, number: int) -> bytes:
        self.noise = self.frame("T", number) + b"Traceback"
        return b""


class EndlessOldReplies(HostileBoard):
    def attack(self, number: int) -> bytes:
        self.noise = self.frame("V", number - 1, b"1")
        return b""


class EndlessNextReplies(HostileBoard):
    def attack(self, number: int) -> bytes:
        self.noise = self.frame("V", number + 1, b"1")
        return b""


class EndlessSessions(HostileBoard):
    """Output of session after session, none of which there is."""

    key = 0

    def attack(self, number: int) -> bytes:
        return b""

    @property
    def is_silent(self) -> bool:
        return super().is_silent and not self.is_attacked

    def take(self) -> bytes:
        if self.is_attacked and not self._says:
            self.key += 1
            self.say(self.frame("P", self.key * 7919 % 10**10, b"'some text, and no line end'"))
            self.say(self.frame("P", -self.key, b"''"))
        return super().take()


class EndlessWrongSums(HostileBoard):
    def attack(self, number: int) -> bytes:
        self.noise = self.frame("V", number, b"1").replace(b"1\x1f", b"2\x1f")
        return b""


class EndlessFrame(HostileBoard):
    def attack(self, number: int) -> bytes:
        self.noise = b"payload "
        return f"\x1e{self.token}V{number};99999;1;".encode()


class EndlessHeaders(HostileBoard):
    def attack(self, number: int) -> bytes:
        self.noise = f"\x1e{self.token}V{number};99999;".encode()
        return b""


class FrameThatNeverEnds(HostileBoard):
    def attack(self, number: int) -> bytes:
        return f"\x1e{self.token}V{number};99999;1;'payload".encode()


class WrongToken(HostileBoard):
    def attack(self, number: int) -> bytes:
        return self.frame("V", number, b"1", token="dcba")


class ReplyWithoutPrompt(HostileBoard):
    is_lossless = False

    def attack(self, number: int) -> bytes:
        return self.frame("V", number, b"1")


class ReplyAndHalfAPrompt(HostileBoard):
    is_lossless = False

    def attack(self, number: int) -> bytes:
        return self.frame("V", number, b"1") + b"\x04"


class ReplyAndNoise(HostileBoard):
    is_lossless = False

    def attack(self, number: int) -> bytes:
        self.noise = b"noise "
        return self.frame("V", number, b"1") + b"\x04"


ENDLESS = [
    Silent, Noisy, EndlessEnds, EndlessRawBanners, EndlessBoots, EndlessErrors, EndlessOldReplies,
    EndlessNextReplies, EndlessSessions, EndlessWrongSums, EndlessFrame, EndlessHeaders,
    FrameThatNeverEnds, WrongToken, ReplyWithoutPrompt, ReplyAndHalfAPrompt, ReplyAndNoise,
]  # fmt: skip


def stubborn(board: type[HostileBoard]) -> type[HostileBoard]:
    """The same, but no Ctrl-C ends it, and there is no prompt."""

    class Stubborn(board):  # type: ignore[misc, valid-type]
        def on_interrupt(self) -> bytes:
            return b""

        def on_question(self) -> bytes:
            return b"" if self.is_attacked else super().on_question()

        def on_leaving(self) -> bytes:
            return b"" if self.is_attacked else super().on_leaving()

        def on_source(self, source: bytes) -> bytes:
            return b"" if self.is_attacked else super().on_source(source)

    return Stubborn


@pytest.mark.parametrize("board", ENDLESS, ids=lambda board: board.__name__)
async def test_an_attack_that_can_be_interrupted_is_over_with_its_call(
    board: type[HostileBoard], autojump_clock: trio.testing.MockClock
) -> None:
    async with open_device(ScriptedTransport(board), options=OPTIONS) as device:
        for _ in range(3):
            started = trio.current_time()
            with trio.move_on_after(2), contextlib.suppress(BelayError):
                assert await device.evaluate("attack") == 1
            assert trio.current_time() - started <= 2 + GRACE
            assert await device.evaluate("6 * 7") == 42
        assert device.state is DeviceState.OPEN


@pytest.mark.parametrize("can_restart", [False, True])
@pytest.mark.parametrize("board", [*ENDLESS, Deaf], ids=lambda board: board.__name__)
async def test_a_cancelled_caller_gets_out_of_an_attack_that_cannot_be_interrupted(
    board: type[HostileBoard],
    can_restart: bool,
    autojump_clock: trio.testing.MockClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    transport = ScriptedTransport(stubborn(board))
    monkeypatch.setattr(ScriptedBoard, "can_restart", can_restart)
    async with open_device(transport, options=OPTIONS) as device:
        started = trio.current_time()
        with trio.move_on_after(2):
            with contextlib.suppress(BelayError):
                assert await device.evaluate("attack") == 1
        assert trio.current_time() - started <= 2 + GRACE + ATTACH + SLACK
        if device.state is DeviceState.OPEN:
            with contextlib.suppress(DeviceResetError):
                assert await device.evaluate("6 * 7") == 42
        else:
            with pytest.raises(DeviceUnresponsiveError):
                await device.evaluate("6 * 7")
        started = trio.current_time()
    assert trio.current_time() - started <= 2 * (GRACE + SLACK)
    assert all(link.is_closed for link in transport.links)


@pytest.mark.parametrize("board", [*ENDLESS, Deaf], ids=lambda board: board.__name__)
async def test_closing_ends_an_attack_that_cannot_be_interrupted(
    board: type[HostileBoard], autojump_clock: trio.testing.MockClock
) -> None:
    transport = ScriptedTransport(stubborn(board))

    async def attack(device: Device) -> None:
        with contextlib.suppress(BelayError):
            await device.evaluate("attack")

    async with open_device(transport, options=OPTIONS) as device, trio.open_nursery() as nursery:
        nursery.start_soon(attack, device)
        await trio.sleep(0.5)
        started = trio.current_time()
        await device.aclose()
    assert trio.current_time() - started <= 2 * (GRACE + SLACK)
    assert all(link.is_closed for link in transport.links)


class Answering(HostileBoard):
    """Answers in the end, after much else."""

    def attack(self, number: int) -> bytes:
        self.is_attacked = False
        return b"".join(self.much(number)) + self.reply(number, b"'right'")

    def much(self, number: int) -> list[bytes]:
        raise NotImplementedError


class ManySessions(Answering):
    def much(self, number: int) -> list[bytes]:
        return [self.frame("P", key * 99_991, b"'text'") for key in range(20_000)]


class ManyRepliesToOthers(Answering):
    def much(self, number: int) -> list[bytes]:
        return [self.frame("V", key, b"'wrong'") for key in range(10_000) if key != number]


class ManyStrangeOutputs(Answering):
    def much(self, number: int) -> list[bytes]:
        strange = [b"", b"1", b"None", b"[]", b"x", b"'", b"9" * 4300, b"0x" + b"f" * 4000]
        return [self.frame("P", 0, payload) for payload in strange] * 50


class ManyErrorsOfOthers(Answering):
    def much(self, number: int) -> list[bytes]:
        return [self.frame("T", number + 1), self.frame("E", number + 1, b"('E', '', False)")] * 500


class ManyDamagedReplies(Answering):
    def much(self, number: int) -> list[bytes]:
        return [self.frame("V", number, b"'wrong'")[:-1]] * 1000


class ManyNextReplies(Answering):
    """The replies of calls that have not come yet."""

    def much(self, number: int) -> list[bytes]:
        return [self.frame("V", number + ahead, b"'wrong'") for ahead in range(1, 100)]


class ManyBanners(Answering):
    """No raw ones, which would be taken for an answer to a question that the others raise."""

    def much(self, number: int) -> list[bytes]:
        return [FRIENDLY_BANNER, SOFT_REBOOT, END] * 500


class ManyTokens(Answering):
    def much(self, number: int) -> list[bytes]:
        return [f"\x1e{self.token}".encode(), b"\x1e", b"\x1f"] * 3000


ANSWERING = [
    ManySessions, ManyRepliesToOthers, ManyStrangeOutputs, ManyErrorsOfOthers, ManyDamagedReplies,
    ManyNextReplies, ManyBanners, ManyTokens,
]  # fmt: skip


@pytest.mark.parametrize("is_lossless", [True, False])
@pytest.mark.parametrize("board", ANSWERING, ids=lambda board: board.__name__)
async def test_the_right_reply_is_found_among_much_else(
    board: type[HostileBoard],
    is_lossless: bool,
    autojump_clock: trio.testing.MockClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ScriptedBoard, "is_lossless", is_lossless)
    async with open_device(ScriptedTransport(board), options=OPTIONS) as device:
        assert await device.evaluate("attack") == "right"
        assert await device.evaluate("6 * 7") == 42
        assert await device.evaluate("attack") == "right"
        assert device.generation == 1


class Replying(HostileBoard):
    """Replies with a frame that a test gives."""

    kind = "V"
    payload = b""

    def attack(self, number: int) -> bytes:
        self.is_attacked = False
        start = self.frame("T", number) if self.kind == "E" else b""
        return start + self.frame(self.kind, number, self.payload) + END


REPLIES: dict[str, tuple[str, bytes, type[BelayError]]] = {
    "code": ("V", b"__import__('os').system('true')", UnsupportedValueError),
    "deep": ("V", b"[" * 1000 + b"]" * 1000, UnsupportedValueError),
    "digits": ("V", b"9" * 90_000, UnsupportedValueError),
    "hexadecimal digits": ("U", b"0x" + b"f" * 10_000, UnsupportedValueError),
    "f-strings": ("V", b"f'" + b"{1}" * 30_000 + b"'", UnsupportedValueError),
    "no type": ("U", b"<type>", UnsupportedValueError),
    "dots for a type": ("U", b"\"<class '" + b"." * 90_000 + b'"', UnsupportedValueError),
    "an error that is none": ("E", b"1", RemoteError),
    "an error of strange parts": ("E", b"('OSError', '', [None, True])", RemoteError),
    "an error without value": ("E", b"<error>", UnsupportedValueError),
    "code damaged again and again": ("N", b"", ProtocolError),
    "more than is believed": ("V", b"'" + b"x" * 100_000 + b"'", DeviceError),
}


@pytest.mark.parametrize("attack", REPLIES)
async def test_a_reply_that_is_none_is_a_typed_error(
    attack: str, autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind, payload, error = REPLIES[attack]
    monkeypatch.setattr(Replying, "kind", kind)
    monkeypatch.setattr(Replying, "payload", payload)
    async with open_device(ScriptedTransport(Replying), options=OPTIONS) as device:
        with pytest.raises(error):
            await device.evaluate("attack")
        with pytest.raises(error):
            await device.evaluate("attack", returns=int)
        assert await device.evaluate("6 * 7") == 42


async def test_a_range_is_no_list(
    autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Replying, "payload", b"range(0, 1000000000000000)")
    async with open_device(ScriptedTransport(Replying), options=OPTIONS) as device:
        with pytest.raises(TypeError, match="does not fit"):
            await device.evaluate("attack", returns=list[int])
        assert await device.evaluate("attack") == range(10**15)


class Stuttering(Answering):
    """Prints little by little, with something else in between."""

    def much(self, number: int) -> list[bytes]:
        return [b"xy" + self.frame("P", 0, b"''")] * 20_000


async def test_output_in_many_small_pieces_comes_whole(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with open_device(ScriptedTransport(Stuttering), options=OPTIONS) as device:
        assert await device.execute("attack") == "xy" * 20_000
        assert device.background_output == ""


async def test_too_much_output_that_cannot_be_interrupted_is_a_typed_error(
    autojump_clock: trio.testing.MockClock,
) -> None:
    transport = ScriptedTransport(stubborn(Noisy))
    async with open_device(transport, options=OPTIONS) as device:
        started = trio.current_time()
        with pytest.raises(DeviceUnresponsiveError):
            await device.execute("attack")
        assert trio.current_time() - started <= 2 + GRACE + SLACK
        assert device.state is DeviceState.LOST


async def test_those_who_wait_are_told_when_a_board_is_given_up(
    autojump_clock: trio.testing.MockClock,
) -> None:
    errors: list[type[Exception]] = []
    async with open_device(ScriptedTransport(stubborn(Noisy)), options=OPTIONS) as device:

        async def call(code: str) -> None:
            try:
                await device.execute(code)
            except BelayError as error:
                errors.append(type(error))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(call, "attack")
            await trio.sleep(0.1)
            for _ in range(10):
                nursery.start_soon(call, "x = 1")
    assert errors == [DeviceUnresponsiveError] * 11


async def test_too_much_output_is_an_error_each_time(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with open_device(ScriptedTransport(Noisy), options=OPTIONS) as device:
        for _ in range(3):
            with pytest.raises(OutputLimitError):
                await device.execute("attack")
        assert await device.evaluate("6 * 7") == 42


class NoisyAfterwards(HostileBoard):
    """Ends when it is interrupted, but its answer to the check is output without end."""

    def on_interrupt(self) -> bytes:
        answer = super().on_interrupt()
        self.was_interrupted = bool(answer) or getattr(self, "was_interrupted", False)
        return answer

    def attack(self, number: int) -> bytes:
        return b""

    def on_call(self, number: int, code: str) -> bytes:
        if code == "0" and getattr(self, "was_interrupted", False):
            self.noise = b"output "
            return b""
        return super().on_call(number, code)


@pytest.mark.parametrize("can_restart", [False, True])
async def test_too_much_output_of_the_check_after_an_interrupt_is_a_typed_error(
    can_restart: bool, autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ScriptedBoard, "can_restart", can_restart)
    async with open_device(ScriptedTransport(NoisyAfterwards), options=OPTIONS) as device:
        started = trio.current_time()
        with trio.move_on_after(1) as scope:
            await device.evaluate("attack")
        assert scope.cancelled_caught
        assert trio.current_time() - started <= 1 + GRACE + ATTACH + SLACK
        if can_restart:
            assert await device.evaluate("6 * 7") == 42
        else:
            with pytest.raises(DeviceUnresponsiveError):
                await device.evaluate("6 * 7")
