"""Events are values, of names and numbers alone."""

import re
import typing

import attrs
import pytest

from belay_actors import Event
from belay_actors.observe import CallKind

KINDS: tuple[type[attrs.AttrsInstance], ...] = typing.get_args(Event)
HARMLESS = {str, int, float, str | None, CallKind}


def test_there_is_an_example_of_each_kind(events: list[Event]) -> None:
    assert {type(event) for event in events} == set(KINDS)
    assert len(events) == len(KINDS) == 12


def test_events_are_frozen_and_take_no_more_attributes(events: list[Event]) -> None:
    for event in events:
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            event.device = "right"  # type: ignore[misc]  # pyright: ignore
        assert not hasattr(event, "__dict__")


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_an_event_has_names_and_numbers_only_and_says_what_they_are(
    kind: type[attrs.AttrsInstance],
) -> None:
    described = re.findall(r"^ +(\w+): ", kind.__doc__ or "", re.MULTILINE)
    assert described == [field.name for field in attrs.fields(kind)]
    for field in attrs.fields(kind):
        assert field.type in HARMLESS
        assert field.kw_only
