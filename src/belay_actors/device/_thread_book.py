"""Which threads of sessions run on a board, as far as its host knows.

A start is put down before it is sent, so that two cannot take the last place at once. What the book
knows too much of is corrected by the board's own word: a thread's end, a stop, a namespace that is
dropped, a restart, and where it matters a question.
"""

from collections.abc import Collection, Iterator

import attrs

from belay_actors.device._records import Seat

# Boards with a limit of their own, by ``sys.platform``: how many threads beside the main one. On
# RP2 a thread is the second core (ports/rp2/mpthreadport.c).
_LIMITS = {"rp2": 1}


@attrs.define(eq=False)
class BookedThread:
    """A thread that runs, or is being started.

    Attributes:
        seat: of its session.
        thread_id: unique in the session.
        run: the number of this start of it.
        is_settled: whether the board has had its say on the start.
    """

    seat: Seat
    thread_id: str
    run: int
    is_settled: bool = False

    def __str__(self) -> str:
        return f"thread {self.thread_id!r} of session {self.seat.session_id}"


class ThreadBook:
    """The threads of one board."""

    def __init__(self) -> None:
        self._threads: dict[tuple[int, str], BookedThread] = {}

    def __iter__(self) -> Iterator[BookedThread]:
        return iter([*self._threads.values()])

    def __len__(self) -> int:
        return len(self._threads)

    def is_full(self, platform: str) -> bool:
        """Whether the platform takes no more of them."""
        return len(self._threads) >= _LIMITS.get(platform, len(self._threads) + 1)

    def swap(self, thread: BookedThread) -> BookedThread | None:
        """Puts a start down; returns what was known of an earlier thread of that id."""
        key = thread.seat.key, thread.thread_id
        previous = self._threads.get(key)
        self._threads[key] = thread
        return previous

    def undo(self, thread: BookedThread, previous: BookedThread | None) -> None:
        """Takes a start back that did not come about."""
        key = thread.seat.key, thread.thread_id
        if self._threads.get(key) is thread:
            del self._threads[key]
            if previous is not None:
                self._threads[key] = previous

    def remove(self, key: int, thread_id: str, run: int | None = None) -> None:
        """Strikes one out that has ended; only that run of it, if one is named."""
        thread = self._threads.get((key, thread_id))
        if thread is not None and run in (None, thread.run):
            del self._threads[key, thread_id]

    def keep(self, key: int, thread_ids: Collection[str]) -> None:
        """Strikes out those of a namespace that was dropped, but for those that still run."""
        for thread in self:
            if thread.seat.key == key and thread.thread_id not in thread_ids:
                del self._threads[key, thread.thread_id]

    def clear(self) -> None:
        """The board has started anew."""
        self._threads.clear()
