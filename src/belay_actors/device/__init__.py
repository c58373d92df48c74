"""The transport actor of one board: interrupts, resyncs and tells resets from losses."""

from belay_actors.device._blocks import check_block as check_block
from belay_actors.device._capabilities import DeviceCapabilities as DeviceCapabilities
from belay_actors.device._device import Device as Device
from belay_actors.device._leases import Lease as Lease, LeaseBook as LeaseBook
from belay_actors.device._open import open_device as open_device
from belay_actors.device._recent_text import RecentText as RecentText
from belay_actors.device._records import (
    BoardCensus as BoardCensus,
    BoardMemory as BoardMemory,
    Dependent as Dependent,
    DeviceSnapshot as DeviceSnapshot,
    DeviceState as DeviceState,
    DroppedNamespace as DroppedNamespace,
    MakeDeviceError as MakeDeviceError,
    ProtocolCapabilities as ProtocolCapabilities,
    Seat as Seat,
)
from belay_actors.device._runner import CodeRunner as CodeRunner
from belay_actors.device._streams import Batch as Batch, BatchLimits as BatchLimits
from belay_actors.device._threads import (
    ThreadExit as ThreadExit,
    ThreadState as ThreadState,
    ThreadStatus as ThreadStatus,
    stop_and_confirm as stop_and_confirm,
)
