"""Boards that do harm between calls, and when they are closed."""

import contextlib
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest
import trio
import trio.testing

from belay_actors import (
    BelayError,
    Device,
    DeviceError,
    DeviceLostError,
    DeviceOptions,
    DeviceState,
    DeviceUnresponsiveError,
    ResourceCleanupError,
    open_device,
    open_session_manager,
)
from scripted_board import (
    END,
    FRIENDLY_BANNER,
    RAW_BANNER,
    SOFT_REBOOT,
    ScriptedBoard,
    ScriptedLink,
    ScriptedTransport,
)

pytestmark = pytest.mark.usefixtures("bounded_memory")

GRACE = 5.0
ATTACH = 3.0
SLACK = 0.5
OPTIONS = DeviceOptions(recovery_grace=GRACE, attach_timeout=ATTACH, max_output_bytes=100_000)


class Idle(ScriptedBoard):
    """Keeps to the protocol until it is told to begin."""

    is_begun = False

    def begin(self) -> None:
        self.is_begun = True
        self.attack()

    def attack(self) -> None:
        raise NotImplementedError


class Noisy(Idle):
    def attack(self) -> None:
        self.noise = b"noise without a line end "


class Ends(Idle):
    def attack(self) -> None:
        self.noise = END


class RawBanners(Idle):
    def attack(self) -> None:
        self.noise = RAW_BANNER


class Boots(Idle):
    def attack(self) -> None:
        self.noise = SOFT_REBOOT + FRIENDLY_BANNER


class Sessions(Idle):
    def attack(self) -> None:
        self.noise = self.frame("P", 1, b"'text'") + self.frame("P", 10**9, b"''")


class Replies(Idle):
    def attack(self) -> None:
        self.noise = b"".join(self.frame("V", number, b"'wrong'") for number in range(20))


class FrameWithoutEnd(Idle):
    def attack(self) -> None:
        self.say(f"\x1e{self.token}P1;60000000;1;".encode())
        self.noise = b"payload "


class Deaf(Idle):
    def attack(self) -> None:
        self.is_deaf = True


class DeafAndNoisy(Idle):
    def attack(self) -> None:
        self.is_deaf = True
        self.noise = RAW_BANNER


class RestartsAgainAndAgain(Idle):
    """Boots as soon as it has been attached, again and again."""

    def attack(self) -> None:
        self.say(SOFT_REBOOT + FRIENDLY_BANNER)

    def on_call(self, number: int, code: str) -> bytes:
        restart = SOFT_REBOOT + FRIENDLY_BANNER if self.is_begun and number == 1 else b""
        return super().on_call(number, code) + restart


class RestartsAtEveryCall(Idle):
    def attack(self) -> None:
        self.say(SOFT_REBOOT + FRIENDLY_BANNER)

    def on_call(self, number: int, code: str) -> bytes:
        if self.is_begun and number > 1:
            return SOFT_REBOOT + FRIENDLY_BANNER
        return super().on_call(number, code)


class ForgetsItsCore(Idle):
    """Answers every question, but runs no call any more."""

    def attack(self) -> None:
        self.say(SOFT_REBOOT)

    def on_source(self, source: bytes) -> bytes:
        if self.is_begun:
            return b"\x04NameError: name '__b' isn't defined\r\n\x04>"
        return super().on_source(source)


class PrintsInsteadOfACheck(Idle):
    """Restarts, and then its answer to every call is output without end."""

    def attack(self) -> None:
        self.say(SOFT_REBOOT)

    def on_source(self, source: bytes) -> bytes:
        if self.is_begun:
            self.noise = b"output "
            return b""
        return super().on_source(source)


class Gone(Idle):
    def attack(self) -> None:
        self.is_gone = True


BOARDS = [
    Noisy, Ends, RawBanners, Boots, Sessions, Replies, FrameWithoutEnd, RestartsAgainAndAgain,
    RestartsAtEveryCall, ForgetsItsCore, Gone,
]  # fmt: skip
DEAF = [Deaf, DeafAndNoisy]


@asynccontextmanager
async def attacked(board: type[Idle], *, idle: float) -> AsyncGenerator[Device]:
    """A device that has been under attack for some time."""
    transport = ScriptedTransport(board)
    async with open_device(transport, options=OPTIONS) as device:
        begun = transport.board
        assert isinstance(begun, Idle)
        begun.begin()
        transport.links[-1].wake()
        await trio.sleep(idle)
        yield device
    assert all(link.is_closed for link in transport.links)


