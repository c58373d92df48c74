"""Device URLs: ``scheme:place?option=value&…``.

=====================================  ====================================================
URL                                    Device
=====================================  ====================================================
``micropython:``                       a new local interpreter
``micropython:/path/to/binary``        the same, of a binary that you name
``micropython:?heapsize=64k``          with a heap of 64 KiB; ``k``, ``M`` or bytes
``serial:/dev/ttyACM0``                a board on a serial port
``/dev/ttyACM0``                       the same
``serial:/dev/ttyUSB0?baudrate=9600``  with another speed than 115200 baud
=====================================  ====================================================

Further options of ``serial:`` are

* ``inputbuffer``: bytes that a board without flow control keeps while it is busy (63);
* ``dtr``, ``rts``: ``on`` or ``off``, to set a control line when the port is opened;
* ``reset``: ``dtr`` or ``rts``, the control line whose pulse resets the board, if one is wired to
  do so: then a board that nothing can interrupt is reset, instead of being given up. Where one
  line alone is a reset, as on many boards with an ESP32, say ``dtr=off&rts=off&reset=rts``;
* ``lossless``: ``on`` if the board loses nothing that is sent to it, however long it is busy, as
  with USB that goes to the microcontroller itself, or a program behind a pty. Then code goes
  without windows, and calls go by the resident loop. Do not say so of a UART: what it loses would
  be waited for until the call is cancelled.
"""

import re
from collections.abc import Callable
from typing import TypeVar
from urllib.parse import parse_qsl, unquote

from belay_actors.errors import InvalidURLError
from belay_actors.transport._base import Transport
from belay_actors.transport._local import LocalTransport
from belay_actors.transport._modem import ModemLine
from belay_actors.transport._port import SerialSettings
from belay_actors.transport._serial import SerialTransport

T = TypeVar("T")

_HEAP_SIZE = re.compile(r"[1-9]\d*[kKmM]?")
_COUNT = re.compile(r"[1-9]\d{0,8}")
_LINES = {line.name.lower(): line for line in ModemLine}
_LEVELS = {"on": True, "off": False}


def parse_url(url: str) -> Transport:
    """Returns the transport that a device URL names; nothing is opened.

    Raises:
        InvalidURLError: the scheme is unknown, or an option is unknown or malformed.
    """
    if url.startswith("/"):
        return SerialTransport(url, url)
    scheme, colon, rest = url.partition(":")
    make = _SCHEMES.get(scheme) if colon else None
    if make is None:
        known = ", ".join(f"{name}:" for name in _SCHEMES)
        raise InvalidURLError(
            f"{url!r} is no device URL; it must start with {known} or be the path of a serial port",
            device=url,
        )
    place, _, query = rest.partition("?")
    try:
        return make(url, unquote(place), _read_options(query))
    except ValueError as error:
        raise InvalidURLError(f"{url!r} cannot be used: {error}", device=url) from error


def _read_options(query: str) -> dict[str, str]:
    options: dict[str, str] = {}
    for name, text in parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query)):
        if name in options:
            raise ValueError(f"{name} is given twice")
        options[name] = text
    return options


def _make_local(url: str, place: str, options: dict[str, str]) -> Transport:
    heap_size = options.pop("heapsize", None)
    _refuse_more(options, "heapsize")
    if heap_size is not None and not _HEAP_SIZE.fullmatch(heap_size):
        raise ValueError(f"heapsize={heap_size} is no size; write bytes, or 64k, or 4M")
    return LocalTransport(url, place or None, heap_size)


def _make_serial(url: str, place: str, options: dict[str, str]) -> Transport:
    if not place:
        raise ValueError("it names no port; write serial:/dev/ttyACM0, or the like")
    defaults = SerialSettings()
    settings = SerialSettings(
        baudrate=_count(options, "baudrate", defaults.baudrate),
        input_buffer=_count(options, "inputbuffer", defaults.input_buffer),
        lines=tuple(
            (line, _choose(name, options.pop(name), _LEVELS))
            for name, line in _LINES.items()
            if name in options
        ),
        reset_line=_choose("reset", options.pop("reset"), _LINES) if "reset" in options else None,
        is_lossless=_choose("lossless", options.pop("lossless", "off"), _LEVELS),
    )
    _refuse_more(options, "baudrate, inputbuffer, dtr, rts, reset, lossless")
    return SerialTransport(url, place, settings)


def _count(options: dict[str, str], name: str, default: int) -> int:
    text = options.pop(name, str(default))
    if not _COUNT.fullmatch(text):
        raise ValueError(f"{name}={text} is no number above 0")
    return int(text)


def _choose(name: str, text: str, choices: dict[str, T]) -> T:
    if text not in choices:
        raise ValueError(f"{name}={text} is none of {', '.join(choices)}")
    return choices[text]


def _refuse_more(options: dict[str, str], known: str) -> None:
    if options:
        raise ValueError(f"unknown option {', '.join(options)}; known is {known}")


_SCHEMES: dict[str, Callable[[str, str, dict[str, str]], Transport]] = {
    "micropython": _make_local,
    "serial": _make_serial,
}
