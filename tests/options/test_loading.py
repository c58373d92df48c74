"""Options are loaded from mappings, files and the environment, or all is told that is wrong."""

import math
from pathlib import Path

import pytest

from belay_actors import (
    BelayError,
    DeviceOptions,
    InvalidOptionsError,
    SessionManagementOptions,
    options_from_environment,
    options_from_mapping,
    options_from_toml,
)

THREE = {
    "default_session_timeout": 60,
    "max_concurrent_sessions": 3,
    "enable_session_metrics": False,
}


# Mappings.


def test_h02_a_mapping_makes_options_and_what_it_lacks_has_its_default() -> None:
    options = options_from_mapping(SessionManagementOptions, THREE)
    assert options == SessionManagementOptions(
        default_session_timeout=60.0, max_concurrent_sessions=3, enable_session_metrics=False
    )
    assert type(options.default_session_timeout) is float
    assert options_from_mapping(DeviceOptions, {}) == DeviceOptions()


def test_h02_all_that_is_wrong_with_a_mapping_is_told_at_once() -> None:
    mapping = {
        "max_sessions": 3,
        "max_concurrent_sessions": True,
        "default_session_timeout": math.nan,
        "resource_cleanup_timeout": "30",
        "enable_session_metrics": 1,
    }
    with pytest.raises(InvalidOptionsError) as caught:
        options_from_mapping(SessionManagementOptions, mapping)
    error = caught.value
    assert isinstance(error, BelayError)
    assert isinstance(error, ValueError)
    allowed = "a finite number of seconds above 0 (a board may never answer)"
    assert error.problems == (
        "max_sessions is no option; did you mean max_concurrent_sessions?",
        "default_session_timeout is a number of seconds above 0, not nan",
        "max_concurrent_sessions is an integer above 0, not True",
        "enable_session_metrics is true or false, not 1",
        f"resource_cleanup_timeout is {allowed}, not '30'",
    )
    assert str(error) == "\n  ".join(
        ["SessionManagementOptions cannot be loaded from the mapping:", *error.problems]
    )
    assert error.__context__ is None


def test_h02_a_name_that_is_like_no_option_is_told_what_there_is() -> None:
    mapping = {"x": 1, 2: 3, None: 4}
    with pytest.raises(InvalidOptionsError) as caught:
        options_from_mapping(DeviceOptions, mapping)  # type: ignore[arg-type]  # pyright: ignore
    there = (
        "attach_timeout, recovery_grace, restart_unresponsive, max_output_bytes, upload, resident"
    )
    assert caught.value.problems == tuple(
        f"{name} is no option; there are {there}" for name in ("x", "2", "None")
    )


@pytest.mark.parametrize("mapping", [None, [], "upload", 3, [("upload", "plain")]])
def test_h02_what_is_no_mapping_is_refused(mapping: object) -> None:
    with pytest.raises(InvalidOptionsError, match="it is no mapping of names to values, but"):
        options_from_mapping(DeviceOptions, mapping)  # type: ignore[arg-type]  # pyright: ignore


# TOML.


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "program.toml"


def test_h02_a_toml_file_makes_options_of_both_kinds(file: Path) -> None:
    file.write_text(
        """
        [belay_actors.sessions]
        default_session_timeout = inf
        max_concurrent_sessions = 3
        [belay_actors.device]
        attach_timeout = 10
        upload = "plain"
        [tool.mine.boards]
        upload = "raw-paste"
        """,
        "utf-8",
    )
    assert options_from_toml(SessionManagementOptions, file) == SessionManagementOptions(
        default_session_timeout=math.inf, max_concurrent_sessions=3
    )
    expected = DeviceOptions(attach_timeout=10.0, upload="plain")
    assert options_from_toml(DeviceOptions, str(file)) == expected
    mine = options_from_toml(DeviceOptions, file, table="tool.mine.boards")
    assert mine == DeviceOptions(upload="raw-paste")


def test_h02_a_problem_in_a_toml_file_is_told_with_file_and_table(file: Path) -> None:
    file.write_text("[belay_actors.device]\nattach_timeout = true\nuploads = 1979-05-27\n", "utf-8")
    with pytest.raises(InvalidOptionsError, match="DeviceOptions cannot be loaded from") as caught:
        options_from_toml(DeviceOptions, file)
    unknown, wrong = caught.value.problems
    assert unknown == f"{file} [belay_actors.device]: uploads is no option; did you mean upload?"
    assert wrong.startswith(f"{file} [belay_actors.device]: attach_timeout is a finite number")


def test_h02_a_missing_file_or_one_that_cannot_be_read_is_told(file: Path) -> None:
    with pytest.raises(InvalidOptionsError) as caught:
        options_from_toml(DeviceOptions, file)
    assert caught.value.problems == (
        f"there is no file {file}; write it, or give the path of another",
    )
    with pytest.raises(InvalidOptionsError, match="cannot be read: Is a directory"):
        options_from_toml(DeviceOptions, file.parent)


