"""What a session knows of its board and of the way to it. Nothing here asks the board."""

import attrs

from belay_actors.device import Device, DeviceCapabilities, ProtocolCapabilities


@attrs.frozen(kw_only=True)
class DeviceInfo:
    """Which board it is.

    Attributes:
        name: of the device.
        url: that it was opened with.
        implementation: such as ``"micropython"``.
        version: such as ``"1.29.0"``.
        platform: such as ``"rp2"``.
        machine: the firmware's name for the board.
        unique_id: of the chip, as hexadecimal digits; empty where it has none, or where it was
            not detected.
        generation: how many times the board has started, as far as was seen.
    """

    name: str
    url: str
    implementation: str
    version: str
    platform: str
    machine: str
    unique_id: str
    generation: int


@attrs.frozen(kw_only=True)
class ProtocolMetrics:
    """What some exchanges with the board came to; two of them can be added.

    Attributes:
        exchanges: how many.
        bytes_sent: in all of them.
        bytes_received: in all of them.
        errors: how many of them failed.
        duration: seconds that all of them took.
    """

    exchanges: int = 0
    bytes_sent: int = 0
    bytes_received: int = 0
    errors: int = 0
    duration: float = 0.0

    def __add__(self, other: "ProtocolMetrics") -> "ProtocolMetrics":
        return ProtocolMetrics(
            exchanges=self.exchanges + other.exchanges,
            bytes_sent=self.bytes_sent + other.bytes_sent,
            bytes_received=self.bytes_received + other.bytes_received,
            errors=self.errors + other.errors,
            duration=self.duration + other.duration,
        )


class DeviceContext:
    """A session's view of its board.

    Attributes:
        session_id: of the session.
        capabilities: of the board, as this session found them when it was opened.
        metrics: the sum of all that was registered; nothing with ``enable_session_metrics`` off.
    """

    __slots__ = ("_device", "_is_measuring", "capabilities", "metrics", "session_id")

    def __init__(
        self,
        device: Device,
        session_id: str,
        capabilities: DeviceCapabilities,
        *,
        is_measuring: bool,
    ) -> None:
        self.session_id = session_id
        self.capabilities = capabilities
        self.metrics = ProtocolMetrics()
        self._device = device
        self._is_measuring = is_measuring

    def get_protocol_capabilities(self) -> ProtocolCapabilities:
        """Returns how code travels to this board."""
        return self._device.protocol_capabilities

    def get_device_info(self) -> DeviceInfo:
        """Returns which board it is."""
        found = self.capabilities
        numbers = [str(part) for part in found.version if isinstance(part, int)]
        return DeviceInfo(
            name=self._device.name,
            url=self._device.url,
            implementation=found.implementation,
            version=".".join(numbers),
            platform=found.platform,
            machine=found.machine,
            unique_id=found.unique_id,
            generation=self._device.generation,
        )

    def register_protocol_metrics(self, metrics: ProtocolMetrics) -> None:
        """Adds what exchanges of this session came to; for those who make them.

        Raises:
            TypeError: they are no ``ProtocolMetrics``.
        """
        if not isinstance(metrics, ProtocolMetrics):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"ProtocolMetrics are wanted, not {type(metrics).__name__}")
        if self._is_measuring:
            self.metrics += metrics
