"""What a session is to be made of: whether it may do without a detected board."""

from typing import Self

import attrs
from attrs import validators

from belay_actors.device import Device, DeviceCapabilities
from belay_actors.errors import DeviceCapabilityError


@attrs.frozen(kw_only=True)
class SessionCreationOptions:
    """How one session is made.

    Strict, the default: the board's capabilities are detected, once for each of its starts, and
    where that fails no session is made: ``DeviceCapabilityError``. With fallback, the session is
    then made all the same. It is a basic one, that knows of the board only what the probe told
    when the device was opened: what was not probed is unknown, not absent.

    Attributes:
        allows_fallback: whether a basic session will do.
    """

    allows_fallback: bool = attrs.field(default=False, validator=validators.instance_of(bool))

    @classmethod
    def with_fallback_capabilities(cls) -> Self:
        """Returns options for a basic session where detection fails."""
        return cls(allows_fallback=True)


async def find_capabilities(device: Device, creation: SessionCreationOptions) -> DeviceCapabilities:
    """Returns what a session may know of its board; only the first on a device asks the board.

    Raises:
        DeviceCapabilityError: the board did not tell, and a basic session will not do.
        DeviceError: the device failed.

    Cancellation: as for any call.
    """
    capabilities = device.capabilities
    if capabilities.is_detected:
        return capabilities
    try:
        return await device.detect()
    except DeviceCapabilityError:
        if not creation.allows_fallback:
            raise
    return device.capabilities
