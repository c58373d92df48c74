"""The transport that a soak opens its boards with: the usual one, and it keeps account.

It knows which interpreter is the present one, so that something can be done to it, and it counts
restarts by force and the ways in which interpreters came to their ends. The bytes take no other way
than usual.
"""

import os
import signal

from belay_actors.transport import LinkEnd, LocalLink, LocalTransport, Transport

from .host import parent_of, state_of
from .tally import Tally

_PAUSED = "Tt"
_BROKEN = "exited with code 1"  # "FATAL: uncaught NLR"


class WatchedLink(LocalLink):
    """A link that tells the tally of its restart and its end.

    The unix port's handler of SIGINT jumps out of whatever the interpreter does. If that was an
    allocation, the heap stays locked: the interpreter then ends itself at its friendly prompt, or
    answers nothing and is restarted by force. Both count as restarts by force of a broken one.

    Attributes:
        was_restarted: by force, or by itself because it was broken.
    """

    def __init__(self, link: LocalLink, tally: Tally) -> None:
        super().__init__(link._descriptor, link._process)  # the same, once more
        self._tally = tally
        self.was_restarted = False

    async def restart(self) -> bool:
        self._note_restart("paused from outside" if state_of(self.pid) in _PAUSED else "broken")
        return await super().restart()

    async def find_end(self) -> LinkEnd:
        end = await super().find_end()
        reason = end.reason.removeprefix("the interpreter ")
        self._tally.ends[reason] += 1
        if reason == _BROKEN:
            self._note_restart("broken")
        return end

    def _note_restart(self, why: str) -> None:
        if not self.was_restarted:
            self._tally.restarts_by_force[why] += 1
        self.was_restarted = True


class WatchedTransport(Transport):
    """Local interpreters, one after the other: a new one whenever the last was restarted.

    Attributes:
        link: to the present one, and ``None`` before the first.
        restarts_by_force: how many there were.
    """

    url = "micropython:?heapsize=4M"

    def __init__(self, tally: Tally) -> None:
        self._inner = LocalTransport(self.url, heap_size="4M")
        self._tally = tally
        self._links: list[WatchedLink] = []

    async def connect(self) -> WatchedLink:
        link = WatchedLink(await self._inner.connect(), self._tally)
        self._links.append(link)
        return link

    @property
    def link(self) -> WatchedLink | None:
        return self._links[-1] if self._links else None

    @property
    def restarts_by_force(self) -> int:
        return sum(link.was_restarted for link in self._links)

    def signal(self, number: signal.Signals) -> int | None:
        """Sends a signal to the present interpreter.

        Returns:
            Its process id; ``None`` if it has ended, and nothing was sent.
        """
        if self.link is None or not send_signal(self.link.pid, number):
            return None
        return self.link.pid

    def processes(self) -> list[int]:
        """Ids of all interpreters that it has started and that still exist, dead or alive."""
        return [link.pid for link in self._links if parent_of(link.pid) == os.getpid()]


def send_signal(pid: int, number: signal.Signals) -> bool:
    """Sends a signal to a child, and to nobody else who may have got its id."""
    if parent_of(pid) != os.getpid():
        return False
    os.kill(pid, number)
    return True
