"""Peers, each driven at library level in its fastest honest set-up; one module for each says how.

All of them want a serial port. Here it is one end of a pty; at the other end is the MicroPython
that all contenders get, with the same heap. None of them resets it: that would end a local
interpreter. No peer is needed to run the benchmarks: those that are not installed are left out.
"""

from peers._peer import (
    Peer as Peer,
    attach as attach,
    installed as installed,
    open_peer as open_peer,
    version as version,
)
from peers._port import open_port as open_port
