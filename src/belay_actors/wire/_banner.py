"""Texts by which a board shows where it is, and a search for them in a stream.

Sources: ``shared/runtime/pyexec.c`` for the prompts, the ports' ``main.c`` for the soft reboot.
"""

import re

# The prompt that follows is written separately, and a thread may print in between.
RAW_BANNER = b"raw REPL; CTRL-B to exit\r\n"
_RESTART_BANNERS = (b'Type "help()" for more information.\r\n', b"MPY: soft reboot\r\n")
BANNERS = (RAW_BANNER, *_RESTART_BANNERS)

_RETURN = b"\r"
_BANNER = re.compile(b"|".join(map(re.escape, BANNERS)))
LONGEST_BANNER = max(map(len, BANNERS))


def _prefixes(banner: bytes) -> bytes:
    """A pattern for every proper prefix of a banner, the longest first."""
    return b"|".join(re.escape(banner[:size]) for size in range(len(banner) - 1, 0, -1))


_BROKEN_OFF = re.compile(rb"(?:" + b"|".join(map(_prefixes, BANNERS)) + rb")\Z")

# What a board answers to a Ctrl-A at its raw prompt. Then it is silent, so it is what comes last.
ANSWER = RAW_BANNER + b">"
_ANSWERS = re.compile(
    rb"(?:%b)*(?:%b|%b)\Z" % (re.escape(ANSWER), re.escape(ANSWER), _prefixes(ANSWER))
)


def find_banner(data: bytes, start: int, stop: int) -> tuple[int, int] | None:
    """Start and end of the first banner between two positions."""
    if data.find(_RETURN, start, stop) < 0:  # all have one, and a single byte is found fastest
        return None
    match = _BANNER.search(data, start, stop)
    return None if match is None else match.span()


def find_broken_off(data: bytes, start: int, stop: int) -> int:
    """Where a banner starts that is cut off by the end of a range; else that end."""
    match = _BROKEN_OFF.search(data, max(start, stop - LONGEST_BANNER), stop)
    return stop if match is None else match.start()


def find_answers(data: bytes, start: int, count: int) -> int:
    """Where up to ``count`` answers start that are the end of the data; the last may be cut off."""
    match = _ANSWERS.search(data, max(start, len(data) - count * len(ANSWER)))
    return len(data) if match is None else match.start()
