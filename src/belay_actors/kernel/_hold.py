"""A hold: an actor that serves one lane alone for a while.

Urgent requests are served as ever, whoever sends them; so what is ending can still clean up, and
whoever interrupts a request need not wait for anything.
"""

from collections.abc import Hashable

import attrs
import trio


@attrs.frozen(eq=False)
class Hold:
    """One hold of a lane. Compared by identity; there may be several of the same lane at once.

    Attributes:
        lane: that alone is served.
        task: that has the hold, and so waits for nothing while it waits for another lane.
    """

    lane: Hashable
    task: trio.lowlevel.Task
