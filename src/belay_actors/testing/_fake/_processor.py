"""The processor: runs the firmware, and with it programs, in a greenlet until they wait.

So firmware and programs are plain blocking code, as they are on a board, and yet everything of a
board happens in one trio task: what runs here calls ``suspend``, the task waits on trio's clock,
and lets it go on. A program that waits for nothing is suspended all the same, every so many loops
and calls, so that it can be interrupted and time can pass.

Stopping is not a matter of goodwill: once stopped, every loop, call and ``except`` of a program
raises ``PowerOff`` anew (see ``_ticks``), whatever it catches.
"""

import math
from collections.abc import Callable
from typing import Protocol, cast

import attrs
import trio

try:
    import greenlet  # type: ignore[import-untyped]  # it brings no types
except ImportError as error:
    raise ImportError(
        "a fake board needs greenlet; install it with: pip install 'belay_actors[testing]'"
    ) from error

_SLICE = 250  # loops and calls that a program makes before it is suspended
_TICK = 10e-6  # seconds that each takes; an RP2040 is about as fast

Firmware = Callable[[], None]


class PowerOff(greenlet.GreenletExit, GeneratorExit):  # type: ignore[misc]  # the base is untyped
    """Ends what runs, generators that are closed on the way included; never to be caught."""


@attrs.frozen
class Wait:
    """What the firmware waits for, whichever comes first, besides a Ctrl-C.

    Attributes:
        until: a time on trio's clock.
        for_input: whether also for input.
    """

    until: float = math.inf
    for_input: bool = False


FOR_INPUT = Wait(for_input=True)
_FOR_EVER = Wait()


class _Greenlet(Protocol):
    """The part of ``greenlet.greenlet`` that is used here."""

    parent: object
    dead: bool

    def switch(self, *args: object) -> object: ...
    def throw(self, error: type[BaseException]) -> object: ...


def _current() -> _Greenlet:
    return cast(_Greenlet, greenlet.getcurrent())


class Processor:
    """Runs one firmware at a time.

    Attributes:
        wait: what it waits for now; for ever while nothing runs.
    """

    def __init__(self) -> None:
        self.wait = _FOR_EVER
        self._runner: _Greenlet | None = None
        self._next: Firmware | None = None
        self._ticks = 0
        self._is_stopped = False

    def start(self, firmware: Firmware) -> None:
        """Stops what runs, and runs this until it waits.

        Called by the program itself, it does not return: it raises ``PowerOff``.
        """
        self._next = firmware
        self._stop()
        self._start_next()

    def stop(self) -> None:
        """Stops what runs; called by the program itself, as ``start``."""
        self._next = None
        self._stop()

    def resume(self, *, interrupt: bool = False) -> None:
        """Lets what is suspended go on until it waits again.

        Args:
            interrupt: by a ``KeyboardInterrupt`` where it waits.
        """
        assert self._runner is not None, "nothing runs"
        self._switch_to(self._runner, KeyboardInterrupt if interrupt else None)

    def _switch_to(self, runner: _Greenlet, error: type[BaseException] | None) -> None:
        runner.parent = _current()
        if error is None:
            runner.switch()
        else:
            runner.throw(error)
        if runner.dead:
            self._runner = None
            self.wait = _FOR_EVER
            self._is_stopped = False
            self._start_next()

    def _start_next(self) -> None:
        if self._next is None or self._runner is not None:
            return
        firmware, self._next = self._next, None
        self._runner = cast(_Greenlet, greenlet.greenlet(firmware))
        self._switch_to(self._runner, None)

    def _stop(self) -> None:
        if self._runner is None:
            return
        self._is_stopped = True
        self._ticks = _SLICE
        if self.is_current:
            raise PowerOff
        firmware, self._next = self._next, None  # whoever stops it starts the next one
        self._switch_to(self._runner, PowerOff)
        self._next = firmware

    # Called by what runs.

    @property
    def is_current(self) -> bool:
        """Whether it is what runs here that asks."""
        return self._runner is _current()

    def suspend(self, wait: Wait) -> None:
        """Waits, and lets the rest of the world go on."""
        runner = self._runner
        if runner is None or not self.is_current:
            raise RuntimeError("board code that the host calls cannot wait; only its program can")
        if self._is_stopped:
            raise PowerOff
        self.wait = wait
        cast(_Greenlet, runner.parent).switch()

    def sleep(self, seconds: float) -> None:
        """Waits so many seconds on trio's clock."""
        self.suspend(Wait(until=trio.current_time() + max(seconds, 0.0)))

    def start_slice(self) -> None:
        """Forgets what was counted; so a short program takes no time."""
        self._ticks = 0

    def tick(self) -> bool:
        """Counts a loop or call of a program, and suspends it when its slice is used up.

        Returns:
            ``True``, so that it can stand in a condition.
        """
        self._ticks += 1
        if self._ticks > _SLICE:
            self._end_slice()
        return True

    def spend(self, ticks: int) -> None:
        """Counts work that takes as long as so many loops."""
        self._ticks += ticks
        if self._ticks > _SLICE:
            self._end_slice()

    def _end_slice(self) -> None:
        if self._is_stopped:  # also for a generator that is closed only now, outside
            raise PowerOff
        if self.is_current:  # not a finalizer, or what the host calls
            self.sleep(self._ticks * _TICK)
            self._ticks = 0  # only now: at the end of the stack there is no way to sleep
