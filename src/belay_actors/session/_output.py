"""Live output: what a session prints, line by line, while it is printed.

It comes from calls, and from threads and timers; each of these is a source whose pieces are put
together to lines. Those who listen have a bounded queue each, so one that is slow loses lines, and
is told how many, but keeps nobody waiting. Without anybody who listens nothing of this is there.
"""

import codecs
import enum
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

import attrs
import trio

from belay_actors.device import RecentText

_LONGEST_LINE = 64 * 1024  # characters; what is longer comes as several lines
_MOST_SOURCES = 100  # with half a line each; a board can invent any number of them


class DropPolicy(enum.Enum):
    """Which lines a subscription drops when it is full."""

    OLDEST = "oldest"
    NEWEST = "newest"


@attrs.frozen(kw_only=True)
class OutputLine:
    """A line that code of a session printed.

    Attributes:
        text: without its line end.
        session_id: of the session.
        thread_id: of the thread of the board that printed it; ``None`` for calls, timers and
            others.
        time: when its end came in (UTC).
        dropped: how many lines were dropped just before it.
    """

    text: str
    session_id: str
    thread_id: str | None
    time: datetime
    dropped: int = 0


class OutputLines:
    """A subscription to the lines of a session: an ``async with``, and in it an ``async for``.

    Made by ``Session.output``. Iteration ends when the session has ended and all is read. Several
    tasks may share it: each line goes to one of them.

    Attributes:
        dropped: how many lines it has lost until now.
    """

    __slots__ = (
        *("_hub", "_is_over", "_join", "_limit", "_lines", "_missed", "_news", "_policy"),
        "dropped",
    )

    def __init__(
        self, join: Callable[["OutputLines"], "OutputHub"], limit: int, when_full: DropPolicy
    ) -> None:
        _check(limit, when_full)
        self.dropped = 0
        self._join = join
        self._hub: OutputHub | None = None
        self._limit = limit
        self._policy = when_full
        self._lines: deque[OutputLine] = deque()
        self._missed = 0  # lines: before the first one in the queue, or with NEWEST after the last
        self._is_over = False
        self._news: trio.Event | None = None

    async def __aenter__(self) -> Self:
        if self._hub is not None:
            raise RuntimeError("a subscription is entered once; ask the session for another one")
        await trio.lowlevel.checkpoint()
        self._hub = self._join(self)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._hub is not None:
            self._hub.discard(self)
        self.end()
        await trio.lowlevel.cancel_shielded_checkpoint()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> OutputLine:
        """Waits for the next line. Other tasks have a turn when none is there, not at each one.

        Cancellation: no line is lost.
        """
        if self._hub is None:
            raise RuntimeError("enter it first: async with session.output() as lines")
        if self._lines:  # a turn for each line would be slower than most boards print
            await trio.lowlevel.checkpoint_if_cancelled()
        while not self._lines:
            if self._is_over:
                await trio.lowlevel.checkpoint()
                raise StopAsyncIteration
            if self._news is None or self._news.is_set():
                self._news = trio.Event()
            await self._news.wait()
        line = self._lines.popleft()
        if self._policy is DropPolicy.OLDEST and self._missed:
            line, self._missed = attrs.evolve(line, dropped=self._missed), 0
        return line

    def put(self, lines: Sequence[OutputLine]) -> None:
        """Takes lines in, or drops some. Called by the hub."""
        if self._missed or len(self._lines) + len(lines) > self._limit:
            for line in lines:
                self._put_or_drop(line)
        else:
            self._lines += lines
        self._tell()

    def _put_or_drop(self, line: OutputLine) -> None:
        if len(self._lines) >= self._limit:
            self.dropped += 1
            self._missed += 1
            if self._policy is DropPolicy.NEWEST:
                return
            self._lines.popleft()
        elif self._policy is DropPolicy.NEWEST and self._missed:
            line, self._missed = attrs.evolve(line, dropped=self._missed), 0
        self._lines.append(line)

    def end(self) -> None:
        """There will be no more lines. Called by the hub."""
        self._is_over = True
        self._tell()

    def _tell(self) -> None:
        if self._news is not None:
            self._news.set()


def _check(limit: object, when_full: object) -> None:
    if not isinstance(limit, int) or isinstance(limit, bool):
        raise TypeError(f"limit is a number of lines, not {limit!r}")
    if limit < 1:
        raise ValueError(f"limit is 1 line or more, not {limit}")
    if not isinstance(when_full, DropPolicy):
        raise TypeError(f"when_full is a DropPolicy, not {when_full!r}")


