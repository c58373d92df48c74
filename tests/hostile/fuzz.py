"""Runs a target under atheris, which finds new bytes by what they reach: ``nox -s fuzz -- wire``.

    python tests/hostile/fuzz.py wire|decode [-max_total_time=60] [CORPUS]

What is behind the target's name goes to libFuzzer. A failure leaves its bytes in a file.
"""

import importlib
import sys


def main() -> None:
    """Fuzzes the target named first, until it fails or its time is up."""
    target, *options = sys.argv[1:] or ["wire"]
    atheris = importlib.import_module("atheris")
    with atheris.instrument_imports(include=["belay_actors"]):
        tests = importlib.import_module(f"test_fuzz_{target}")
    atheris.Setup([sys.argv[0], *options], getattr(tests, f"fuzz_{target}"))
    atheris.Fuzz()


if __name__ == "__main__":
    main()
