"""Pins: an output that drives something must not be left driving it."""

from collections.abc import Sequence
from typing import Self

import attrs

from belay_actors.resources._board_resource import NamedObject
from belay_actors.resources._checks import PinId, check_level, check_pin
from belay_actors.session import Session
from belay_actors.values import check_identifier

# First of all, because a handler could still drive the pin. Some firmwares know none, and some pins
# can have none, such as the Pico W's LED, which belongs to its radio (rp2/machine_pin.c).
_NO_HANDLER = """
try:
    {name}.irq(handler=None)
except (AttributeError, ValueError):
    pass
"""


@attrs.define(eq=False)
class PinResource(NamedObject):
    """A pin, which is made harmless when its session ends.

    ``acquire`` makes one. ``PinResource(session, "led")`` is for a pin that the session's own code
    has made under that name; register it with ``session.resources.register_resource``.

    Args:
        session: that it belongs to.
        resource_id: the name of the ``machine.Pin`` in the session's namespace.
        safe_value: the level that it is driven to in the end; ``None`` makes it an input without
            pull resistor. The Pico W's LED shines on as an input: give it 0.
    """

    resource_type: str = attrs.field(init=False, repr=False, default="Pin")

    safe_value: int | None = attrs.field(default=None, kw_only=True)

    def __attrs_post_init__(self) -> None:
        check_identifier("the name of a pin", self.resource_id)
        check_level("safe_value", self.safe_value)
        super().__attrs_post_init__()

    @classmethod
    async def acquire(
        cls,
        session: Session,
        pin: PinId,
        *,
        name: str,
        mode: str = "OUT",
        pull: str | None = None,
        value: int | None = None,
        safe_value: int | None = None,
        wait: bool = False,
    ) -> Self:
        """Takes a pin for a session, and sets it up on the board.

        Args:
            session: that it is for.
            pin: its number or name, as ``machine.Pin`` takes it. Its lease is ``"pin:25"``; a pin
                that has two names has two leases, so use one of them everywhere.
            name: of the ``machine.Pin`` in the session's namespace.
            mode: such as ``"IN"``, ``"OUT"``, ``"OPEN_DRAIN"``.
            pull: such as ``"PULL_UP"``.
            value: level that it has from the start, 0 or 1.
            safe_value: level that it is driven to in the end; ``None`` makes it an input.
            wait: whether to wait while another session holds it.

        Raises:
            TypeError, ValueError: an argument is wrong; nothing was sent.
            DeviceCapabilityError: the firmware has no such thing.
            ResourceBusyError: another session holds the pin.
            DuplicateResourceError: this session has the pin, or something of that name.
            RemoteError, DeviceError, SessionError: as for ``Session.execute``.

        Cancellation: the pin is made safe and let go.
        """
        check_pin(pin)
        check_identifier("mode", mode)
        check_level("value", value)
        if pull is not None:
            check_identifier("pull", pull)
        resource = cls(session, name, safe_value=safe_value)
        settings = [f"{name}.{mode}", *([f"{name}.{pull}"] if pull else [])]
        settings += [] if value is None else [f"value={int(value)}"]
        # It has its name before it drives anything, so that it can be found again.
        code = (
            f"globals().pop({name!r}, None)\n"
            f"{name} = __import__('machine').Pin({pin!r})\n"
            f"{name}.init({', '.join(settings)})"
        )
        await resource._make(
            lambda: session.execute(code), needs=["machine.Pin"], leases=[f"pin:{pin}"], wait=wait
        )
        return resource

    @property
    def estimated_cost(self) -> int:
        """Bytes that it is thought to take on the board."""
        return 32

    def _make_safe_codes(self) -> Sequence[str]:
        name = self.resource_id
        if self.safe_value is None:
            safe = f"{name}.init({name}.IN, None)"
        else:
            safe = f"{name}.init({name}.OUT, value={int(self.safe_value)})"
        return [_NO_HANDLER.format(name=name), safe]
