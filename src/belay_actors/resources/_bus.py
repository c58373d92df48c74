"""Buses: I2C, SPI and UART, with the pins that they occupy."""

from collections.abc import Mapping, Sequence
from typing import Literal, Self

import attrs

from belay_actors.resources._board_resource import NamedObject
from belay_actors.resources._checks import (
    PinId,
    Setting,
    check_int,
    check_pin,
    check_setting,
)
from belay_actors.session import Session
from belay_actors.values import check_identifier

BusKind = Literal["I2C", "SPI", "UART"]
_KINDS = ("I2C", "SPI", "UART")


@attrs.define(eq=False)
class BusResource(NamedObject):
    """A bus of the board, which is turned off when its session ends.

    ``acquire`` makes one. ``BusResource(session, "bus")`` is for a bus that the session's own code
    has made under that name; register it with ``session.resources.register_resource``.

    Args:
        session: that it belongs to.
        resource_id: the name of the bus in the session's namespace.
    """

    resource_type: str = attrs.field(init=False, repr=False, default="Bus")

    def __attrs_post_init__(self) -> None:
        check_identifier("the name of a bus", self.resource_id)
        super().__attrs_post_init__()

    @classmethod
    async def acquire(
        cls,
        session: Session,
        kind: BusKind,
        bus_id: int,
        *,
        name: str,
        pins: Mapping[str, PinId] | None = None,
        wait: bool = False,
        **settings: Setting,
    ) -> Self:
        """Takes a bus and its pins for a session, and sets it up on the board.

        Args:
            session: that it is for.
            kind: of the bus.
            bus_id: its number. Its lease is ``"i2c:0"``, ``"spi:0"`` or ``"uart:0"``.
            name: of the bus in the session's namespace.
            pins: by the name of the argument, such as ``{"scl": 5, "sda": 4}``. Each is leased,
                too, as ``"pin:5"``. Pins that the firmware chooses itself are not.
            wait: whether to wait while other sessions hold the bus or a pin.
            settings: more arguments, such as ``freq=400_000`` or ``baudrate=9600``.

        Raises:
            TypeError, ValueError: an argument is wrong; nothing was sent.
            DeviceCapabilityError: the firmware has no such thing.
            ResourceBusyError: another session holds the bus or a pin.
            DuplicateResourceError: this session has one of them, or something of that name.
            RemoteError, DeviceError, SessionError: as for ``Session.execute``.

        Cancellation: the bus is turned off and let go.
        """
        if kind not in _KINDS:
            raise ValueError(f"kind is one of {', '.join(_KINDS)}, not {kind!r}")
        check_int("bus_id", bus_id, least=0)
        pins = dict(pins or {})
        for role, pin in pins.items():
            check_identifier("a pin's role", role)
            check_pin(pin)
        for setting, value in settings.items():
            check_setting(setting, value)
        resource = cls(session, name)
        code = _make_code(kind, bus_id, name, pins, settings)
        await resource._make(
            lambda: session.execute(code),
            needs=[f"machine.{kind}", *(["machine.Pin"] if pins else [])],
            # In one order everywhere, so that sessions which wait do not wait for each other.
            leases=[f"{kind.lower()}:{bus_id}", *sorted({f"pin:{pin}" for pin in pins.values()})],
            wait=wait,
        )
        return resource

    @property
    def estimated_cost(self) -> int:
        """Bytes that it is thought to take on the board."""
        return 64

    def _make_safe_codes(self) -> Sequence[str]:
        # Hardware I2C of some ports has no deinit; it is idle when nobody uses it.
        return [f"hasattr({self.resource_id}, 'deinit') and {self.resource_id}.deinit()"]


def _make_code(
    kind: str, bus_id: int, name: str, pins: Mapping[str, PinId], settings: Mapping[str, Setting]
) -> str:
    arguments = [
        str(bus_id),
        *(f"{role}=m.Pin({pin!r})" for role, pin in pins.items()),
        *(f"{setting}={value!r}" for setting, value in settings.items()),
    ]
    return (
        f"globals().pop({name!r}, None)\n"
        f"{name} = (lambda m: m.{kind}({', '.join(arguments)}))(__import__('machine'))"
    )
