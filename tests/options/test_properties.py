"""Of any input come options or one ``InvalidOptionsError``; of options come the same again."""

import contextlib
import json
import math
import tempfile
from pathlib import Path

import attrs
import pytest
from hypothesis import given, settings, strategies as st

from belay_actors import (
    DeviceOptions,
    InvalidOptionsError,
    SessionManagementOptions,
    options_from_environment,
    options_from_mapping,
    options_from_toml,
)

Kind = type[DeviceOptions] | type[SessionManagementOptions]

KINDS = st.sampled_from([DeviceOptions, SessionManagementOptions])
TIMES = st.floats(min_value=0, exclude_min=True, allow_infinity=False)
COUNTS = st.integers(min_value=1, max_value=10**30)
DEVICE_OPTIONS = st.builds(
    DeviceOptions,
    attach_timeout=TIMES,
    recovery_grace=TIMES,
    restart_unresponsive=st.booleans(),
    max_output_bytes=COUNTS,
    upload=st.sampled_from(["auto", "plain", "raw-paste"]),
)
SESSION_OPTIONS = st.builds(
    SessionManagementOptions,
    default_session_timeout=TIMES | st.just(math.inf),
    max_concurrent_sessions=COUNTS,
    enable_session_metrics=st.booleans(),
    enable_resource_tracking=st.booleans(),
    resource_cleanup_timeout=TIMES,
)
OPTIONS = DEVICE_OPTIONS | SESSION_OPTIONS

NAMES = sorted(
    field.name for kind in (DeviceOptions, SessionManagementOptions) for field in attrs.fields(kind)
)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=9)
    | st.binary(max_size=9)
    | st.sampled_from(["auto", "plain", 10**400, "1", "true"])
)
VALUES = SCALARS | st.lists(SCALARS, max_size=3) | st.dictionaries(SCALARS, SCALARS, max_size=3)


@settings(deadline=None)
@given(KINDS, st.dictionaries(st.sampled_from(NAMES) | SCALARS, VALUES, max_size=8))
def test_h02_any_mapping_makes_options_or_is_refused_with_all_its_problems(
    kind: Kind, mapping: dict[str, object]
) -> None:
    wrong = sum(not is_right(kind, *item) for item in mapping.items())
    if wrong:
        with pytest.raises(InvalidOptionsError) as caught:
            options_from_mapping(kind, mapping)
        assert len(caught.value.problems) == wrong
    else:
        options = options_from_mapping(kind, mapping)
        assert options == kind(**{name: as_made(kind, name, mapping[name]) for name in mapping})  # type: ignore[arg-type]  # pyright: ignore


def as_made(kind: Kind, name: str, value: object) -> object:
    """A value as the record has it: a float for an int, which may be a near one only."""
    is_time = attrs.fields_dict(kind)[name].type is float
    return float(value) if is_time and isinstance(value, int) else value


def is_right(kind: Kind, name: str, value: object) -> bool:
    """Whether the record itself takes this value, alone."""
    try:
        kind(**{name: value})  # type: ignore[arg-type]  # pyright: ignore
    except (TypeError, ValueError):
        return False
    return True


TEXTS = st.text() | st.sampled_from(["1", "2.5", "inf", "nan", "on", "plain", "9" * 5000])


@settings(deadline=None)
@given(KINDS, st.dictionaries(st.sampled_from(NAMES) | st.text(), TEXTS, max_size=8))
def test_h02_any_environment_makes_options_or_is_refused(
    kind: Kind, environ: dict[str, str]
) -> None:
    variables = {f"X_{name.upper()}": text for name, text in environ.items()}
    with contextlib.suppress(InvalidOptionsError):
        assert isinstance(options_from_environment(kind, variables, prefix="X_"), kind)


LINES = st.builds("{} = {}".format, st.sampled_from(NAMES), st.text() | VALUES.map(str))


@settings(deadline=None)
@given(KINDS, st.lists(LINES).map("\n".join).map(str.encode) | st.binary())
def test_h02_any_file_makes_options_or_is_refused(kind: Kind, data: bytes) -> None:
    with tempfile.TemporaryDirectory() as place:
        file = Path(place) / "any.toml"
        file.write_bytes(b"[a]\n" + data)
        with contextlib.suppress(InvalidOptionsError):
            assert isinstance(options_from_toml(kind, file, table="a"), kind)


@settings(deadline=None)
@given(OPTIONS)
def test_h02_options_come_back_from_a_mapping(
    options: DeviceOptions | SessionManagementOptions,
) -> None:
    assert options_from_mapping(type(options), attrs.asdict(options)) == options


@settings(deadline=None)
@given(OPTIONS)
def test_h02_options_come_back_from_the_environment(
    options: DeviceOptions | SessionManagementOptions,
) -> None:
    environ = {f"X_{name.upper()}": str(value) for name, value in attrs.asdict(options).items()}
    assert options_from_environment(type(options), environ, prefix="X_") == options


@settings(deadline=None)
@given(OPTIONS)
def test_h02_options_come_back_from_a_toml_file(
    options: DeviceOptions | SessionManagementOptions,
) -> None:
    lines = (f"{name} = {to_toml(value)}" for name, value in attrs.asdict(options).items())
    with tempfile.TemporaryDirectory() as place:
        file = Path(place) / "options.toml"
        file.write_text("\n".join(["[a.b]", *lines]), "utf-8")
        assert options_from_toml(type(options), file, table="a.b") == options


def to_toml(value: object) -> str:
    return "inf" if value == math.inf else json.dumps(value)