class _Source:
    """Half a line, and more to come."""

    __slots__ = ("_parts", "size")

    def __init__(self) -> None:
        self._parts: list[str] = []
        self.size = 0

    def cut(self, text: str) -> Sequence[str]:
        """Takes text in, and returns the lines that it ends."""
        first, *others = text.split("\n")
        if not others and self.size + len(first) < _LONGEST_LINE:
            self._parts.append(first)
            self.size += len(first)
            return ()
        lines = [self.rest() + first, *others]
        if max(map(len, lines)) > _LONGEST_LINE:
            lines = [piece for line in lines for piece in _pieces(line)]
        half = lines.pop()
        self._parts, self.size = [half], len(half)
        return lines

    def rest(self) -> str:
        """Takes out what has no line end yet."""
        rest = "".join(self._parts)
        self._parts, self.size = [], 0
        return rest


def _pieces(line: str) -> Sequence[str]:
    """A line, in parts that are not too long; at least one."""
    starts = range(0, max(len(line), 1), _LONGEST_LINE)
    return [line[start : start + _LONGEST_LINE] for start in starts]


class SessionOutput:
    """All that one session prints: its newest part as a text, and as lines for those who listen.

    Args:
        session_id: of the session.
        newline: what its board makes of a printed line feed.

    Attributes:
        background: the newest of what was printed outside of calls, or by expressions.
    """

    __slots__ = ("_hub", "_newline", "_session_id", "background")

    def __init__(self, session_id: str, newline: str) -> None:
        self.background = RecentText()
        self._session_id = session_id
        self._newline = newline
        self._hub: OutputHub | None = None

    def join(self, lines: OutputLines) -> "OutputHub":
        """Has somebody hear the lines from now on."""
        if self._hub is None:
            self._hub = OutputHub(self._session_id, self._newline, self._forget_hub)
        self._hub.add(lines)
        return self._hub

    def _forget_hub(self) -> None:
        self._hub = None

    def hear(self, text: str, thread_id: str | None) -> None:
        """A thread printed, or a timer."""
        self.background.add(text)
        if self._hub is not None:
            self._hub.hear(text, thread_id)

    def hear_call(self, data: bytes) -> None:
        """The call that runs printed; ``b""`` is its end. There is never more than one."""
        if self._hub is not None:
            self._hub.hear_call(data)

    def end_thread(self, thread_id: str) -> None:
        """A thread has ended."""
        if self._hub is not None:
            self._hub.end_source(thread_id)

    def end(self) -> None:
        """The session has ended."""
        if self._hub is not None:
            self._hub.close()


class OutputHub:
    """Makes lines of one session's output for all who listen.

    Args:
        session_id: of the session.
        newline: what its board makes of a printed line feed.
        on_idle: called when nobody listens any more.
    """

    __slots__ = ("_decoder", "_newline", "_on_idle", "_session_id", "_sources", "_subscribers")

    def __init__(self, session_id: str, newline: str, on_idle: Callable[[], None]) -> None:
        self._session_id = session_id
        self._newline = newline
        self._on_idle = on_idle
        self._subscribers: list[OutputLines] = []
        self._sources: dict[str | None, _Source] = {}  # by thread; "" is the call that runs
        self._decoder = _make_decoder()

    def add(self, lines: OutputLines) -> None:
        """Has somebody hear the lines from now on."""
        self._subscribers.append(lines)

    def discard(self, lines: OutputLines) -> None:
        """Ends that; does nothing the second time."""
        if lines in self._subscribers:
            self._subscribers.remove(lines)
            if not self._subscribers:
                self._on_idle()

    def hear(self, text: str, thread_id: str | None) -> None:
        """A thread printed, or a timer."""
        self._take(thread_id, text)

    def hear_call(self, data: bytes) -> None:
        """The call that runs printed; ``b""`` is its end. There is never more than one."""
        text = self._decoder.decode(data, final=not data)
        self._take("", text)
        if not data:
            self.end_source("")

    def end_source(self, source: str | None) -> None:
        """Nothing more comes of one source: what it has left is a line, too."""
        found = self._sources.pop(source, None)
        rest = "" if found is None else found.rest()
        if rest:
            self._tell(source, [rest])

    def close(self) -> None:
        """The session has ended."""
        for source in [*self._sources]:
            self.end_source(source)
        for lines in self._subscribers:
            lines.end()

    def _take(self, source: str | None, text: str) -> None:
        if not text:
            return
        found = self._sources.pop(source, None) or _Source()
        lines = found.cut(text)
        if found.size:
            self._sources[source] = found
        if lines:
            self._tell(source, lines)
        if len(self._sources) > _MOST_SOURCES:
            self.end_source(next(iter(self._sources)))

    def _tell(self, source: str | None, texts: Iterable[str]) -> None:
        now = datetime.now(UTC)
        if source == "" and self._newline == "\r\n":
            texts = [text.removesuffix("\r") for text in texts]
        lines = [
            OutputLine(text=text, session_id=self._session_id, thread_id=source or None, time=now)
            for text in texts
        ]
        for subscriber in self._subscribers:
            subscriber.put(lines)


def _make_decoder() -> codecs.IncrementalDecoder:
    return codecs.getincrementaldecoder("utf-8")("backslashreplace")
