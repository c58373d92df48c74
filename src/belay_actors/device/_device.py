"""The device: the transport actor of one board, and what users hold of it.

The actor serves one call at a time, and listens in between. Here it meets those who use it:
sessions, each with a seat (a namespace on the board), and anybody who wants ``__main__``.
"""

import functools
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import TypeVar

import trio

from belay_actors.device._attachment import MAIN_KEY, Attachment
from belay_actors.device._blocks import BoardBlocks
from belay_actors.device._board import Board
from belay_actors.device._capabilities import DeviceCapabilities
from belay_actors.device._counted import counted, limited
from belay_actors.device._leases import LeaseBook
from belay_actors.device._news import Hear, Reply
from belay_actors.device._outcome import to_text, to_value
from belay_actors.device._recent_text import RecentText
from belay_actors.device._records import (
    Dependent,
    DeviceSnapshot,
    DeviceState,
    MakeDeviceError,
    ProtocolCapabilities,
    Seat,
)
from belay_actors.device._thread_book import ThreadBook
from belay_actors.device._thread_calls import BoardThreadCalls
from belay_actors.device._threads import Printed, parse_news
from belay_actors.errors import (
    DeviceCapabilityError,
    DeviceClosedError,
    DeviceError,
    RemoteError,
)
from belay_actors.kernel import Actor, Operation
from belay_actors.options import DeviceOptions
from belay_actors.transport import Transport
from belay_actors.values import Value

T = TypeVar("T")

_KERNEL_SLACK = 10.0  # seconds; the board itself keeps to the recovery grace


