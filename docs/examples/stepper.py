"""Turns a stepper motor, and lets its coils go whatever happens: they would burn otherwise.

    python stepper.py [URL]

Without a URL it uses a local MicroPython, which has no pins and prints what it would do.
"""

import sys
from collections.abc import Callable

import trio

from belay_actors import (
    DeviceProgram,
    Session,
    open_device,
    open_session_manager,
    setup,
    task,
    teardown,
)

outputs: list[Callable[[int], object]]  # on the board: one for each coil
position: int

SEQUENCE = ((1, 0, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0), (0, 0, 0, 1))


class Stepper(DeviceProgram):
    """A motor with four coils."""

    pins = (2, 3, 4, 5)

    @setup
    @staticmethod
    def coils(pins: tuple[int, ...]) -> None:
        """Takes the pins."""
        global outputs, position
        try:
            from machine import Pin

            outputs = [Pin(pin, Pin.OUT, value=0) for pin in pins]
        except ImportError:  # a local MicroPython has no pins
            outputs = [lambda level, pin=pin: print("pin", pin, level) for pin in pins]
        position = 0

    @task
    @staticmethod
    def turn(steps: int, period_ms: int) -> int:
        """Turns the motor; negative steps turn it back. Returns where it is then."""
        from time import sleep_ms

        global position
        for _ in range(abs(steps)):
            position += 1 if steps > 0 else -1
            for coil, level in enumerate(SEQUENCE[position % 4]):
                outputs[coil](level)
            sleep_ms(period_ms)
        return position

    @teardown
    @staticmethod
    def let_go() -> None:
        """Runs when the session ends: in the normal way, by an error, or cancelled in a turn."""
        for output in outputs:
            output(0)
        print("coils off")


async def work(stepper: Stepper) -> None:
    """Something that takes too long."""
    print("at", await stepper.turn(8, 1))
    with trio.move_on_after(0.05):
        await stepper.turn(-100_000, 10)  # is interrupted on the board


async def main(url: str) -> Session:
    """Works with a motor; returns the session, which has ended."""
    async with (
        open_device(url) as device,
        open_session_manager() as manager,
        manager.open_session(device, Stepper) as stepper,
    ):
        await work(stepper)
    return stepper.session


if __name__ == "__main__":
    session = trio.run(main, sys.argv[1] if sys.argv[1:] else "micropython:")
    print(session.background_output.splitlines()[-5:])
