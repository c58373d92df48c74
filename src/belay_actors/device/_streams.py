"""Streams on a board: iterators that stay there, and give their items batch by batch.

Each batch is one request, so others have their turn in between, and the board makes no more items
than were asked for. A batch that cannot be sent as a whole (it holds something that cannot come
back, or the board has no memory for its text) is fetched in parts within the same request, so what
comes before the trouble is not lost.
"""

import re
from collections.abc import Awaitable, Callable
from typing import TypeVar

import attrs

from belay_actors.board import Helper
from belay_actors.device._attachment import CORE_KEY, Attachment
from belay_actors.device._counted import counted, limited
from belay_actors.device._helpers import BoardHelpers
from belay_actors.device._news import Reply
from belay_actors.device._outcome import to_text, to_value
from belay_actors.device._records import Seat
from belay_actors.errors import RemoteError, UnsupportedValueError
from belay_actors.values import Value, decode
from belay_actors.wire import ReplyKind

T = TypeVar("T")

# The frame of the line that calls the helper, before all those of the user.
_OWN_CALL = re.compile(rb'  File "<string>", line 1, in <module>\r?\n')


@attrs.frozen
class BatchLimits:
    """How much a batch may be; it has one item at least, or is the last.

    Attributes:
        count: items.
        size: sum of what ``len`` says of them.
        seconds: that it may run on the board before it is interrupted. The board itself ends a
            batch after some 20 ms, when it has an item.
    """

    count: int
    size: int
    seconds: float | None = None


@attrs.frozen
class Batch:
    """Items that a board has sent.

    Attributes:
        items: in their order.
        is_over: whether there are no more, and nothing of the stream is left on the board.
        payload: bytes that they took.
        output: what was printed meanwhile.
        error: why the item behind them cannot come back, if that is so.
    """

    items: list[Value]
    is_over: bool
    payload: int
    output: str
    error: RemoteError | UnsupportedValueError | None = None


@attrs.frozen
class _Parts:
    """A batch that could not be sent as a whole: the refusal, and what could be sent of it."""

    refused: Reply
    replies: list[Reply]
    is_over: bool


