"""A link and the machine that understands it: runs one thing at a time on one board.

Here bytes move. What to do when a call is cancelled, the board restarts or the link ends is the
device's business: it hears of that by exceptions, and of everything that belongs to no call by a
``Listener``.
"""

import contextlib
import itertools
from collections.abc import Awaitable
from typing import NoReturn, Protocol

import trio

from belay_actors.device._block_upload import BlockUpload
from belay_actors.device._news import (
    BoardRestarted,
    Hear,
    LinkEnded,
    NoReply,
    NotRun,
    NotSent,
    Reply,
    TooMuchOutput,
)
from belay_actors.transport import Link
from belay_actors.wire import (
    Dropped,
    Event,
    NotStarted,
    Output,
    PasteRefused,
    Replied,
    ReplyKind,
    ResidentRepl,
    Restarted,
    SessionOutput,
    Unanswered,
    Unsolicited,
)

# Seconds between Ctrl-Cs. One that comes before the code runs is lost, so the next follows soon;
# later ones wait longer, because a board may be busy in a function that cannot be interrupted. A
# signal is never lost, and a second one kills a process that has not noticed the first.
_SHORT_CALL = 0.02  # seconds; most calls are over by then, and need no interrupt
_CTRL_C_PAUSES = (0.02, 0.05, 0.1, 0.25, 0.5)
_SIGNAL_PAUSE = 1.0
_RESYNC_PAUSES = (0.25, 0.5, 1.0)
_CTRL_C = b"\x03"
_NEWEST = 256 * 1024  # bytes of output: more than the characters that anybody keeps of it
_ENDS = (ReplyKind.VALUE, ReplyKind.ERROR, ReplyKind.UNSENDABLE)

# A board begins to run code as soon as it has its last byte, and shows its prompt as soon as a call
# is over. On a line that loses bytes both may be lost, and then both sides would wait.
_MARK_TIME = 1.0  # seconds
_UPLOAD_TIME = 3.0  # seconds for the board's next word in raw-paste


class Listener(Protocol):
    """Hears what belongs to no call."""

    def on_session_output(self, key: int, payload: bytes) -> None:
        """A thread or timer of a session printed, or a thread has ended; see ``wire``."""

    def on_unsolicited(self, data: bytes) -> None:
        """Bytes came that belong to nobody."""

    def on_dropped_frame(self) -> None:
        """A frame was damaged, or too late."""


