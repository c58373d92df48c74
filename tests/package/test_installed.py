"""What users install: the wheel has everything, and asks for nothing more than it says."""

import importlib
import inspect
import os
from importlib import metadata, resources
from pathlib import Path

import pytest

import belay_actors

REPOSITORY = Path(__file__).parents[2]


@pytest.mark.skipif(
    "BELAY_ACTORS_EXPECT_WHEEL" not in os.environ, reason="only where the wheel is installed"
)
def test_the_tests_run_against_the_wheel() -> None:
    assert not Path(belay_actors.__file__).is_relative_to(REPOSITORY / "src")


@pytest.mark.parametrize(
    "name",
    [
        "py.typed",
        "board/core.py",
        "board/probe.py",
        "board/drop.py",
        "board/census.py",
        "board/detect.py",
        "board/imports.py",
        "board/threads.py",
        "board/timers.py",
        "transport/_launch.py",
    ],
)
def test_data_files_are_installed(name: str) -> None:
    assert resources.files("belay_actors").joinpath(name).is_file()


def test_four_requirements_and_no_more() -> None:
    required = metadata.requires("belay_actors") or []
    names = {line.split(">")[0] for line in required if "extra ==" not in line}
    assert names == {"trio", "trio-serial", "attrs", "cattrs"}


def test_extras() -> None:
    extras = metadata.metadata("belay_actors").get_all("Provides-Extra") or []
    assert set(extras) == {"micropython", "cli", "otel", "testing"}


PACKAGES = [
    "",
    ".device",
    ".kernel",
    ".session",
    ".manager",
    ".testing",
    ".transport",
    ".values",
    ".wire",
]


@pytest.mark.parametrize("package", PACKAGES)
def test_every_public_name_is_documented(package: str) -> None:
    module = importlib.import_module(f"belay_actors{package}")
    for name, value in vars(module).items():
        if name.startswith("_") or inspect.ismodule(value):
            continue
        if inspect.isclass(value) or inspect.isfunction(value):
            assert inspect.getdoc(value), f"{module.__name__}.{name}"


# For other floors of the house, not for users.
INTERNAL = {
    ("Device", "open"),
    ("Device", "serve"),
    ("Device", "run_in"),
    ("Session", "end"),
    ("DeviceSessionManager", "leave"),
    ("Session", "stop_thread"),
}


def test_public_async_methods_tell_what_a_cancellation_does() -> None:
    missing = [
        f"{owner.__name__}.{name}"
        for owner in (
            belay_actors.Device,
            belay_actors.Session,
            belay_actors.DeviceSessionManager,
            belay_actors.ResourceTracker,
        )
        for name, function in vars(owner).items()
        if (owner.__name__, name) not in INTERNAL
        and not name.startswith("_")
        and inspect.iscoroutinefunction(function)
        if "ancellation" not in (inspect.getdoc(function) or "")
    ]
    assert missing == []
