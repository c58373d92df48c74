"""What to run: ``nox -s demo``, ``nox -s tests``, and what continuous integration adds."""

import nox

nox.needs_version = ">=2025.2.9"
nox.options.sessions = ["lint", "types", "tests"]
nox.options.error_on_external_run = True

# What proves the promises, once more without the resident loop, as on boards that have none.
BY_RAW_REPL = [
    "tests/device/test_calls.py",
    "tests/device/test_cancellation.py",
    "tests/device/test_loss_and_reset.py",
    "tests/device/test_outcomes_known.py",
    "tests/hostile/test_program_attacks.py",
    "tests/hostile/test_idle_attacks.py",
    "tests/boards/peers/test_output.py",
    "tests/scenarios/test_calls.py",
]

PYPROJECT = nox.project.load_toml("pyproject.toml")


def install_group(session: nox.Session, *groups: str) -> None:
    """Installs dependency groups of pyproject.toml."""
    session.install(*nox.project.dependency_groups(PYPROJECT, *groups))


@nox.session
def demo(session: nox.Session) -> None:
    """Four local MicroPythons, eight sessions, all at once."""
    session.install(".[micropython,cli]")
    session.run("python", "-m", "belay_actors.cli.demo", *session.posargs)


@nox.session
def tests(session: nox.Session) -> None:
    """All tests, against the built wheel, on real local MicroPythons."""
    session.install(".[micropython,cli,testing]")
    install_group(session, "test")
    pytest = ["python", "-m", "pytest", "--numprocesses=auto", "--maxprocesses=4"]
    wheel = {"BELAY_ACTORS_EXPECT_WHEEL": "1"}
    session.run(*pytest, *session.posargs, env=wheel)
    if not session.posargs:
        session.run(*pytest, "--raw", *BY_RAW_REPL, env=wheel)


@nox.session
def lint(session: nox.Session) -> None:
    """Style, and trio's pitfalls."""
    install_group(session, "lint")
    session.run("ruff", "format", "--check", ".")
    session.run("ruff", "check", ".")
    session.run("flake8", "src", "tests", "benchmarks")


@nox.session
def types(session: nox.Session) -> None:
    """Types, by two checkers, strictly."""
    session.install(".[micropython,cli,testing]")
    install_group(session, "test", "types")
    session.install("nox")
    session.run("mypy")
    session.run("pyright")


@nox.session
def soak(session: nox.Session) -> None:
    """Many sessions on many MicroPythons, with faults: ``nox -s soak -- 10`` for ten minutes."""
    session.install(".[micropython]")
    session.run("python", "-m", "tests.soak", *session.posargs)


@nox.session
def bench(session: nox.Session) -> None:
    """Benchmarks beside the peers; ``nox -s bench -- NAME`` for one, ``--help`` for the rest."""
    session.install(".[micropython]")
    install_group(session, "bench")
    session.run("python", "benchmarks/run.py", *session.posargs)


@nox.session
def guard(session: nox.Session) -> None:
    """Fails where a ratio of the benchmarks is more than twice its target."""
    session.install(".[micropython]")
    session.run("python", "benchmarks/guard.py")


@nox.session
def fuzz(session: nox.Session) -> None:
    """Fuzzes what reads a board's bytes, guided by coverage: ``nox -s fuzz -- decode``."""
    session.install(".")
    install_group(session, "test", "fuzz")
    session.run("python", "tests/hostile/fuzz.py", *(session.posargs or ["wire", "-runs=100000"]))


@nox.session
def docs(session: nox.Session) -> None:
    """Builds the documentation; warnings are errors."""
    session.install(".[testing]")
    install_group(session, "docs")
    session.run("sphinx-build", "-W", "-b", "html", "docs", "docs/_build/html")


@nox.session
def news(session: nox.Session) -> None:
    """Collects the news fragments into CHANGELOG.md: ``nox -s news -- --version 0.1.0``."""
    install_group(session, "news")
    session.run("towncrier", "build", "--yes", *session.posargs)
