"""The README's programs run as they stand there."""

import re
from pathlib import Path

import pytest

from programs import run_program

README = Path(__file__).parents[2] / "README.md"
PROGRAMS = re.findall(r"```python\n(.*?)```", README.read_text("utf-8"), re.DOTALL)


def test_the_opening_program_runs(capsys: pytest.CaptureFixture[str]) -> None:
    exec(PROGRAMS[0], {"__name__": "__main__"})
    assert re.fullmatch(r"the board says that \d+ ms have passed\n", capsys.readouterr().out)


IMPORTS = """
import trio
from belay_actors import open_device, open_session_manager
"""


def test_the_embedding_program_runs(capsys: pytest.CaptureFixture[str]) -> None:
    body = "".join(f"    {line}\n" for line in PROGRAMS[1].splitlines())
    program = f"{IMPORTS}\nasync def main():\n{body}\n    print(count > 0)\ntrio.run(main)"
    exec(program, {"__name__": "__main__"})
    assert capsys.readouterr().out == "True\n"


def test_the_program_with_functions_runs(capsys: pytest.CaptureFixture[str]) -> None:
    imports = "from collections.abc import Iterator\nfrom belay_actors import *\nlog: list[int]\n"
    run_program(f"{IMPORTS}{imports}{PROGRAMS[2]}\ntrio.run(main)")
    assert capsys.readouterr().out == "done [100]\n"


def test_the_program_for_many_devices_runs(capsys: pytest.CaptureFixture[str]) -> None:
    exec(f"{IMPORTS}{PROGRAMS[3]}\ntrio.run(main)", {"__name__": "__main__"})
    assert capsys.readouterr().out.count("332833500") == 8


def test_the_readme_has_exactly_the_two_commands() -> None:
    commands = re.findall(r"```sh\n(pip install nox.*?)\n```", README.read_text("utf-8"))
    assert commands == ["pip install nox && nox -s demo", "pip install nox && nox -s tests"]
