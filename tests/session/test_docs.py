"""The programs in docs/sessions.md run as they stand there."""

from collections.abc import Awaitable, Callable
from typing import cast

import pytest

from belay_actors import DeviceSessionState
from programs import blocks_of, run_program

PROGRAMS = blocks_of("sessions.md")


def main_of(number: int) -> Callable[[], Awaitable[object]]:
    return cast("Callable[[], Awaitable[object]]", run_program(PROGRAMS[number])["main"])


async def test_c01_a_session_offers_state_deployment_and_contexts(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert await main_of(0)() == 18.0
    platform, deployed = capsys.readouterr().out.split()
    assert platform == "linux"
    assert deployed == "1"


async def test_e04_a_thread_counts_until_it_is_stopped() -> None:
    blinks = await main_of(1)()
    assert isinstance(blinks, int)
    assert blinks > 0


async def test_b10_an_operation_with_a_policy() -> None:
    assert await main_of(2)() == 42


async def test_e02_the_life_of_a_manager_can_be_watched() -> None:
    State = DeviceSessionState  # noqa: N806
    assert await main_of(3)() == [State.ACTIVE, State.SHUTDOWN, State.DISPOSED]
