"""The library is whole where OpenTelemetry is not installed, and starts without it elsewhere."""

import subprocess
import sys

import pytest

from belay_actors import OpenTelemetryObserver


def run(program: str) -> str:
    """Runs a program in an interpreter of its own, and returns what it printed."""
    return subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True, timeout=60
    ).stdout


WITHOUT = """
import sys
sys.modules["opentelemetry"] = None  # importing it raises ModuleNotFoundError
from belay_actors import OpenTelemetryObserver
from belay_actors.observe import Observers
try:
    OpenTelemetryObserver()
except ImportError as error:
    print(error)
"""


def test_without_it_the_library_works_and_the_observer_says_what_to_install() -> None:
    said = run(WITHOUT)
    assert "pip install 'belay_actors[otel]'" in said
    assert "opentelemetry-api" in said


def test_it_is_not_imported_before_it_is_needed() -> None:
    said = run("import sys, belay_actors; print('opentelemetry' in sys.modules)")
    assert said == "False\n"
    said = run(
        "import sys, belay_actors; belay_actors.OpenTelemetryObserver(); "
        "print('opentelemetry' in sys.modules)"
    )
    assert said == "True\n"


def test_the_error_names_the_module_that_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    monkeypatch.delitem(sys.modules, "belay_actors.observe._telemetry", raising=False)
    monkeypatch.delattr("belay_actors.observe._telemetry", raising=False)
    with pytest.raises(ImportError, match=r"belay_actors\[otel\]") as caught:
        OpenTelemetryObserver()
    assert caught.value.name == "opentelemetry"
    assert caught.value.__cause__ is not None
