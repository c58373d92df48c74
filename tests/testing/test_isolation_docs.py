"""The classes of the documentation run as they stand there."""

import re
import unittest
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs" / "testing.md"
SECTION = (
    DOCS.read_text("utf-8").partition("## Do sessions see each other?")[2].partition("\n## ")[0]
)


def test_the_machines_of_the_documentation_find_nothing() -> None:
    names: dict[str, object] = {"__name__": "test_boards"}
    for program in re.findall(r"```python\n(.*?)```", SECTION, re.DOTALL):
        exec(program, names)
    cases = [names[name] for name in ("TestMyBoards", "TestFakeBoards", "TestMyProgram")]
    for case in cases:
        assert isinstance(case, type)
        assert issubclass(case, unittest.TestCase)
        result = unittest.TestResult()
        case("runTest").run(result)
        assert result.testsRun == 1
        assert result.wasSuccessful(), result.errors + result.failures
