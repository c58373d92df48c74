"""Fixtures of the manager's tests: managers, boards that can be reset, things to give back."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

import attrs
import pytest
import trio

from belay_actors import (
    Device,
    DeviceOptions,
    DeviceResetError,
    SessionResource,
    open_device,
)
from belay_actors.device._attachment import Attachment
from belay_actors.transport import LocalLink
from boards import SOFT_RESET


@pytest.fixture
def reset(link_of: Callable[[Device], LocalLink]) -> Callable[[Device], Awaitable[None]]:
    """Starts a board anew, while no session is in a call."""

    async def reset(device: Device) -> None:
        link_of(device).send_nowait(SOFT_RESET)
        with pytest.raises(DeviceResetError):
            await device.execute("pass")

    return reset


@pytest.fixture
def detections(monkeypatch: pytest.MonkeyPatch) -> list[Attachment]:
    """The attachments that have asked their boards what they have, once for each exchange."""
    asked: list[Attachment] = []
    run_detection = Attachment.run_detection

    async def counted(self: Attachment) -> object:
        asked.append(self)
        return await run_detection(self)

    monkeypatch.setattr(Attachment, "run_detection", counted)
    return asked


@pytest.fixture
async def odd_device(tmp_path: Path) -> AsyncIterator[Device]:
    """A device whose detection imports the test's own ``machine.py``, if there is one."""
    options = DeviceOptions(attach_timeout=10)
    async with open_device("micropython:", options=options) as device:
        await device.execute(f"import sys\nsys.path.insert(0, {str(tmp_path)!r})")
        yield device


@pytest.fixture
def fail_detection(tmp_path: Path) -> Callable[[], None]:
    """Makes the detection of ``odd_device`` fail: nothing there catches a ``SystemExit``."""
    return lambda: _write(tmp_path, "raise SystemExit")


@pytest.fixture
def hang_detection(tmp_path: Path) -> Callable[[], None]:
    """Makes the detection of ``odd_device`` hang, until it is interrupted."""
    return lambda: _write(tmp_path, "while True: pass")


@pytest.fixture
def mend_detection(tmp_path: Path) -> Callable[[], None]:
    """Makes the detection of ``odd_device`` succeed again."""
    return lambda: _write(tmp_path, "")


def _write(place: Path, module: str) -> None:
    (place / "machine.py").write_text(module, "utf-8")


@attrs.frozen(eq=False)
class Resource:
    """Something to give back, by whatever the test says."""

    resource_id: str
    clean: Callable[[], Awaitable[object]]
    resource_type: str = "Thing"
    estimated_cost: int = 10
    created_at: datetime = attrs.field(factory=lambda: datetime.now(UTC))

    async def cleanup(self) -> None:
        await self.clean()


@pytest.fixture
def make_resource() -> Callable[..., SessionResource]:
    return Resource


@pytest.fixture
def stuck() -> SessionResource:
    """A resource that cannot be given back."""

    async def refuse() -> None:
        await trio.lowlevel.checkpoint()
        raise OSError("stuck")

    return Resource("door", refuse)


@pytest.fixture
def recorded() -> list[str]:
    """What was given back, in its order."""
    return []


@pytest.fixture
def record(recorded: list[str]) -> Callable[[str], SessionResource]:
    """Makes a resource that only records that it was given back."""

    def record(name: str) -> SessionResource:
        async def clean() -> None:
            await trio.lowlevel.checkpoint()
            recorded.append(name)

        return Resource(name, clean)

    return record
