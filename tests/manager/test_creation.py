"""How a session is to be made: strict, unless a basic one will do."""

import attrs
import pytest

from belay_actors.manager._creation import SessionCreationOptions


def test_b06_creation_is_strict_by_default() -> None:
    assert not SessionCreationOptions().allows_fallback


def test_b06_with_fallback_capabilities_allows_a_basic_session() -> None:
    assert SessionCreationOptions.with_fallback_capabilities().allows_fallback


def test_b06_the_options_are_values() -> None:
    options = SessionCreationOptions.with_fallback_capabilities()
    assert options == SessionCreationOptions(allows_fallback=True)
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        options.allows_fallback = False  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]


def test_b06_a_yes_that_is_no_boolean_is_refused() -> None:
    with pytest.raises(TypeError, match="allows_fallback"):
        SessionCreationOptions(allows_fallback="no")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
