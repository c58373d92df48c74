"""The examples of docs/configuration.md run as they stand there, and its tables are right."""

import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import cast

import attrs
import pytest

from belay_actors import DeviceOptions, SessionManagementOptions
from programs import blocks_of, run_program

PAGE = "configuration.md"
TEXT = (Path(__file__).parents[2] / "docs" / PAGE).read_text("utf-8")


RECORDS, FILE, ENVIRONMENT, MAPPING, WRONG = blocks_of(PAGE)


async def test_h01_the_records_of_the_page_are_used(capsys: pytest.CaptureFixture[str]) -> None:
    await cast(Callable[[], Awaitable[None]], run_program(RECORDS)["main"])()
    assert capsys.readouterr().out == "42\n"


@pytest.mark.parametrize("kind", [SessionManagementOptions, DeviceOptions])
def test_h01_the_page_has_all_options_with_their_defaults(
    kind: type[SessionManagementOptions | DeviceOptions],
) -> None:
    table = TEXT.partition(f"| `{kind.__name__}` | default | |\n|---|---|---|\n")[2]
    rows = re.findall(r"\| `(\w+)` \| (\S+) \| .* \|", table.partition("\n\n")[0])
    assert dict(rows) == {name: str(value) for name, value in attrs.asdict(kind()).items()}


def test_h02_the_file_of_the_page_is_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (toml,) = blocks_of(PAGE, "toml")
    (tmp_path / "rig.toml").write_text(toml, "utf-8")
    monkeypatch.chdir(tmp_path)
    names = run_program(FILE)
    expected = SessionManagementOptions(
        max_concurrent_sessions=40, default_session_timeout=float("inf")
    )
    assert names["sessions"] == expected
    assert names["device"] == DeviceOptions(attach_timeout=30.0)


def test_h02_the_environment_of_the_page_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in re.findall(r"export (\w+)=(\S+)", TEXT):
        monkeypatch.setenv(name, text)
    names = run_program(ENVIRONMENT)
    expected = SessionManagementOptions(
        max_concurrent_sessions=40, default_session_timeout=float("inf")
    )
    assert names["sessions"] == expected
    assert names["device"] == DeviceOptions(restart_unresponsive=False)


def test_h02_the_mapping_of_the_page_is_loaded() -> None:
    expected = SessionManagementOptions(max_concurrent_sessions=4, enable_session_metrics=False)
    assert run_program(MAPPING)["sessions"] == expected


def test_h02_the_error_of_the_page_is_the_one_that_comes(
    capsys: pytest.CaptureFixture[str],
) -> None:
    run_program(WRONG)
    assert [capsys.readouterr().out] == blocks_of(PAGE, "text")
