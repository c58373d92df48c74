"""Streams: what an iterator on the board gives, as an asynchronous iterator on the host.

The board is asked for a batch when the last one is used up, never before, so it makes no more items
than the body takes, but for those of one batch. There is no asynchronous generator in this, whose
end would be anybody's guess.
"""

import logging
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Generic, Self, TypeVar

import trio

from belay_actors.errors import BelayError, RemoteError, StreamClosedError
from belay_actors.executors._board_stream import BoardStream, StreamHost
from belay_actors.values import Value

T = TypeVar("T")

_PER_TURN = 64  # items, after which other tasks of the host have a turn

_logger = logging.getLogger("belay_actors.session")


class Stream(Generic[T]):
    """The items, for ``async for``. Made by ``open_stream``.

    Several tasks may take items: each item goes to one of them.
    """

    __slots__ = ("_board", "_convert", "_error", "_is_left", "_is_over", "_items", "_left", "_lock")

    def __init__(self, board: BoardStream, convert: Callable[[Value], T]) -> None:
        self._board = board
        self._convert = convert
        self._items: Iterator[Value] = iter(())
        self._error: BelayError | None = None
        self._is_over = False  # nothing comes behind the items and the error
        self._is_left = False
        self._left = _PER_TURN
        self._lock = trio.Lock()

    def __repr__(self) -> str:
        return f"<Stream {self._board.resource_id} of session {self._board.host.session_id}>"

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T:
        """Returns the next item.

        Raises:
            StopAsyncIteration: there are no more.
            RemoteError: the iterator raised on the board, after the items before.
            UnsupportedValueError: the item cannot come back from the board.
            CallTimeoutError: the board took too long for it.
            StreamClosedError: the scope was left, or an earlier batch was interrupted.
            TypeError: the item does not fit what it should be converted to.
            SessionError, DeviceError: as for any call.

        Cancellation: no item that has come is lost. If the board is making items, it is
        interrupted, so the stream is over.
        """
        await trio.lowlevel.checkpoint_if_cancelled()
        if self._is_left:
            raise self._make_closed("its scope was left")
        for item in self._items:
            self._left -= 1
            if not self._left:
                self._left = _PER_TURN
                await trio.lowlevel.cancel_shielded_checkpoint()
            return self._convert(item)
        return self._convert(await self._fetch())

    async def _fetch(self) -> Value:
        async with self._lock:
            while True:
                for item in self._items:  # another task may have fetched them
                    return item
                if self._error is not None:
                    error, self._error = self._error, None
                    self._is_over = True
                    raise error
                if self._is_over:
                    raise StopAsyncIteration
                await self._next_batch()

    async def _next_batch(self) -> None:
        board = self._board
        if board.is_interrupted:
            raise self._make_closed("a batch of it was interrupted on the board")
        if board.is_gone and board.host.is_active:  # else the session says why
            raise self._make_closed("it was given back")
        try:
            batch = await board.next_batch()
        except BelayError:
            self._is_over = True
            raise
        self._items = iter(batch.items)
        self._error = batch.error
        self._is_over = batch.is_over

    def _make_closed(self, why: str) -> StreamClosedError:
        return StreamClosedError(
            f"{self._board.resource_id} gives no more items: {why}; open another one",
            device=self._board.host.device.name,
            session_id=self._board.host.session_id,
        )

    # For open_stream.

    def leave(self) -> None:
        """Gives no more items."""
        self._is_left = True


@asynccontextmanager
async def open_stream(
    host: StreamHost,
    *,
    name: str,
    expression: str,
    convert: Callable[[Value], T],
    time_limit: float | None = None,
    is_idempotent: bool = False,
    place: Callable[[RemoteError], None] | None = None,
) -> AsyncGenerator[Stream[T], None]:
    """Iterates over something on the board, and closes it there when the scope is left.

    Each batch is a call of the session: other sessions have their turn in between; what is printed
    is the session's output.

    Args:
        host: the session.
        name: for messages, and the id of the resource: ``"stream:NAME-1"``.
        expression: what is iterated over, such as ``"samples(10)"``, in the session's namespace.
        convert: makes of an item what the body gets.
        time_limit: seconds that a batch may run on the board; then it is interrupted. A batch is
            over after some 20 ms, unless a single item takes longer.
        is_idempotent: whether nobody minds if a batch has run and nobody knows.
        place: is given each error from the board before it is raised, to tell the host's files and
            lines in its traceback.

    Yields:
        The items.

    Raises:
        RemoteError: the expression raised. Or closing the iterator did, when the body had no error
            of its own; else that error gets a note.
        CallTimeoutError: the iterator could not be closed within ``resource_cleanup_timeout``.
        DeviceError, SessionError: as for any call.

    Cancellation: the iterator is closed on the board before ``Cancelled`` comes out: shielded, and
    bounded by ``resource_cleanup_timeout``.
    """
    stream_id = host.allocate_stream_id(name)
    board = BoardStream(host, stream_id, time_limit, is_idempotent, place)
    stream = Stream(board, convert)
    board.register()
    try:
        await board.open(expression)
        yield stream
    except BaseException as error:
        stream.leave()
        failure = await board.close()  # noqa: ASYNC102  # shields itself
        if failure is not None:
            _tell(error, failure)
        raise
    stream.leave()
    failure = await board.close()
    if failure is not None:
        raise failure


def _tell(error: BaseException, failure: BelayError) -> None:
    """Tells of a failure where there is another error, or a cancellation that tells nobody."""
    if isinstance(error, trio.Cancelled):
        _logger.warning("a stream was cancelled, and could not be closed: %s", failure)
    else:
        error.add_note(f"And when the stream was closed: {failure}")
