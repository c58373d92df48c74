"""The house: a floor imports only what lies below it, the wire knows no trio, the kernel no board.

Read from the source, so that imports inside of functions and under ``TYPE_CHECKING`` count.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import belay_actors

ROOT = Path(belay_actors.__file__).parent
PACKAGE = "belay_actors"

BASE = {"errors", "options"}
BELOW: dict[str, set[str]] = {
    "errors": set(),
    "options": {"errors"},
    "observe": set(),
    "board": set(),
    "wire": set(),
    "values": set(),
    "transport": BASE,
    "kernel": BASE,
}
_LOW = set(BELOW)
BELOW["device"] = _LOW
BELOW["functions"] = {"errors", "board", "values"}
BELOW["executors"] = BELOW["device"] | {"device", "functions"}
BELOW["session"] = BELOW["executors"] | {"executors"}
BELOW["manager"] = BELOW["session"] | {"session"}
BELOW["resources"] = BELOW["manager"]
BELOW["testing"] = BELOW["manager"] | {"manager"}
BELOW["cli"] = BELOW["testing"] | {"testing", ""}  # "": the public names


def floor_of(path: Path) -> str:
    """The floor of a source file; "" for the package's own ``__init__``."""
    first = path.relative_to(ROOT).parts[0]
    return "" if first == "__init__.py" else first.removesuffix(".py")


def package_of(path: Path) -> list[str]:
    return [PACKAGE, *path.relative_to(ROOT).parent.parts]


def imported_by(path: Path) -> Iterator[str]:
    """Dotted names of all modules that a file imports, relative ones resolved."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            package = package_of(path)
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            if module == PACKAGE:  # from belay_actors import wire
                yield from (f"{PACKAGE}.{alias.name}" for alias in node.names)
            else:
                yield module


def floors_imported_by(path: Path) -> set[str]:
    """Floors of this package that a file imports; "" for names of the package itself."""
    floors: set[str] = set()
    for name in imported_by(path):
        first, _, rest = name.partition(".")
        if first == PACKAGE:
            floor = rest.partition(".")[0]
            is_floor = (ROOT / floor).is_dir() or (ROOT / f"{floor}.py").is_file()
            floors.add(floor if is_floor else "")
    return floors


SOURCES = sorted(ROOT.rglob("*.py"))
IDS = [str(path.relative_to(ROOT)) for path in SOURCES]


def test_the_sources_are_found() -> None:
    assert {"wire/_machine.py", "kernel/_actor.py", "errors.py", "__init__.py"} <= set(IDS)


@pytest.mark.parametrize("path", SOURCES, ids=IDS)
def test_a_floor_imports_only_what_lies_below_it(path: Path) -> None:
    floor = floor_of(path)
    if floor in BELOW:
        assert floors_imported_by(path) <= BELOW[floor] | {floor}


@pytest.mark.parametrize("path", SOURCES, ids=IDS)
def test_nothing_below_the_command_line_imports_it_or_the_public_names(path: Path) -> None:
    if floor_of(path) not in {"", "cli", "__main__"}:
        assert not floors_imported_by(path) & {"", "cli"}


@pytest.mark.parametrize("path", sorted((ROOT / "wire").rglob("*.py")), ids=lambda path: path.name)
def test_the_wire_does_no_io(path: Path) -> None:
    modules = {name.partition(".")[0] for name in imported_by(path)}
    assert not modules & {
        "trio", "asyncio", "anyio", "outcome", "socket", "select", "threading", "time", "os", "io"
    }  # fmt: skip


@pytest.mark.parametrize(
    "path", sorted((ROOT / "kernel").rglob("*.py")), ids=lambda path: path.name
)
def test_the_kernel_knows_no_board(path: Path) -> None:
    assert floors_imported_by(path) <= {"kernel", *BASE}
