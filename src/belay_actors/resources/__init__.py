"""Ready-made resources: hardware and files of a board that go back with their session."""

from belay_actors.resources._bus import BusResource as BusResource
from belay_actors.resources._callback import CallbackResource as CallbackResource
from belay_actors.resources._file import TemporaryFileResource as TemporaryFileResource
from belay_actors.resources._pin import PinResource as PinResource
from belay_actors.resources._timer import DeviceTimerResource as DeviceTimerResource
