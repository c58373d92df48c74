"""Sessions do not see each other, whatever is done: searched for by the state machine.

And the machine itself: it finds what it is there to find, and shows it in a short program.
"""

import re
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from weakref import WeakKeyDictionary

import attrs
import pytest
import trio
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from belay_actors import BelayError, Device, DeviceNotFoundError
from belay_actors.device import Dependent, DroppedNamespace, Seat
from belay_actors.testing import (
    BoardControls,
    FakeBoard,
    HangError,
    SessionIsolationMachine,
    open_fake_board,
)
from belay_actors.values import Value
from boards import Board, open_unix_board

CALM = settings(deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])


class FakeBoards(SessionIsolationMachine):
    """Two boards in memory."""

    is_virtual_time = True

    @asynccontextmanager
    async def open_boards(self) -> AsyncGenerator[list[FakeBoard], None]:
        # A call takes its time, so that others can get into its way.
        async with (
            open_fake_board(name="one", latency=0.01) as one,
            open_fake_board(name="two", latency=0.01) as two,
        ):
            yield [one, two]


class RealBoards(SessionIsolationMachine):
    """Two MicroPythons that can be reset and unplugged."""

    @asynccontextmanager
    async def open_boards(self) -> AsyncGenerator[list[BoardControls], None]:
        async with open_unix_board() as one, open_unix_board() as two:
            yield [to_controls(one), to_controls(two)]


def to_controls(board: Board) -> BoardControls:
    return BoardControls(place=board, reset=board.reset, unplug=board.unplug, plug_in=board.plug_in)


@pytest.mark.parametrize("part", range(4))
def test_sessions_on_fake_boards_do_not_see_each_other(part: int) -> None:
    run_state_machine_as_test(
        FakeBoards, settings=settings(CALM, max_examples=150, stateful_step_count=20)
    )


def test_sessions_on_real_boards_do_not_see_each_other() -> None:
    run_state_machine_as_test(
        RealBoards, settings=settings(CALM, max_examples=15, stateful_step_count=20)
    )


# What it finds.

Plant = Callable[[pytest.MonkeyPatch], None]


def share_namespaces(monkeypatch: pytest.MonkeyPatch) -> None:
    """All sessions of a board have the same namespace."""
    seat = Device.seat

    def shared_seat(device: Device, dependent: Dependent, session_id: str) -> Seat:
        return attrs.evolve(seat(device, dependent, session_id), key=1)

    monkeypatch.setattr(Device, "seat", shared_seat)


def keep_namespaces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sessions end without giving their names back."""

    async def keep(device: Device, seat: Seat) -> DroppedNamespace:
        return DroppedNamespace(0)

    monkeypatch.setattr(Device, "drop", keep)


def answer_late(monkeypatch: pytest.MonkeyPatch) -> None:
    """A call gets the value of the call before."""
    run_in = Device.run_in
    late: WeakKeyDictionary[Device, Value] = WeakKeyDictionary()

    async def late_run_in(
        device: Device, seat: Seat, code: str, *, is_expression: bool, is_urgent: bool = False
    ) -> tuple[Value, str]:
        value, output = await run_in(
            device, seat, code, is_expression=is_expression, is_urgent=is_urgent
        )
        before, late[device] = late.get(device), value
        return before, output

    monkeypatch.setattr(Device, "run_in", late_run_in)


def interrupt_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """The end of one session interrupts the calls of the others."""

    def interrupt(device: Device, seat: Seat, make_error: Callable[[], Exception]) -> None:
        device._actor.interrupt_running(make_error)

    monkeypatch.setattr(Device, "interrupt", interrupt)


def forget_resets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sessions live on when their board was reset."""

    def forget(device: Device, make_error: Callable[[], Exception]) -> None:
        pass

    monkeypatch.setattr(Device, "_on_reset", forget)


@pytest.mark.parametrize(
    ("plant", "steps"),
    [
        (share_namespaces, 4),
        (keep_namespaces, 3),
        (answer_late, 3),
        (interrupt_all, 8),
        (forget_resets, 4),
    ],
)
def test_what_is_planted_is_found_and_shown_in_a_short_program(
    plant: Plant, steps: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(monkeypatch)
    with pytest.raises((AssertionError, BelayError)) as caught:
        run_state_machine_as_test(
            FakeBoards,
            settings=settings(
                CALM,
                max_examples=2000,  # it ends with the first that shows it
                stateful_step_count=20,
                derandomize=True,
                phases=[Phase.generate, Phase.shrink],
                report_multiple_bugs=False,
            ),
        )
    program = "\n".join(caught.value.__notes__)
    done = re.findall(r"^(?:\w+ = )?state\.(\w+)\(.+\)$", program, re.MULTILINE)
    assert 0 < len(done) <= steps, program


class NoBoards(SessionIsolationMachine):
    """Does not say how to open any."""


def test_a_machine_without_boards_says_what_is_missing() -> None:
    with pytest.raises(NotImplementedError, match=r"NoBoards must override open_boards\(\)"):
        run_state_machine_as_test(NoBoards, settings=settings(CALM, max_examples=1))


class Unplugged(FakeBoards):
    """One of its boards is not there."""

    @asynccontextmanager
    async def open_boards(self) -> AsyncGenerator[list[FakeBoard], None]:
        async with super().open_boards() as boards:
            boards[1].unplug()
            yield boards


def test_a_board_that_is_not_there_is_told_as_it_is() -> None:
    with pytest.raises(DeviceNotFoundError, match="not plugged in"):
        run_state_machine_as_test(Unplugged, settings=settings(CALM, max_examples=1))


class Littering(FakeBoards):
    """Leaves a task in its setting that never ends."""

    @asynccontextmanager
    async def open_boards(self) -> AsyncGenerator[list[FakeBoard], None]:
        async with super().open_boards() as boards, trio.open_nursery() as nursery:
            nursery.start_soon(trio.sleep_forever)
            yield boards


def test_what_does_not_end_is_told_of() -> None:
    with pytest.raises(HangError, match="in open_boards"):
        run_state_machine_as_test(
            Littering,
            settings=settings(CALM, max_examples=1, stateful_step_count=2, phases=[Phase.generate]),
        )
