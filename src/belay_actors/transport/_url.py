"""Device URLs: ``scheme:place?option=value&…``.

=====================================  ====================================================
URL                                    Device
=====================================  ====================================================
``micropython:``                       a new local interpreter
``micropython:/path/to/binary``        the same, of a binary that you name
``micropython:?heapsize=64k``          with a heap of 64 KiB; ``k``, ``M`` or bytes
=====================================  ====================================================
"""

import re
from collections.abc import Callable
from urllib.parse import parse_qsl, unquote

from belay_actors.errors import InvalidURLError
from belay_actors.transport._base import Transport
from belay_actors.transport._local import LocalTransport

_HEAP_SIZE = re.compile(r"[1-9]\d*[kKmM]?")


def parse_url(url: str) -> Transport:
    """Returns the transport that a device URL names; nothing is opened.

    Raises:
        InvalidURLError: the scheme is unknown, or an option is unknown or malformed.
    """
    scheme, colon, rest = url.partition(":")
    make = _SCHEMES.get(scheme) if colon else None
    if make is None:
        known = ", ".join(f"{name}:" for name in _SCHEMES)
        raise InvalidURLError(f"{url!r} is no device URL; it must start with {known}", device=url)
    place, _, query = rest.partition("?")
    try:
        options = dict(parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query)))
        return make(url, unquote(place), options)
    except ValueError as error:
        raise InvalidURLError(f"{url!r} cannot be used: {error}", device=url) from error


def _make_local(url: str, place: str, options: dict[str, str]) -> Transport:
    heap_size = options.pop("heapsize", None)
    if options:
        raise ValueError(f"unknown option {', '.join(options)}; known is heapsize")
    if heap_size is not None and not _HEAP_SIZE.fullmatch(heap_size):
        raise ValueError(f"heapsize={heap_size} is no size; write bytes, or 64k, or 4M")
    return LocalTransport(url, place or None, heap_size)


_SCHEMES: dict[str, Callable[[str, str, dict[str, str]], Transport]] = {
    "micropython": _make_local,
}