@pytest.mark.parametrize("can_restart", [False, True])
@pytest.mark.parametrize("board", [*BOARDS, *DEAF], ids=lambda board: board.__name__)
async def test_a_call_comes_to_the_right_value_or_a_typed_error_in_time(
    board: type[Idle],
    can_restart: bool,
    autojump_clock: trio.testing.MockClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ScriptedBoard, "can_restart", can_restart)
    async with attacked(board, idle=1.0) as device:
        for _ in range(3):
            started = trio.current_time()
            with contextlib.suppress(DeviceError), trio.move_on_after(20):
                assert await device.evaluate("6 * 7") == 42
            # It may have to wait until the board has been mended once, and be mended itself.
            assert trio.current_time() - started <= 20 + 2 * (GRACE + ATTACH + SLACK)


@pytest.mark.parametrize("board", [*BOARDS, *DEAF], ids=lambda board: board.__name__)
async def test_a_cancelled_caller_gets_out(
    board: type[Idle], autojump_clock: trio.testing.MockClock
) -> None:
    async with attacked(board, idle=0.1) as device:
        started = trio.current_time()
        with trio.move_on_after(1), contextlib.suppress(BelayError):
            await device.evaluate("6 * 7")
        assert trio.current_time() - started <= 1 + 2 * (GRACE + ATTACH + SLACK)


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.__name__)
@pytest.mark.parametrize("idle", [0.0, 0.1, 1.0])
async def test_the_device_closes_in_time(
    board: type[Idle], idle: float, autojump_clock: trio.testing.MockClock
) -> None:
    with trio.CancelScope() as scope:
        async with attacked(board, idle=idle):
            scope.cancel()
    assert trio.current_time() <= idle + GRACE + ATTACH + SLACK


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.__name__)
async def test_other_tasks_run_meanwhile(
    board: type[Idle], autojump_clock: trio.testing.MockClock
) -> None:
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            await trio.sleep(0.01)
            ticks += 1

    async with trio.open_nursery() as nursery:
        nursery.start_soon(tick)
        async with attacked(board, idle=3.0) as device:
            assert ticks >= 250
            assert len(device.background_output) <= 64 * 1024
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.__name__)
async def test_a_session_ends_in_time(
    board: type[Idle], autojump_clock: trio.testing.MockClock
) -> None:
    async with open_session_manager() as manager, attacked(board, idle=0.1) as device:
        started = trio.current_time()
        with contextlib.suppress(BelayError, ResourceCleanupError):
            async with manager.open_session(device) as session:
                with trio.move_on_after(1):
                    await session.execute("x = 1")
        assert trio.current_time() - started <= 1 + 30 + GRACE + ATTACH + SLACK


@pytest.mark.parametrize("board", DEAF, ids=lambda board: board.__name__)
async def test_a_device_that_reads_nothing_closes_in_time(
    board: type[Idle], autojump_clock: trio.testing.MockClock
) -> None:
    with trio.CancelScope() as scope:
        async with attacked(board, idle=0.0):
            scope.cancel()
    assert trio.current_time() <= GRACE + ATTACH + SLACK


@pytest.mark.parametrize("can_restart", [False, True])
async def test_a_check_that_prints_without_end_is_no_end_of_the_program(
    can_restart: bool, autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ScriptedBoard, "can_restart", can_restart)
    async with attacked(PrintsInsteadOfACheck, idle=GRACE + ATTACH) as device:
        if can_restart:
            assert await device.evaluate("6 * 7") == 42
        else:
            with pytest.raises(DeviceUnresponsiveError):
                await device.evaluate("6 * 7")


async def test_a_board_that_is_gone_for_good_is_lost(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with attacked(Gone, idle=0.1) as device:
        assert device.state is DeviceState.LOST
        with pytest.raises(DeviceLostError):
            await device.evaluate("1")


async def test_a_link_that_cannot_be_opened_again_does_not_hold_its_callers(
    autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ScriptedBoard, "can_restart", True)

    class Stuck(ScriptedTransport):
        async def connect(self) -> ScriptedLink:
            if self.links:
                await trio.sleep(3600)
            return await super().connect()

    transport = Stuck(Gone)
    with trio.CancelScope() as scope:
        async with open_device(transport, options=OPTIONS) as device:
            board = transport.board
            assert isinstance(board, Gone)
            board.begin()
            transport.links[-1].wake()
            with trio.move_on_after(1):
                await device.evaluate("6 * 7")
            scope.cancel()
    assert trio.current_time() <= 1 + 2 * (GRACE + ATTACH + SLACK)
