"""The sweeper of all scenarios, and the table of what it has covered."""

from pathlib import Path

import pytest

from sweeps import Row, Setting, Sweeper, real_setting

_rows = pytest.StashKey[list[Row]]()
_KINDS = ("cancel", "cancel one", "unplug", "reset", "kill")


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_rows] = []


@pytest.fixture
def sweep(pytestconfig: pytest.Config) -> Sweeper:
    return Sweeper(pytestconfig.stash[_rows])


@pytest.fixture
def real(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Setting:
    """A setting with one local interpreter."""
    monkeypatch.setenv("MICROPYPATH", str(tmp_path))
    return real_setting(tmp_path)


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    rows = config.stash[_rows]
    if not rows:
        return
    terminalreporter.section("points per scenario")
    head = "".join(f"{kind:>12}" for kind in (*_KINDS, "seconds"))
    terminalreporter.line(f"{'':40}{head}")
    for scenario in dict.fromkeys(row.scenario for row in rows):
        mine = [row for row in rows if row.scenario == scenario]
        counts = (sum(row.points for row in mine if row.kind == kind) for kind in _KINDS)
        numbers = "".join(f"{count or '':>12}" for count in counts)
        seconds = sum(row.seconds for row in mine)
        terminalreporter.line(f"{scenario:40}{numbers}{seconds:12.1f}")
