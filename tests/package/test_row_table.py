"""The script that looks for rows without a test finds them."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "rows.py"
ROWS = '[one]\nA1 = "the first"\nB10 = "the second"\n'


def run(folder: Path) -> tuple[int, list[str]]:
    done = subprocess.run(
        [sys.executable, SCRIPT, folder], check=False, capture_output=True, text=True
    )
    assert done.stderr == ""
    return done.returncode, done.stdout.splitlines()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "rows.toml").write_text(ROWS, "utf-8")
    (tmp_path / "deep").mkdir()
    return tmp_path


def test_a_row_without_a_test_is_told(folder: Path) -> None:
    (folder / "test_one.py").write_text("def test_a01_x(): ...\ndef test_b1_x(): ...\n", "utf-8")
    code, lines = run(folder)
    assert code == 1
    assert lines == [
        "A1  the first",
        "      test_one.py::test_a01_x",
        "B10 the second",
        "      NO TEST",
        "1 of 2 rows have a test; without: B10",
    ]


def test_tests_are_found_by_the_ids_in_front_of_their_names(folder: Path) -> None:
    text = "class Test:\n    async def test_B10_a1_x(self): ...\ndef test_x_a1_b10(): ...\n"
    (folder / "deep" / "test_one.py").write_text(text, "utf-8")
    (folder / "deep" / "helper.py").write_text("def test_a1_not_a_test_file(): ...\n", "utf-8")
    code, lines = run(folder)
    assert code == 0
    assert lines == [
        "A1  the first",
        "      deep/test_one.py::test_B10_a1_x",
        "B10 the second",
        "      deep/test_one.py::test_B10_a1_x",
        "2 of 2 rows have a test",
    ]


def test_every_row_has_a_test() -> None:
    code, lines = run(SCRIPT.parent)
    assert code == 0, lines[-1]