class BoardStreams(BoardHelpers):
    """The part of a device that has streams."""

    async def open_stream(
        self, seat: Seat, stream_id: str, expression: str, *, is_urgent: bool = False
    ) -> str:
        """Has the board make an iterator, and keep it.

        Args:
            seat: of the session.
            stream_id: unique in the session.
            expression: that is iterated over, such as ``"samples(10)"``.
            is_urgent: go before all calls that are not.

        Returns:
            What was printed meanwhile. A generator does not begin to run before its first batch.

        Raises:
            RemoteError: the expression raised, or has no iterator.
            DeviceCapabilityError: the board takes no code of that length; nothing was sent.
            DeviceError: the board failed.

        Cancellation: as for any call; it may be there, so ``close_stream`` must follow.
        """
        call = f"open_stream({seat.key},{stream_id!r},{expression.encode()!r})"
        self._check_size(call, seat.session_id)

        async def operation() -> Reply:
            attachment = self._attachment
            await attachment.prepare_drop()
            if not seat.settled:
                await attachment.ensure_namespace(seat.key)
            return await counted(seat, attachment.run_helper(Helper.STREAMS, call))

        reply = await self._ask_settled(seat, operation, is_urgent=is_urgent)
        self._read(reply, seat)
        return self._output_of(reply)

    async def next_batch(
        self,
        seat: Seat,
        stream_id: str,
        limits: BatchLimits,
        *,
        on_begin: Callable[[], None],
        is_urgent: bool = False,
        is_idempotent: bool = False,
    ) -> Batch:
        """Has the board make the next items of a stream.

        Args:
            seat: of the session.
            stream_id: of the stream.
            limits: of the batch.
            on_begin: called when it begins on the board. From then on a cancellation ends the
                stream.
            is_urgent: go before all calls that are not.
            is_idempotent: as for ``run_in``.

        Returns:
            The items.

        Raises:
            RemoteError: the iterator raised; it is not on the board any more.
            UnsupportedValueError: the items have come, but cannot be read.
            CallTimeoutError: it ran longer than it may; it was interrupted, which ends it.
            DeviceError: the board failed.

        Cancellation: as for any call: the iterator is interrupted.
        """

        async def operation() -> Reply | _Parts:
            on_begin()
            call = self._fetch(seat, stream_id, limits)
            if limits.seconds is not None:
                call = limited(call, limits.seconds)
            return await (call if is_idempotent else counted(seat, call))

        fetched = await self._ask_settled(
            seat, operation, is_urgent=is_urgent, is_idempotent=is_idempotent
        )
        if isinstance(fetched, _Parts):
            return self._join(fetched, seat)
        match self._read(fetched, seat):
            case (bool(is_over), list(items)):
                payload = len(fetched.replied.payload)
                return Batch(items, is_over, payload, self._output_of(fetched))
            case other:
                raise self._make_protocol_error(other)

    async def close_stream(self, seat: Seat, stream_id: str) -> str:
        """Closes an iterator, before all calls that wait, and takes it off the board.

        Does nothing if it is not there.

        Returns:
            What was printed meanwhile.

        Raises:
            RemoteError: its ``close`` raised; it is off the board.
            DeviceError: the board failed; after a reset there is nothing left to close.

        Cancellation: as for any call; it may be there, or its ``close`` was interrupted.
        """
        call = f"close_stream({seat.key},{stream_id!r})()and 0"

        async def operation() -> Reply:
            return await counted(seat, self._attachment.run_helper(Helper.STREAMS, call))

        reply = await self._ask_settled(seat, operation, is_urgent=True)
        self._read(reply, seat)
        return self._output_of(reply)

    # One request.

    async def _ask_settled(
        self,
        seat: Seat,
        operation: Callable[[], Awaitable[T]],
        *,
        is_urgent: bool,
        is_idempotent: bool = False,
    ) -> T:
        try:
            return await self._ask(seat, operation, is_urgent=is_urgent)
        except RemoteError:  # by the raw REPL itself, in place of a reply
            seat.settled += not is_idempotent
            raise

    async def _fetch(self, seat: Seat, stream_id: str, limits: BatchLimits) -> Reply | _Parts:
        attachment = self._attachment
        serial = attachment.serial
        arguments = f"{seat.key},{stream_id!r},{serial},{limits.count},{limits.size}"
        reply = await attachment.run_helper(Helper.STREAMS, f"next_batch({arguments})")
        if reply.replied.kind is ReplyKind.VALUE:
            return reply
        return await _fetch_parts(attachment, serial, reply)

    # What came of it.

    def _join(self, parts: _Parts, seat: Seat) -> Batch:
        if not parts.replies:
            self._read(parts.refused, seat)  # it raises
        items: list[Value] = []
        error: RemoteError | UnsupportedValueError | None = None
        try:
            for reply in parts.replies:
                value = self._read(reply, seat)
                if not isinstance(value, list):
                    raise self._make_protocol_error(value)
                items += value
        except (RemoteError, UnsupportedValueError) as raised:
            error = raised
        payload = sum(len(reply.replied.payload) for reply in parts.replies)
        return Batch(items, parts.is_over, payload, self._output_of(parts.refused), error)

    def _read(self, reply: Reply, seat: Seat) -> Value:
        if reply.replied.traceback:
            traceback = _OWN_CALL.sub(b"", reply.replied.traceback, count=1)
            reply = attrs.evolve(reply, replied=attrs.evolve(reply.replied, traceback=traceback))
        return to_value(reply, self.capabilities.newline, self.name, seat.session_id)

    def _output_of(self, reply: Reply) -> str:
        return to_text(reply.output, self.capabilities.newline)


async def _fetch_parts(attachment: Attachment, serial: int, refused: Reply) -> _Parts:
    """Fetches a batch that the board has, but cannot send as a whole.

    The last of the replies says what is wrong with one item, where something is.
    """
    question = "(len(kept[0]),kept[1],kept[2])"
    answer = await attachment.run(CORE_KEY, question, is_expression=True)
    match decode(answer.replied.payload):
        case (int(count), bool(is_over), int(kept)) if kept == serial:
            return _Parts(refused, await _fetch_items(attachment, count), is_over)
        case _:  # it did not come to a batch
            return _Parts(refused, [], is_over=False)


async def _fetch_items(attachment: Attachment, count: int) -> list[Reply]:
    replies: list[Reply] = []
    start, size = 0, count
    while start < count:
        part = f"kept[0][{start}:{start + size}]"
        reply = await attachment.run(CORE_KEY, part, is_expression=True)
        if reply.replied.kind is ReplyKind.VALUE:
            replies.append(reply)
            start += size
        elif size > 1:
            size = (size + 1) // 2
        else:
            item = f"kept[0][{start}]"
            return [*replies, await attachment.run(CORE_KEY, item, is_expression=True)]
    return replies