@pytest.mark.parametrize(
    ("text", "there"),
    [
        ("", "it has no tables"),
        ("upload = 'plain'", "it has no tables"),
        ("[belay_actors]\ndevice = 3", r"there are \[belay_actors\]$"),
        ("[[belay_actors.device]]", r"there are \[belay_actors\]$"),
        ("[a.b]\n[a.c]\n[d]", r"there are \[a\], \[a\.b\], \[a\.c\], \[d\]$"),
    ],
)
def test_h02_a_missing_table_is_told_with_those_there_are(
    file: Path, text: str, there: str
) -> None:
    file.write_text(text, "utf-8")
    with pytest.raises(
        InvalidOptionsError, match=rf"has no table \[belay_actors\.device\]; {there}"
    ):
        options_from_toml(DeviceOptions, file)


@pytest.mark.parametrize(
    "data",
    [
        b"upload = ",
        b"upload = '\xff'",
        b"x = " + b"[" * 5000,
        b"x = " + b"9" * 5000,
        b"a = 1\na = 2",
        b"\0",
    ],
)
def test_h02_what_is_no_toml_is_told(file: Path, data: bytes) -> None:
    file.write_bytes(data)
    with pytest.raises(InvalidOptionsError, match="is no TOML: "):
        options_from_toml(DeviceOptions, file)


# The environment.


def test_h02_the_environment_makes_options(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BELAY_SESSIONS_MAX_CONCURRENT_SESSIONS", "3")
    monkeypatch.setenv("BELAY_SESSIONS_DEFAULT_SESSION_TIMEOUT", "inf")
    monkeypatch.setenv("BELAY_DEVICE_UPLOAD", "plain")
    assert options_from_environment(SessionManagementOptions) == SessionManagementOptions(
        max_concurrent_sessions=3, default_session_timeout=math.inf
    )
    assert options_from_environment(DeviceOptions) == DeviceOptions(upload="plain")


def test_h02_an_environment_and_a_prefix_of_ones_own_do_as_well() -> None:
    environ = {"RIG_UPLOAD": "plain", "RIG_ATTACH_TIMEOUT": "1.5e1", "PATH": "/bin"}
    options = options_from_environment(DeviceOptions, environ, prefix="RIG_")
    assert options == DeviceOptions(upload="plain", attach_timeout=15.0)
    assert options_from_environment(DeviceOptions, environ) == DeviceOptions()


@pytest.mark.parametrize(
    ("text", "flag"),
    [(text, True) for text in ("true", "1", "yes", "on", "TRUE", "On")]
    + [(text, False) for text in ("false", "0", "no", "off", "False", "NO")],
)
def test_h02_a_flag_has_eight_words(text: str, flag: bool) -> None:
    environ = {"BELAY_DEVICE_RESTART_UNRESPONSIVE": text}
    assert options_from_environment(DeviceOptions, environ).restart_unresponsive is flag


@pytest.mark.parametrize(
    ("name", "text"),
    [
        *(
            ("MAX_OUTPUT_BYTES", text)
            for text in ("", " 1", "1.0", "1_000", "0x10", "\uff11", "0", "-1")
        ),
        ("MAX_OUTPUT_BYTES", "9" * 5000),
        *(("ATTACH_TIMEOUT", text) for text in ("", "1s", "nan", "inf", "1_0", "1e999", " 1", "0")),
        *(("RESTART_UNRESPONSIVE", text) for text in ("", "t", "y", "2", "enabled", " on")),
        *(("UPLOAD", text) for text in ("", "AUTO", "raw")),
    ],
)
def test_h02_a_text_that_stands_for_no_value_is_told(name: str, text: str) -> None:
    name = f"BELAY_DEVICE_{name}"
    with pytest.raises(InvalidOptionsError) as caught:
        options_from_environment(DeviceOptions, {name: text})
    (problem,) = caught.value.problems
    assert problem.startswith(f"{name} is ")
    assert len(problem) < 200


def test_h02_all_that_is_wrong_with_the_environment_is_told_at_once() -> None:
    environ = {
        "BELAY_SESSIONS_MAX_SESSIONS": "3",
        "BELAY_SESSIONS_ENABLE_SESSION_METRICS": "maybe",
        "BELAY_SESSIONS_MAX_CONCURRENT_SESSIONS": "ten",
        "BELAY_DEVICE_UPLOADS": "not asked for",
    }
    with pytest.raises(InvalidOptionsError, match="from the environment:") as caught:
        options_from_environment(SessionManagementOptions, environ)
    assert caught.value.problems == (
        "BELAY_SESSIONS_MAX_SESSIONS is no option; did you mean "
        "BELAY_SESSIONS_MAX_CONCURRENT_SESSIONS?",
        "BELAY_SESSIONS_MAX_CONCURRENT_SESSIONS is an integer above 0, not 'ten'",
        "BELAY_SESSIONS_ENABLE_SESSION_METRICS is true or false, not 'maybe'",
    )
