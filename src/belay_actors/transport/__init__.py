"""Byte streams to boards. Each knows how to open, interrupt and close its own kind of link."""

from belay_actors.transport._base import Link as Link, LinkEnd as LinkEnd, Transport as Transport
from belay_actors.transport._descriptor import DescriptorLink as DescriptorLink
from belay_actors.transport._local import LocalLink as LocalLink, LocalTransport as LocalTransport
from belay_actors.transport._modem import ModemLine as ModemLine
from belay_actors.transport._port import SerialSettings as SerialSettings
from belay_actors.transport._serial import (
    SerialLink as SerialLink,
    SerialTransport as SerialTransport,
)
from belay_actors.transport._url import parse_url as parse_url
