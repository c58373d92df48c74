"""The modules that every fake board has: ``gc``, ``math``, ``sys`` and ``time``.

The parts of MicroPython's that make sense here. There is no ``sys.stdin`` and no ``_thread``.
"""

import math
from collections.abc import Callable
from types import ModuleType, SimpleNamespace
from typing import NamedTuple, NoReturn

import trio

from belay_actors.testing._fake._console import Console
from belay_actors.testing._fake._processor import Processor

VERSION = (1, 26, 0)
PLATFORM = "fake"
MACHINE = "FakeBoard with CPython"

_HEAP = 50_000  # bytes; so many are free, and so many are not, always
_TICKS_PERIOD = 1 << 30
_HALF = _TICKS_PERIOD // 2


class _Implementation(NamedTuple):
    """On a board it is a tuple with names, too."""

    name: str
    version: tuple[int | str, ...]

    @property
    def _machine(self) -> str:
        return MACHINE


def _module(name: str, **names: object) -> ModuleType:
    module = ModuleType(name)
    vars(module).update(names)
    return module


def make_gc() -> ModuleType:
    """``gc``, which does nothing: memory is Python's business."""

    def collect() -> int:
        return 0

    def nothing() -> None:
        pass

    def heap() -> int:
        return _HEAP

    def is_enabled() -> bool:
        return True

    return _module(
        "gc",
        collect=collect,
        disable=nothing,
        enable=nothing,
        isenabled=is_enabled,
        mem_alloc=heap,
        mem_free=heap,
    )


def make_builtins(names: dict[str, object]) -> ModuleType:
    """``builtins``."""
    return _module("builtins", **names)


def make_math() -> ModuleType:
    """Python's ``math``, in a module of its own."""
    public = {name: value for name, value in vars(math).items() if not name.startswith("_")}
    return _module("math", **public)


def make_micropython(console: Console) -> ModuleType:
    """``micropython``.

    Args:
        console: that may be interrupted.
    """
    return _module("micropython", kbd_intr=console.set_interrupt)


def make_sys(
    modules: dict[str, ModuleType],
    console: Console,
    print_exception: Callable[[BaseException], None],
) -> ModuleType:
    """``sys``.

    Args:
        modules: those that were loaded from source.
        console: behind ``stdin`` and ``stdout``.
        print_exception: prints a traceback.
    """

    def leave(status: object = None) -> NoReturn:
        raise SystemExit(status)

    return _module(
        "sys",
        argv=[],
        byteorder="little",
        exit=leave,
        implementation=_Implementation("micropython", (*VERSION, "")),
        maxsize=(1 << 31) - 1,
        modules=modules,
        path=[""],
        platform=PLATFORM,
        print_exception=print_exception,
        stdin=SimpleNamespace(
            buffer=SimpleNamespace(read=console.read, readinto=console.read_into)
        ),
        stdout=SimpleNamespace(write=console.print, buffer=SimpleNamespace(write=console.write)),
        version=f"3.4.0; MicroPython v{'.'.join(map(str, VERSION))}",
        version_info=(3, 4, 0),
    )


def make_time(processor: Processor) -> ModuleType:
    """``time``: trio's clock since the board's start."""
    started = trio.current_time()

    def now(per_second: int) -> int:
        return int((trio.current_time() - started) * per_second)

    def sleep_ms(count: float) -> None:
        processor.sleep(count / 1_000)

    def sleep_us(count: float) -> None:
        processor.sleep(count / 1_000_000)

    def ticks_add(ticks: int, delta: int) -> int:
        return (ticks + delta) % _TICKS_PERIOD

    def ticks_diff(end: int, start: int) -> int:
        return (end - start + _HALF) % _TICKS_PERIOD - _HALF

    return _module(
        "time",
        sleep=processor.sleep,
        sleep_ms=sleep_ms,
        sleep_us=sleep_us,
        ticks_add=ticks_add,
        ticks_diff=ticks_diff,
        ticks_ms=lambda: now(1_000) % _TICKS_PERIOD,
        ticks_us=lambda: now(1_000_000) % _TICKS_PERIOD,
        time=lambda: now(1),
    )
