"""What a board can do, as its probe has told."""

import reprlib
import sys

import attrs

from belay_actors.device._features import FEATURES
from belay_actors.values import decode


@attrs.frozen
class DeviceCapabilities:
    """Facts about one board's firmware.

    Attributes:
        implementation: such as ``"micropython"``.
        version: such as ``(1, 29, 0, "preview")``.
        platform: ``sys.platform`` there, such as ``"rp2"`` or ``"linux"``.
        machine: the firmware's name for the board; empty where it has none.
        has_threads: whether there is a ``_thread`` module.
        has_complex: whether there are complex numbers.
        newline: what the port makes of a printed line feed.
        max_code_bytes: the most that the code of one call may have, where nothing else protects the
            board's memory: a line that is too long would crash it. Otherwise ``None``.
        has_doubles: whether its floats have 64 bits; then every float travels bit for bit, in both
            directions. Other boards take and give the nearest that they have.
        is_detected: whether ``Device.detect`` has asked the board; all that follows is only known
            then.
        features: dotted names that the firmware has, such as ``"machine.Pin"``.
        float_bits: of its floats: 64, 32, or 0 if it has none.
        memory_bytes: size of its heap, where the firmware tells.
        unique_id: of the board, in hexadecimal digits; empty where it has none.
    """

    implementation: str
    version: tuple[int | str, ...]
    platform: str
    machine: str
    has_threads: bool
    has_complex: bool
    newline: str
    max_code_bytes: int | None = None
    has_doubles: bool = False
    is_detected: bool = False
    features: frozenset[str] = frozenset()
    float_bits: int | None = None
    memory_bytes: int | None = None
    unique_id: str = ""

    def has(self, feature: str) -> bool | None:
        """Whether the firmware has a feature.

        Args:
            feature: a dotted name, such as ``"machine.Timer"``.

        Returns:
            ``None`` if that is not known: nobody has asked the board, or not for that.
        """
        if not self.is_detected:
            return None
        return feature in self.features or (False if feature in FEATURES else None)


@attrs.frozen
class Probed:
    """The probe's answer: capabilities, and whether an earlier host's leftovers were swept."""

    capabilities: DeviceCapabilities
    was_swept: bool


def parse_probe(payload: bytes, output: bytes) -> Probed:
    """Reads the probe's answer.

    Args:
        payload: of its reply frame.
        output: what it printed: one line end.

    Raises:
        ValueError: the answer makes no sense.
    """
    match decode(payload):
        case (str(name), tuple(version), str(platform), str(machine), bool(swept), list(can)):
            threads, has_complex, has_doubles = map(bool, can)
            firmware = DeviceCapabilities(
                implementation=sys.intern(name),  # these are the same on many boards
                version=tuple(part for part in version if isinstance(part, int | str)),
                platform=sys.intern(platform),
                machine=sys.intern(machine),
                has_threads=threads,
                has_complex=has_complex,
                newline="\r\n" if output.endswith(b"\r\n") else "\n",
                has_doubles=has_doubles,
            )
            return Probed(firmware, was_swept=swept)
        case other:
            raise ValueError(f"an unexpected answer: {reprlib.repr(other)}")
