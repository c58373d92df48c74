"""The options' defaults, and that no record holds what an option may not be."""

import math
import re
from fractions import Fraction

import attrs
import pytest

from belay_actors import DeviceOptions, SessionManagementOptions
from belay_actors.options._validators import quote


def test_h01_the_session_options_have_the_defaults_of_their_source() -> None:
    assert attrs.asdict(SessionManagementOptions()) == {
        "default_session_timeout": 30 * 60.0,
        "max_concurrent_sessions": 10,
        "enable_session_metrics": True,
        "enable_resource_tracking": True,
        "resource_cleanup_timeout": 30.0,
    }


def test_h01_the_device_options_have_defaults() -> None:
    assert attrs.asdict(DeviceOptions()) == {
        "attach_timeout": 3.0,
        "recovery_grace": 5.0,
        "restart_unresponsive": True,
        "max_output_bytes": 64 * 1024 * 1024,
        "upload": "auto",
        "resident": True,
    }


TIMES: list[object] = [
    0,
    -1.0,
    True,
    "1",
    None,
    math.nan,
    -math.inf,
    Fraction(1),
    1j,
    10**400,
    10**5000,
    [1],
]
COUNTS: list[object] = [0, -1, True, False, 1.0, 2.5, math.nan, math.inf, "1", None]
FLAGS: list[object] = [0, 1, 0.0, "true", "", None, []]
WRONG: dict[tuple[type[SessionManagementOptions | DeviceOptions], str], list[object]] = {
    (SessionManagementOptions, "default_session_timeout"): TIMES,
    (SessionManagementOptions, "max_concurrent_sessions"): COUNTS,
    (SessionManagementOptions, "enable_session_metrics"): FLAGS,
    (SessionManagementOptions, "enable_resource_tracking"): FLAGS,
    (SessionManagementOptions, "resource_cleanup_timeout"): [*TIMES, math.inf],
    (DeviceOptions, "attach_timeout"): [*TIMES, math.inf],
    (DeviceOptions, "recovery_grace"): [*TIMES, math.inf],
    (DeviceOptions, "restart_unresponsive"): FLAGS,
    (DeviceOptions, "max_output_bytes"): COUNTS,
    (DeviceOptions, "upload"): ["", "Auto", "raw", None, 0, True, [], b"auto"],
    (DeviceOptions, "resident"): [None, 0, 1, "", "yes", []],
}
CASES = [(kind, name, value) for (kind, name), values in WRONG.items() for value in values]


def test_h01_wrong_values_of_every_option_are_tried() -> None:
    kinds = (SessionManagementOptions, DeviceOptions)
    assert {(kind, field.name) for kind in kinds for field in attrs.fields(kind)} == set(WRONG)


@pytest.mark.parametrize(
    ("kind", "name", "value"), CASES, ids=[f"{name}-{quote(value)}" for _, name, value in CASES]
)
def test_h01_what_an_option_may_not_be_is_refused(
    kind: type[DeviceOptions | SessionManagementOptions], name: str, value: object
) -> None:
    with pytest.raises(ValueError, match=rf"^{name} is (a|an|one|true)\b.*, not ") as caught:
        kind(**{name: value})  # type: ignore[arg-type]  # pyright: ignore
    assert len(str(caught.value)) < 200


def test_h01_a_wrong_value_is_shown_with_what_is_allowed() -> None:
    words = re.escape("upload is one of 'auto', 'plain', 'raw-paste', not 'raw'")
    with pytest.raises(ValueError, match=f"^{words}$"):
        DeviceOptions(upload="raw")  # type: ignore[arg-type]  # pyright: ignore


def test_h01_whole_numbers_are_times_and_a_session_may_live_for_ever() -> None:
    options = SessionManagementOptions(
        default_session_timeout=math.inf, resource_cleanup_timeout=1, enable_session_metrics=False
    )
    assert options.default_session_timeout == math.inf
    assert options.resource_cleanup_timeout == 1
    assert not options.enable_session_metrics
    assert options.enable_resource_tracking
