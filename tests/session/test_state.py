"""A session's own data on the host: typed keys, and emptied at the end."""

from collections.abc import Callable, Sequence
from typing import Optional, Protocol, assert_type

import attrs
import pytest
import trio

from belay_actors import (
    Device,
    DeviceSessionManager,
    Session,
    SessionClosedError,
    SessionResource,
    SessionState,
    StateKey,
)

COUNT = StateKey("count", int)
NAME = StateKey("name", str)
GAIN = StateKey("gain", float)
VALUES = StateKey("values", list[int])
PORT = StateKey[int | None]("port", int | None)
MIXED = StateKey[list[int] | str]("mixed", list[int] | str)


@attrs.frozen
class Calibration:
    offset: int


CALIBRATION = StateKey("calibration", Calibration)


class HasOffset(Protocol):
    offset: int


@pytest.fixture
async def session(device: Device, manager: DeviceSessionManager) -> Session:
    return await manager.create_session(device)


async def test_c01_state_keeps_what_is_put_there_with_its_type(session: Session) -> None:
    state = session.state
    state[COUNT], state[NAME], state[CALIBRATION] = 5, "left", Calibration(3)
    state[VALUES] = [1, 2]
    assert_type(state[COUNT], int)
    assert_type(state[NAME], str)
    assert_type(state[VALUES], list[int])
    assert_type(state.get(COUNT, None), int | None)
    assert_type(state[CALIBRATION].offset, int)
    assert (state[COUNT], state[NAME], state[CALIBRATION]) == (5, "left", Calibration(3))
    assert state[VALUES] == [1, 2]
    state[COUNT] = state[COUNT] + 1
    assert state.get(COUNT, 0) == 6
    assert [key.name for key in state] == ["count", "name", "calibration", "values"]
    del state[COUNT]
    assert COUNT not in state
    assert len(state) == 3
    assert session.state is state


async def test_c01_a_key_that_was_never_set_is_told(session: Session) -> None:
    with pytest.raises(KeyError, match="no state 'count'; set it first"):
        session.state[COUNT]
    with pytest.raises(KeyError, match="no state 'count'"):
        del session.state[COUNT]
    assert session.state.get(COUNT, 7) == 7
    assert session.state.get(COUNT, None) is None
    assert COUNT not in session.state


async def test_c01_a_value_of_another_type_is_refused(session: Session) -> None:
    state = session.state
    state[COUNT] = 1
    with pytest.raises(TypeError, match="state 'count' is a int, not str"):
        state[COUNT] = "1"  # type: ignore[misc]  # pyright: ignore[reportArgumentType]
    with pytest.raises(TypeError, match="state 'values' is a list, not tuple"):
        state[VALUES] = (1,)  # type: ignore[misc]  # pyright: ignore[reportArgumentType]
    assert state[COUNT] == 1
    assert VALUES not in state


async def test_c01_two_keys_of_one_name_are_two_entries(session: Session) -> None:
    other = StateKey("count", int)
    session.state[COUNT], session.state[other] = 1, 2
    assert (session.state[COUNT], session.state[other]) == (1, 2)


async def test_c01_a_value_may_be_one_of_several_types(session: Session) -> None:
    state = session.state
    state[PORT] = None
    assert_type(state[PORT], int | None)
    assert state[PORT] is None
    assert PORT in state
    state[PORT] = 8080
    with pytest.raises(TypeError, match=r"state 'port' is a int \| None, not str"):
        state[PORT] = "8080"  # type: ignore[misc]  # pyright: ignore[reportArgumentType]
    assert state[PORT] == 8080
    state[MIXED] = [1]
    state[MIXED] = "one"
    with pytest.raises(TypeError, match=r"'mixed' is a list\[int\] \| str, not int"):
        state[MIXED] = 1  # type: ignore[misc]  # pyright: ignore[reportArgumentType]


async def test_c01_an_int_does_for_a_float_as_type_checkers_have_it(session: Session) -> None:
    session.state[GAIN] = 1
    session.state[GAIN] = 1.5
    with pytest.raises(TypeError, match="'gain' is a float, not str"):
        session.state[GAIN] = "1"  # type: ignore[misc]  # pyright: ignore[reportArgumentType]
    assert session.state[GAIN] == 1.5


@pytest.mark.parametrize(
    "kind", [5, "int", (int, str), HasOffset, int | list[HasOffset] | HasOffset]
)
def test_c01_a_key_needs_a_type_that_can_be_checked(kind: type[object]) -> None:
    with pytest.raises(TypeError):
        StateKey("wrong", kind)


def test_c01_old_spellings_of_types_will_do() -> None:
    for kind in (Optional[int], Sequence[int], Callable[[int], str]):  # noqa: UP045
        StateKey("old", kind)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType, reportUnknownVariableType]


@pytest.mark.parametrize(("name", "error"), [(5, TypeError), ("", ValueError)])
def test_c01_the_name_of_a_key_is_a_text(name: str, error: type[Exception]) -> None:
    with pytest.raises(error, match="name of a key"):
        StateKey(name, int)


async def test_c01_what_is_no_key_is_told(session: Session) -> None:
    state = session.state
    wrong: StateKey[int] = "count"  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
    uses: list[Callable[[], object]] = [
        lambda: state[wrong],
        lambda: state.__setitem__(wrong, 1),
        lambda: state.__delitem__(wrong),
        lambda: state.get(wrong, None),
    ]
    for use in uses:
        with pytest.raises(TypeError, match="a StateKey is wanted, not 'count'"):
            use()
    assert "count" not in state


def uses_of(state: SessionState) -> list[Callable[[], object]]:
    return [
        lambda: state[COUNT],
        lambda: state.__setitem__(COUNT, 1),
        lambda: state.__delitem__(COUNT),
        lambda: state.get(COUNT, 1),
    ]


async def test_c01_state_is_emptied_and_useless_when_the_session_has_ended(
    device: Device, manager: DeviceSessionManager
) -> None:
    async with manager.open_session(device) as session:
        session.state[COUNT] = 1
        state = session.state
    assert len(state) == 0
    assert list(state) == []
    assert COUNT not in state
    for use in [*uses_of(state), *uses_of(session.state)]:
        with pytest.raises(SessionClosedError) as caught:
            use()
        assert caught.value.session_id == session.session_id


async def test_c01_state_can_be_used_while_things_are_given_back(
    device: Device,
    manager: DeviceSessionManager,
    make_resource: Callable[..., SessionResource],
) -> None:
    found: list[int] = []
    async with manager.open_session(device) as session:

        async def clean() -> None:
            await trio.lowlevel.checkpoint()
            found.append(session.state[COUNT])

        session.state[COUNT] = 4
        session.resources.register_resource(make_resource("a", clean))
    assert found == [4]


async def test_c01_two_sessions_do_not_share_their_state(
    device: Device, manager: DeviceSessionManager
) -> None:
    async with manager.open_session(device) as one, manager.open_session(device) as other:
        one.state[COUNT] = 1
        assert COUNT not in other.state
