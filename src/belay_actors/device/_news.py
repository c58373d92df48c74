"""What a connection tells of a call: its reply, or what came in place of that.

The exceptions are news, not failures: no user sees one. What they come to is the device's business.
"""

from collections.abc import Callable

import attrs

from belay_actors.transport import LinkEnd
from belay_actors.wire import Replied

Hear = Callable[[bytes], None]
"""Takes what a call prints, while it runs; and at its end, however that comes, ``b""``."""


class LinkEnded(Exception):  # noqa: N818
    """The stream has ended."""

    def __init__(self, end: LinkEnd) -> None:
        super().__init__(end.reason)
        self.end = end


class BoardRestarted(Exception):  # noqa: N818
    """A boot banner came that nobody asked for."""


class NotSent(BoardRestarted):
    """As said, and before anything of the call was sent."""


class TooMuchOutput(Exception):  # noqa: N818
    """The call printed more than it may; it is still running."""


class TooSlow(Exception):  # noqa: N818
    """The call has not answered within the ``seconds`` that it had; it may still be running."""

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self.seconds = seconds


class NotRun(Exception):  # noqa: N818
    """The board did not run the code: it was damaged on its way, or raw-paste was refused."""


class NoReply(Exception):  # noqa: N818
    """The call is over, but its reply frame never came. ``tail`` is the end of its output."""

    def __init__(self, tail: bytes) -> None:
        super().__init__(tail)
        self.tail = tail


@attrs.frozen
class Reply:
    """A call's reply, and what it printed."""

    replied: Replied
    output: bytes
