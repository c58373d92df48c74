"""Texts by which a board shows that it has (re)started, and a search for them in a stream.

Sources: ``shared/runtime/pyexec.c`` for the prompts, the ports' ``main.c`` for the soft reboot.
"""

import re

RAW_BANNER = b"raw REPL; CTRL-B to exit\r\n>"
_RESTART_BANNERS = (b'Type "help()" for more information.\r\n>>> ', b"MPY: soft reboot\r\n")
_BANNERS = (RAW_BANNER, *_RESTART_BANNERS)

_LONGEST = max(map(len, _BANNERS))


def _prefixes(banner: bytes) -> bytes:
    """A pattern for every proper prefix of a banner, the longest first."""
    return b"|".join(re.escape(banner[:size]) for size in range(len(banner) - 1, 0, -1))


_BROKEN_OFF = re.compile(rb"(?:" + b"|".join(map(_prefixes, _BANNERS)) + rb")\Z")


def find_banner(data: bytes, start: int) -> tuple[int, int] | None:
    """Start and end of the first banner from ``start`` on."""
    found = [
        (position, position + len(banner))
        for banner in _BANNERS
        if (position := data.find(banner, start)) >= 0
    ]
    return min(found, default=None)


def find_broken_off(data: bytes, start: int) -> int:
    """Where a banner starts of which the end has not come yet; else the end of the data."""
    match = _BROKEN_OFF.search(data, max(start, len(data) - _LONGEST))
    return len(data) if match is None else match.start()
