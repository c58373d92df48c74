"""The policy's numbers, and which errors may be tried again."""

import math
from itertools import pairwise

import attrs
import pytest
import trio
from hypothesis import given, strategies as st

from belay_actors.errors import (
    BelayError,
    DeviceLostError,
    DeviceResetError,
    ResourceCleanupError,
    SessionError,
    is_recoverable,
)
from belay_actors.manager._retry import RetryPolicy

seconds = st.floats(0, 1e300)
policies = st.builds(RetryPolicy, backoff=seconds, max_delay=seconds, jitter=st.floats(0, 1))
attempts = st.integers(1, 5000)


def test_b10_the_defaults_are_those_of_the_design() -> None:
    policy = RetryPolicy()
    assert attrs.asdict(policy) == {
        "max_attempts": 3, "backoff": 2.0, "max_delay": 60.0, "jitter": 0.5
    }  # fmt: skip
    assert [policy.delay_after(n, lambda: 0) for n in (1, 2, 3, 5, 6, 7)] == [2, 4, 8, 32, 60, 60]
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        policy.backoff = 1  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]


@given(policies, attempts, st.floats(0, 1))
def test_b10_a_delay_is_never_above_the_greatest_nor_below_what_jitter_leaves(
    policy: RetryPolicy, attempt: int, drawn: float
) -> None:
    delay = policy.delay_after(attempt, lambda: drawn)
    whole = policy.delay_after(attempt, lambda: 0)
    assert 0 <= delay <= whole <= policy.max_delay
    assert delay >= whole * (1 - policy.jitter)


@given(policies, attempts)
def test_b10_a_random_delay_keeps_to_the_bounds_too(policy: RetryPolicy, attempt: int) -> None:
    whole = policy.delay_after(attempt, lambda: 0)
    assert whole * (1 - policy.jitter) <= policy.delay_after(attempt) <= whole


@given(policies)
def test_b10_without_jitter_delays_double_until_the_greatest(policy: RetryPolicy) -> None:
    policy = attrs.evolve(policy, jitter=0)
    delays = [policy.delay_after(attempt) for attempt in range(1, 900)]
    for earlier, later in pairwise(delays):
        assert later == min(2 * earlier, policy.max_delay)
    assert delays[0] == min(policy.backoff, policy.max_delay)


@pytest.mark.parametrize(
    ("name", "value", "kind"),
    [
        ("max_attempts", 0, ValueError),
        ("max_attempts", -1, ValueError),
        ("max_attempts", 2.0, TypeError),
        ("max_attempts", True, TypeError),
        ("backoff", -1, ValueError),
        ("backoff", math.inf, ValueError),
        ("backoff", math.nan, ValueError),
        ("backoff", 10**400, ValueError),
        ("backoff", "2", TypeError),
        ("max_delay", -0.1, ValueError),
        ("max_delay", math.inf, ValueError),
        ("max_delay", None, TypeError),
        ("jitter", 1.1, ValueError),
        ("jitter", -0.1, ValueError),
        ("jitter", math.nan, ValueError),
        ("jitter", True, TypeError),
    ],
)
def test_b10_a_policy_that_makes_no_sense_is_refused(
    name: str, value: object, kind: type[Exception]
) -> None:
    with pytest.raises(kind, match=f"^{name} is"):
        RetryPolicy(**{name: value})  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


YES = DeviceResetError("reset")
NO = DeviceLostError("lost")


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (YES, True),
        (NO, False),
        (SessionError("x", is_recoverable=True), True),
        (SessionError("x"), False),
        (BelayError("x"), False),
        (ValueError("x"), False),
        (KeyboardInterrupt(), False),
        (ExceptionGroup("x", [YES, ExceptionGroup("x", [YES])]), True),
        (ExceptionGroup("x", [YES, ExceptionGroup("x", [YES, NO])]), False),
        (ExceptionGroup("x", [YES, ValueError("x")]), False),
        (BaseExceptionGroup("x", [YES, KeyboardInterrupt()]), False),
        (ResourceCleanupError("x", [YES]), False),
        (ExceptionGroup("x", [YES, ResourceCleanupError("x", [YES])]), False),
    ],
)
def test_g02_an_error_says_whether_it_is_recoverable(error: BaseException, expected: bool) -> None:
    assert is_recoverable(error) is expected


async def test_g02_a_cancellation_is_never_recoverable() -> None:
    caught: list[BaseException] = []
    with trio.CancelScope() as scope:
        scope.cancel()
        try:
            await trio.lowlevel.checkpoint()
        except trio.Cancelled as cancelled:
            caught.append(cancelled)
            raise
    assert len(caught) == 1
    assert not is_recoverable(caught[0])
    assert not is_recoverable(BaseExceptionGroup("x", [YES, *caught]))