class Device(BoardThreadCalls, BoardBlocks):
    """One board. Made by ``open_device``; any number of tasks may use it at once.

    Calls on the device itself run in the board's ``__main__``; those of a session in a namespace of
    its own.

    Attributes:
        url: that it was opened with.
        leases: which session holds which named hardware of the board.
    """

    def __init__(self, transport: Transport, name: str | None, options: DeviceOptions) -> None:
        self.url = transport.url
        self.leases = LeaseBook(self)
        self._options = options
        self._state = DeviceState.OPEN
        self._last_key = MAIN_KEY
        self._dependents: dict[int, Dependent] = {}
        self._thread_book = ThreadBook()
        self._background = RecentText()
        self._dropped_frames = 0
        self._unsolicited_bytes = 0
        self._make_end: MakeDeviceError = self._make_closed
        self._has_ended = trio.Event()
        self._board = Board(
            transport,
            name,
            options,
            listener=self,
            on_reset=self._on_reset,
            on_lost=self._on_lost,
        )
        self._actor = Actor(
            "the device's actor",
            recover=self._board.recover,
            grace=options.recovery_grace + _KERNEL_SLACK,
            make_unrecovered=self._board.make_unresponsive_error,
            make_closed=self._make_end_error,
            idle=self._board.watch,
        )

    def __repr__(self) -> str:
        return f"<Device {self.name} {self._state.value}>"

    @property
    def name(self) -> str:
        """The name you gave, or one that is unique among the open devices of this process."""
        return self._board.name

    @property
    def state(self) -> DeviceState:
        """Whether the device can be used."""
        return self._state

    @property
    def capabilities(self) -> DeviceCapabilities:
        """What the board can do, as its probe, or ``detect``, has told."""
        return self._board.attachment.capabilities

    @property
    def protocol_capabilities(self) -> ProtocolCapabilities:
        """How code travels to the board."""
        connection = self._board.attachment.connection
        return ProtocolCapabilities(
            is_lossless=connection.link.is_lossless,
            uses_raw_paste=connection.uses_raw_paste,
            max_code_bytes=self.capabilities.max_code_bytes,
            max_output_bytes=self._options.max_output_bytes,
        )

    @property
    def generation(self) -> int:
        """Counts the board's starts: 1 at first, one more after each restart that was seen."""
        return self._board.generation

    @property
    def background_output(self) -> str:
        """The newest 64 Ki characters that belong to no call and no session."""
        return str(self._background)

    @property
    def process_id(self) -> int | None:
        """Of a local interpreter, until it restarts; ``None`` for a board that is no process."""
        process_id: object = getattr(self._board.attachment.connection.link, "pid", None)
        return process_id if isinstance(process_id, int) else None

    def snapshot(self) -> DeviceSnapshot:
        """Returns the device's present state and counters; costs the board nothing."""
        return DeviceSnapshot(
            name=self.name,
            url=self.url,
            state=self._state,
            generation=self.generation,
            capabilities=self.capabilities,
            was_swept=self._board.attachment.was_swept,
            session_count=len(self._dependents),
            calls=self._actor.statistics(),
            dropped_frames=self._dropped_frames,
            unsolicited_bytes=self._unsolicited_bytes,
        )

    # Calls.

    def _run(self, code: str, *, is_expression: bool) -> Awaitable[tuple[Value, str]]:
        seat = Seat(MAIN_KEY, self.generation, None)
        return self.run_in(seat, code, is_expression=is_expression)

    def _keep_output(self, text: str) -> None:
        self._background.add(text)

    async def run_in(
        self,
        seat: Seat,
        code: str,
        *,
        is_expression: bool,
        is_urgent: bool = False,
        hear: Hear | None = None,
        time_limit: float | None = None,
        is_idempotent: bool = False,
    ) -> tuple[Value, str]:
        """Runs code in a seat's namespace, for its session, which may hear what it prints.

        Args:
            seat: of the session.
            code: statements, or an expression.
            is_expression: which of the two.
            is_urgent: go before all calls that are not.
            hear: is told what the code prints, while it runs.
            time_limit: seconds that it may run on the board; what it waits for its turn is not
                counted, but the transmission is.
            is_idempotent: whether nobody minds if it has run and nobody knows: then it does not
                count for ``Seat.has_unknown_outcome``.

        Returns:
            The value (``None`` for statements), and what was printed.

        Raises:
            CallTimeoutError: it ran longer than ``time_limit``; it was interrupted, and the board
                is ready.
            Exception: as ``execute`` and ``evaluate``.

        Cancellation: as for these.
        """

        def operation() -> Awaitable[Reply]:
            self._check_size(code, seat.session_id)
            attachment = self._board.attachment
            if seat.key == MAIN_KEY or not attachment.connection.is_unguarded:
                call = attachment.run(seat.key, code, is_expression=is_expression, hear=hear)
            else:
                call = _run_on_small(attachment, seat.key, code, is_expression, hear)
            if time_limit is not None:
                call = limited(call, time_limit)
            return call if is_idempotent else counted(seat, call)

        try:
            reply = await self._ask(seat, operation, is_urgent=is_urgent)
        except RemoteError:  # by the raw REPL itself, in place of a reply
            seat.settled += not is_idempotent
            raise
        newline = self._board.attachment.capabilities.newline
        value = to_value(reply, newline, self._board.name, seat.session_id)
        return value, to_text(reply.output, newline)

    def _check_size(self, code: str, session_id: str | None) -> None:
        limit = self.capabilities.max_code_bytes
        if limit is not None and len(code) > limit:
            raise DeviceCapabilityError(
                f"the code has {len(code)} bytes, and this board takes {limit} at once; send it in "
                "parts",
                device=self.name,
                session_id=session_id,
            )

    @property
    def _attachment(self) -> Attachment:
        return self._board.attachment

    def _ask(self, seat: Seat, operation: Operation[T], *, is_urgent: bool) -> Awaitable[T]:
        perform = functools.partial(self._board.perform, operation, seat)
        return self._actor.ask(perform, lane=seat.key, is_urgent=is_urgent)

    # Sessions.

    def seat(self, dependent: Dependent, session_id: str) -> Seat:
        """Gives a session its place on the board; nothing is sent for that.

        Raises:
            DeviceError: the device is closed or lost.
        """
        if self._state is not DeviceState.OPEN:
            raise self._make_end_error()
        self._last_key += 1
        self._dependents[self._last_key] = dependent
        return Seat(self._last_key, self.generation, session_id)

    def unseat(self, seat: Seat) -> None:
        """Forgets a session, after its namespace was dropped."""
        self._dependents.pop(seat.key, None)
        self._actor.release_holds(seat.key)

    def exclusive(
        self, seat: Seat, *, is_urgent: bool = False
    ) -> AbstractAsyncContextManager[None]:
        """Holds the board for one session: for ``async with``.

        In its body no call of another session runs, but what ends sessions. It is over, too, when
        ``interrupt`` or ``unseat`` is called for the seat.

        Args:
            seat: of the session.
            is_urgent: do not wait for another session that holds the board; go on without.

        Raises:
            WouldDeadlock: the calling task holds the board for another session.
            DeviceError: the device is closed or lost.

        Cancellation: while waiting, the board is not held.
        """
        return self._actor.held(seat.key, is_urgent=is_urgent)

    def interrupt(self, seat: Seat, make_error: Callable[[], Exception]) -> None:
        """Ends the calls and holds of one session, with recovery where a call is running."""
        self._actor.interrupt(make_error, lane=seat.key)

    # What the board tells.

    def on_session_output(self, key: int, payload: bytes) -> None:
        """A thread or timer printed, or a thread has ended. Called by the connection."""
        try:
            news = parse_news(payload)
        except ValueError:
            self.on_dropped_frame()
            return
        dependent = self._dependents.get(key)
        if not isinstance(news, Printed):
            self._thread_book.remove(key, news.thread_id, news.run)
            if dependent is not None:
                dependent.thread_ended(news)
        elif dependent is None:
            self._background.add(news.text)
        else:
            dependent.receive_output(news.text, news.thread_id)

    def on_unsolicited(self, data: bytes) -> None:
        """Bytes came that belong to nobody. Called by the connection."""
        self._unsolicited_bytes += len(data)
        self._background.add(data.decode("utf-8", "backslashreplace"))

    def on_dropped_frame(self) -> None:
        """A frame was thrown away. Called by the connection."""
        self._dropped_frames += 1

    def _on_reset(self, make_error: MakeDeviceError) -> None:
        self._thread_book.clear()
        self._actor.after_settling(lambda: self._stop_dependents(make_error))

    def _on_lost(self, make_error: MakeDeviceError) -> None:
        self._state = DeviceState.LOST
        self._make_end = make_error
        self._actor.stop(make_error)
        self._actor.after_settling(lambda: self._stop_dependents(make_error))

    def _stop_dependents(self, make_error: MakeDeviceError) -> None:
        for dependent in [*self._dependents.values()]:
            dependent.stop(make_error)

    def _make_end_error(self) -> DeviceError:
        return self._make_end()

    def _make_closed(self) -> DeviceClosedError:
        return DeviceClosedError("the device was closed; open it again", device=self.name)

    # The life of the actor.

    async def open(self) -> None:
        """Finds the board and makes it ready; ``serve`` must follow. For ``open_device``."""
        await self._board.attach()

    async def serve(self) -> None:
        """Runs the actor until the device is closed or lost. For ``open_device``."""
        try:
            await self._actor.serve()
        finally:
            self._has_ended.set()
            # Whatever has ended it: a session that makes no call at the moment must know, too.
            self._stop_dependents(self._make_end)

    @trio.lowlevel.enable_ki_protection
    async def aclose(self) -> None:
        """Ends the sessions, interrupts what runs, leaves the board at its friendly prompt.

        The board is not reset. Takes no longer than the sessions' cleanup timeouts and the
        recovery grace.

        Cancellation: shielded, so that no board is left running.
        """
        with trio.CancelScope(shield=True):
            if self._state is DeviceState.OPEN:
                self._state = DeviceState.CLOSING
                dependents = [*self._dependents.values()]
                for dependent in dependents:
                    dependent.refuse(self._make_closed)
                for dependent in reversed(dependents):
                    await dependent.end()
                await self._tell_threads_left()
            self._actor.stop(self._make_closed)
            self._actor.interrupt_running(self._make_closed)
            await self._has_ended.wait()
            is_polite = self._state is DeviceState.CLOSING
            if self._state is not DeviceState.LOST:
                self._state = DeviceState.CLOSED
            await self._board.close(politely=is_polite)


async def _run_on_small(
    attachment: Attachment,
    key: int,
    code: str,
    is_expression: bool,
    hear: Hear | None,
) -> Reply:
    """Runs code for a session on a board that may later have no room for what ends sessions."""
    await attachment.prepare_drop()
    return await attachment.run(key, code, is_expression=is_expression, hear=hear)
