"""Polls a sensor on eight boards at once; a board that fails is left out, and the others go on.

    python sensor_poller.py [URL ...]

Without URLs it starts eight local MicroPythons, which have no sensor and make their readings up.
"""

import random
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, TypedDict

import trio

from belay_actors import (
    DeviceError,
    DeviceProgram,
    DeviceSessionManager,
    open_device,
    open_session_manager,
    setup,
    task,
)

if TYPE_CHECKING:
    from machine import ADC

READINGS = 5
PERIOD = 0.02  # seconds
FULL_SCALE = 3.3  # volts; the functions below can use constants

adc: "ADC | None"  # on the board: made by the setup, used by the task


class Reading(TypedDict):
    """What a board has measured: the mean voltage of so many samples."""

    volts: float
    count: int


class Sensor(DeviceProgram):
    """A voltage on a pin; derive a class with another ``pin`` for boards of other wiring."""

    pin = 26

    @setup
    @staticmethod
    def converter(pin: int) -> None:
        """Runs once in each session."""
        global adc
        try:
            from machine import ADC, Pin

            adc = ADC(Pin(pin))
        except ImportError:  # a local MicroPython has no pins
            adc = None

    @task(timeout=2.0, idempotent=True)
    @staticmethod
    def measure(count: int) -> Reading:
        """Runs on the board."""
        total = 0
        for _ in range(count):
            total += adc.read_u16() if adc else random.getrandbits(16)
        return {"volts": total / count * FULL_SCALE / 65535, "count": count}


async def poll(manager: DeviceSessionManager, url: str, found: dict[str, list[Reading]]) -> None:
    """Takes some readings of one board."""
    try:
        async with open_device(url) as device, manager.open_session(device, Sensor) as sensor:
            readings = found.setdefault(device.name, [])
            for _ in range(READINGS):
                readings.append(await sensor.measure(16))
                await trio.sleep(PERIOD)
    except DeviceError as error:
        print(f"left out: {error}", file=sys.stderr)


async def main(urls: Sequence[str]) -> dict[str, list[Reading]]:
    """Polls all boards at once; returns the readings by the devices' names."""
    found: dict[str, list[Reading]] = {}
    async with open_session_manager() as manager, trio.open_nursery() as nursery:
        for url in urls:
            nursery.start_soon(poll, manager, url, found)
    return found


if __name__ == "__main__":
    for name, readings in trio.run(main, sys.argv[1:] or ["micropython:"] * 8).items():
        print(f"{name:20}", *(f"{reading['volts']:5.2f} V" for reading in readings))
