"""The sweeper of all scenarios."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from sweep_table import keep_rows
from sweeps import Row, Setting, Sweeper, real_setting


@pytest.fixture
def sweep(request: pytest.FixtureRequest) -> Iterator[Sweeper]:
    rows: list[Row] = []
    yield Sweeper(rows)
    keep_rows(request.node, rows)


@pytest.fixture
def real(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Setting:
    """A setting with one local interpreter."""
    monkeypatch.setenv("MICROPYPATH", str(tmp_path))
    return real_setting(tmp_path)