class Connection:
    """Runs code over a link. Not for concurrent use.

    Args:
        link: is closed with the connection.
        token: marks this attachment's frames.
        listener: hears what belongs to no call.
        max_output: bytes that one call may print, or send as a value.
        use_paste: whether code goes by raw-paste.
    """

    def __init__(
        self, link: Link, token: str, listener: Listener, *, max_output: int, use_paste: bool
    ) -> None:
        self.link = link
        self._machine = ResidentRepl(token, max_payload=max_output, is_lossless=link.is_lossless)
        self._listener = listener
        self._max_output = max_output
        self.keeps_all = True  # of what a call prints, or only the newest part
        self._use_paste = use_paste
        self._is_cut_off = False  # code was sent in part, and the rest will never be
        self._hear: Hear | None = None
        self._block: BlockUpload | None = None

    @property
    def is_unguarded(self) -> bool:
        """Whether nothing keeps code from overflowing the board's input, or its memory."""
        return not self._use_paste and not self.link.is_lossless

    @property
    def uses_raw_paste(self) -> bool:
        """Whether the board says when it can take more code."""
        return self._use_paste

    @property
    def can_reside(self) -> bool:
        """Whether neither side has to be careful not to send too much, as in the resident loop."""
        return self.link.is_lossless and not self._use_paste

    @property
    def is_resident(self) -> bool:
        """Whether the board is in its resident loop, where calls go by ``request``."""
        return self._machine.is_resident

    def give_up_paste(self) -> None:
        """Sends code by the plain raw REPL from now on."""
        self._use_paste = False

    @property
    def tail(self) -> bytes:
        """The end of what the board has said, for messages."""
        return self._machine.tail

    async def synchronise(self, *, by_friendly: bool = False) -> None:
        """Brings the board, from whatever state, to its raw prompt. May wait for ever.

        Args:
            by_friendly: leave the raw REPL and enter it again.
        """
        for pause in itertools.chain(_RESYNC_PAUSES, itertools.repeat(_RESYNC_PAUSES[-1])):
            await self._send(self._machine.resync(by_friendly=by_friendly))
            await self._wait_over(pause)
            if not self._machine.is_busy and not self._machine.is_detached:
                return
            await self.link.interrupt()

    async def run(
        self, number: int, source: str, hear: Hear | None = None, *, is_long: bool = False
    ) -> Reply:
        """Runs code, by the raw REPL, that answers with a frame of this number.

        Args:
            number: of the frame.
            source: the code.
            is_long: have the board read it as a whole, if it can; else there is no reply.
            hear: takes its output in between, in order with all that the listener is told.

        Raises:
            LinkEnded, BoardRestarted, NotSent, NoReply, NotRun, TooMuchOutput: as their names say.

        Cancellation: the code may still run; ``interrupt`` and ``synchronise`` must follow.
        """
        self._check_attached()
        data = self._machine.submit(number, source, paste=self._use_paste, is_long=is_long)
        return await self._run(data, hear)

    async def enter(self, number: int, source: str) -> Reply:
        """Runs code that starts the resident loop, and answers with a frame of this number.

        If the answer is a value, ``is_resident`` holds from then on: until the next
        ``synchronise``, or until the loop ends by itself.

        Raises, cancellation: as ``run``.
        """
        self._check_attached()
        return await self._run(self._machine.enter(number, source), None)

    def request(
        self, number: int, key: int, code: str, *, is_expression: bool, hear: Hear | None = None
    ) -> Awaitable[Reply]:
        """Has the resident loop run code in a namespace.

        The request goes out at once, if the link takes it. What is returned waits for the reply,
        and has to be awaited; raises, and may be cancelled, as ``run``.
        """
        data = self._machine.request(number, key, code, is_expression=is_expression)
        try:
            sent = self.link.send_nowait(data)
        except trio.BrokenResourceError:  # whoever awaits will find out
            sent = 0
        return self._run(data[sent:], hear)

    async def send_block(self, number: int, key: int, name: str, data: bytes) -> Reply:
        """Has the resident loop keep bytes under a name in a namespace.

        Raises: as ``run``.

        Cancellation: as for ``run``; ``interrupt`` sends what is missing of the block, since
        nothing but the rest of it can bring the board back to its loop.
        """
        self._is_cut_off = True
        await self._send(self._machine.announce(number, key, name, len(data)))
        self._is_cut_off = False
        self._block = BlockUpload(data)
        return await self._finish_block(self._block)

    async def _finish_block(self, block: BlockUpload) -> Reply:
        """Takes a block that was announced to its end.

        It listens all the time: a board that is not heard may stand still.
        """
        replies: list[Reply] = []
        errors: list[Exception] = []
        async with trio.open_nursery() as nursery:

            async def collect() -> None:
                try:
                    replies.append(await self._collect())
                except Exception as error:  # not in a group
                    errors.append(error)
                nursery.cancel_scope.cancel()

            nursery.start_soon(collect)
            try:
                await self._send_block(block)
                await self._send(self._machine.take_outgoing())
            except LinkEnded as ended:
                errors.append(ended)
                nursery.cancel_scope.cancel()
        self._block = None
        for error in errors:
            raise error
        return replies[0]

    def _check_attached(self) -> None:
        if self._machine.is_detached:
            raise NotSent

    async def _run(self, data: bytes, hear: Hear | None) -> Reply:
        self._hear = hear
        try:
            if data:
                self._is_cut_off = True
                await self._send(data, is_paced=self.is_unguarded)
                self._is_cut_off = False
            return await self._collect()
        finally:
            self._hear = None
            if hear is not None:
                hear(b"")

    async def _collect(self) -> Reply:
        """Waits for the reply, and keeps what is printed until then."""
        receive = self._receive if self.can_reside else self._receive_or_ask
        machine = self._machine
        output = bytearray()  # no list: pieces may be of a byte each
        forgotten = 0
        while True:
            for event in await (self._receive_rest() if machine.is_half_read else receive()):
                if type(event) is Replied and event.kind in _ENDS:
                    return Reply(event, bytes(output))
                match event:
                    case Replied(kind=ReplyKind.GRANTED) if self._block is not None:
                        self._block.grant()
                    case Output(data):
                        if forgotten + len(output) + len(data) > self._max_output:
                            raise TooMuchOutput("too much output")
                        output += data
                        if not self.keeps_all and len(output) > 2 * _NEWEST:
                            forgotten += len(output) - _NEWEST
                            del output[:-_NEWEST]
                    case Replied() | NotStarted():
                        raise NotRun
                    case Unanswered(tail=tail):
                        raise NoReply(tail)
                    case Restarted():
                        raise BoardRestarted
                    case PasteRefused():
                        self._use_paste = False
                        raise NotRun
                    case _:
                        pass

    async def _receive_or_ask(self) -> list[Event]:
        """As ``_receive``, but where bytes may be lost, does not wait for lost ones for ever."""
        machine = self._machine
        if self.link.is_lossless:
            return await self._receive()
        if machine.is_uploading:
            with trio.move_on_after(_UPLOAD_TIME):
                return await self._receive()
            was_uploaded = machine.is_uploaded
            await self.synchronise()
            raise NoReply(b"") if was_uploaded else NotRun
        while machine.is_unstarted or machine.is_replied:
            with trio.move_on_after(_MARK_TIME):
                return await self._receive()
            await self._send(machine.ask())
        return await self._receive()

    async def _receive_rest(self) -> list[Event]:
        """As ``_receive``, when a frame of the resident loop has come in part."""
        with trio.move_on_after(_MARK_TIME):
            return await self._receive()
        if not self._is_in_block:
            await self._send(self._machine.ask())
        return await self._receive()

    async def interrupt(self) -> None:
        """Interrupts again and again, until nothing runs, or for some seconds.

        Where the board still waits for the rest of the code nothing runs, and nothing would say so.
        """
        if self._is_cut_off:
            return
        if self._block is not None and self._machine.is_busy:
            with contextlib.suppress(NoReply, NotRun, TooMuchOutput, BoardRestarted):
                await self._finish_block(self._block)
        self._block = None
        await self._wait_over(_SHORT_CALL)
        for pause in _CTRL_C_PAUSES:
            if not self._machine.is_busy or self._machine.is_replied:
                return
            if await self.link.interrupt():
                await self._wait_over(_SIGNAL_PAUSE)
            else:
                await self._send(_CTRL_C)
                await self._wait_over(pause)

    async def _wait_over(self, seconds: float) -> None:
        """Waits for that long until nothing runs."""
        with trio.move_on_after(seconds):
            while self._machine.is_busy:
                await self._receive()

    async def watch(self) -> NoReturn:
        """Listens while nothing runs.

        Raises:
            LinkEnded, BoardRestarted: as their names say.

        Cancellation: nothing that came is lost.
        """
        while not self._machine.is_detached:
            await self._receive()
        raise BoardRestarted

    async def leave(self, code: str) -> None:
        """Runs ``code`` and leaves the board at its friendly prompt, if it can be reached."""
        with contextlib.suppress(LinkEnded):
            await self._send(self._machine.leave(code))

    async def aclose(self) -> None:
        """Closes the link."""
        await self.link.aclose()

    async def _send_block(self, block: BlockUpload) -> None:
        try:
            await block.send(self.link)
        except trio.BrokenResourceError:
            raise LinkEnded(await self.link.find_end()) from None

    @property
    def _is_in_block(self) -> bool:
        """Whether the board would take whatever is sent for the next part of a block."""
        return self._block is not None and self._block.has_rest

    async def _send(self, data: bytes, *, is_paced: bool = False) -> None:
        try:
            if is_paced:
                await self.link.send_paced(data)
                return
            sent = self.link.send_nowait(data)
            if sent < len(data):
                await self.link.send_all(data[sent:])
        except trio.BrokenResourceError:
            raise LinkEnded(await self.link.find_end()) from None

    async def _receive(self) -> list[Event]:
        """Waits for bytes and returns what they say, after the listener has had its part."""
        try:
            data = bytes(await self.link.receive_some())
        except trio.BrokenResourceError:
            data = b""
        if not data:
            raise LinkEnded(await self.link.find_end())
        events = self._machine.receive(data)
        outgoing = b"" if self._is_in_block else self._machine.take_outgoing()
        if outgoing:
            await self._send(outgoing)
        for event in events:
            if type(event) is not Replied:
                self._tell(event)
        return events

    def _tell(self, event: Event) -> None:
        match event:
            case Output(data) if self._hear is not None:
                self._hear(data)
            case SessionOutput(key=key, payload=payload):
                self._listener.on_session_output(key, payload)
            case Unsolicited(data=data):
                self._listener.on_unsolicited(data)
            case Dropped():
                self._listener.on_dropped_frame()
            case _:
                pass
