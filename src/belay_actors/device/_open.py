"""How a device is opened: attached, served in the background, and closed with its scope."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from belay_actors.device._device import Device
from belay_actors.kernel import open_service_nursery
from belay_actors.options import DeviceOptions
from belay_actors.transport import Transport, parse_url


@asynccontextmanager
async def open_device(
    url: str | Transport, *, name: str | None = None, options: DeviceOptions | None = None
) -> AsyncGenerator[Device, None]:
    """Opens a device, and closes it when the scope is left.

    Args:
        url: such as ``"micropython:"``; see ``belay_actors.transport``. Or a transport of your own.
        name: for messages and logs; by default the link's own.
        options: how it is driven.

    Yields:
        The device, attached: the board was found, not reset, and is ready for calls.

    Raises:
        InvalidURLError: the URL names no transport.
        DeviceNotFoundError, DeviceBusyError, DevicePermissionError: there is no board to be had at
            that place.
        DeviceCapabilityError: its firmware has no raw REPL.

    Cancellation: while it opens, nothing stays open. Afterwards the scope is left as on any error:
    its sessions are ended, what runs is interrupted, and the board is left at its friendly prompt.
    """
    transport = parse_url(url) if isinstance(url, str) else url
    device = Device(transport, name, options or DeviceOptions())
    async with open_service_nursery() as services:
        await device.open()
        services.start_soon(device.serve, name=f"belay_actors device {device.name}")
        try:
            yield device
        finally:
            await device.aclose()
