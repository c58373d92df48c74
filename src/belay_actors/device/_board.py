"""The board as the actor's resource: attached, and brought back after whatever befalls it.

A call may end in other ways than by its reply: the link ends, the board restarts, the reply is
missing, the output never ends. Each becomes one typed error for the caller, and afterwards the
board is ready again, or lost. Two things are told to the device, because they concern all of its
sessions: the board was reset, and the board is lost.
"""

import contextlib
import functools
from collections.abc import Awaitable, Callable
from typing import TypeVar

import trio

from belay_actors.board import CORE_NAME
from belay_actors.device._attach import attach
from belay_actors.device._attachment import Attachment
from belay_actors.device._connection import Listener
from belay_actors.device._news import (
    BoardRestarted,
    LinkEnded,
    NoReply,
    NotRun,
    TooMuchOutput,
    TooSlow,
)
from belay_actors.device._outcome import remote_error_from_tail
from belay_actors.device._records import MakeDeviceError, Seat
from belay_actors.errors import (
    BelayError,
    CallTimeoutError,
    DeviceError,
    DeviceLostError,
    DeviceResetError,
    DeviceUnresponsiveError,
    OutputLimitError,
    ProtocolError,
)
from belay_actors.kernel import Operation, UnsettledError
from belay_actors.options import DeviceOptions
from belay_actors.transport import LinkEnd, Transport

T = TypeVar("T")

_TROUBLES = (LinkEnded, BoardRestarted, NoReply, NotRun, TooMuchOutput, TooSlow)
_LEAVE_TIME = 1.0  # seconds for a board to take in its last words


class Board:
    """One board, through all of its restarts.

    Args:
        transport: where it is.
        name: of the device; replaced by the link's own if it is ``None``.
        options: of the device.
        listener: hears what belongs to no call.
        on_reset: called when everything on the board is gone, but the board is ready again.
        on_lost: called when the board is gone, with what makes the error that says so.

    Attributes:
        generation: counts the board's starts, from 1 on.
    """

    def __init__(
        self,
        transport: Transport,
        name: str | None,
        options: DeviceOptions,
        *,
        listener: Listener,
        on_reset: Callable[[MakeDeviceError], None],
        on_lost: Callable[[MakeDeviceError], None],
    ) -> None:
        self.name = name or transport.url
        self.generation = 1
        self._has_own_name = name is not None
        self._transport = transport
        self._options = options
        self._listener = listener
        self._on_reset = on_reset
        self._on_lost = on_lost
        self._attachment: Attachment | None = None
        self._trouble: Exception | None = None  # that is to be mended

    @property
    def attachment(self) -> Attachment:
        """The present attachment."""
        assert self._attachment is not None, "the board has not been attached"
        return self._attachment

    async def attach(self) -> None:
        """Finds the board and makes it ready. Raises, and may be cancelled, as ``attach``."""
        name, self._attachment = await attach(self._transport, self._listener, self._options)
        if not self._has_own_name:
            self.name = name
            self._has_own_name = True

    async def close(self, *, politely: bool) -> None:
        """Closes the link; politely: with the board at its friendly prompt, without our core."""
        if politely:
            with trio.move_on_after(_LEAVE_TIME):
                await self.attachment.connection.leave(f"del {CORE_NAME}")
        await self.attachment.connection.aclose()

    def perform(self, operation: Operation[T], seat: Seat) -> Awaitable[T]:
        """Begins an operation on the attachment, for who has a seat there.

        Returns:
            What waits for its end.

        Raises:
            DeviceResetError: the seat was on the board before it was reset.
            UnsettledError: here or when awaited: it got no reply, and the board must be recovered.

        Cancellation: the board must be recovered.
        """
        if seat.generation != self.generation:
            raise self.make_reset_error(seat.session_id)
        try:
            call = operation()
        except _TROUBLES as error:
            trouble = error
        else:
            return self._finish(call, seat.session_id)
        raise self._make_unsettled(trouble, seat.session_id)

    async def _finish(self, call: Awaitable[T], session_id: str | None) -> T:
        try:
            return await call
        except _TROUBLES as error:
            trouble = error
        raise self._make_unsettled(trouble, session_id)

    def _make_unsettled(self, trouble: Exception, session_id: str | None) -> UnsettledError:
        self._trouble = trouble
        generation = self.generation
        return UnsettledError(lambda: self._explain(trouble, generation, session_id))

    async def recover(self) -> None:
        """Ends whatever runs, or mends what has befallen it, and makes the board ready.

        Raises:
            DeviceLostError: the board is gone.
            DeviceUnresponsiveError: it did not become ready within the recovery grace, and could
                not be restarted.

        Cancellation: the board must be recovered.
        """
        trouble, self._trouble = self._trouble, None
        if isinstance(trouble, LinkEnded):
            await self._replace_link(trouble.end)
        else:
            await self._restore()

    async def watch(self) -> None:
        """Listens while nothing runs, and mends the board when it restarts, until cancelled.

        Cancellation: mending is shielded; it is bounded by recovery grace and attach timeout.
        """
        try:
            await self.attachment.connection.watch()
        except (LinkEnded, BoardRestarted) as error:
            trouble = error
        self._trouble = trouble
        with trio.CancelScope(shield=True), contextlib.suppress(DeviceError):
            await self.recover()  # or it is lost; whoever has to know has been told

    async def _restore(self) -> None:
        """Ends whatever runs. What was on the board is still there, or it has been reset."""
        end: LinkEnd | None = None
        try:
            with trio.move_on_after(self._options.recovery_grace):
                if not await self.attachment.recover():
                    await self.attachment.set_up()
                    self._reset()
                return
        except LinkEnded as ended:
            end = ended.end
        except (NoReply, TooMuchOutput, ValueError):
            pass  # it answers, but no longer runs code
        await self._replace_link(end or await self._force_restart())

    async def _force_restart(self) -> LinkEnd:
        """Restarts the board by force, as the last resort before it is given up."""
        link = self.attachment.connection.link
        if self._options.restart_unresponsive and await link.restart():
            return await link.find_end()
        raise self._lose(self.make_unresponsive_error)

    async def _replace_link(self, end: LinkEnd) -> None:
        """Attaches anew where the board has only restarted; else it is lost.

        Cancellation: shielded; bounded by twice the attach timeout, for closing and opening, too.
        """
        lost = functools.partial(self.make_lost_error, end.reason)
        if not end.is_restart:
            raise self._lose(lost)
        with trio.move_on_after(2 * self._options.attach_timeout, shield=True):
            await self.attachment.connection.aclose()
            try:
                await self.attach()
            except DeviceError as error:
                raise self._lose(lost) from error
            self._reset()
            return
        raise self._lose(lost)

    def _reset(self) -> None:
        self.generation += 1
        self._on_reset(self.make_reset_error)

    def _lose(self, make_error: MakeDeviceError) -> DeviceError:
        self._on_lost(make_error)
        return make_error()

    def _explain(self, trouble: Exception, generation: int, session_id: str | None) -> BelayError:
        """The error for a call that went wrong on a board that is well again."""
        if generation != self.generation:
            return self.make_reset_error(session_id)
        if isinstance(trouble, TooMuchOutput):
            return OutputLimitError(
                f"the call printed more than {self._options.max_output_bytes} bytes and was "
                "interrupted; print less, or raise DeviceOptions.max_output_bytes",
                device=self.name,
                session_id=session_id,
            )
        if isinstance(trouble, NotRun):
            return ProtocolError(
                "the code was damaged on its way to the board again and again, and did not run; "
                "check the cable, or use a lower baudrate",
                device=self.name,
                session_id=session_id,
            )
        if isinstance(trouble, TooSlow):
            return CallTimeoutError(
                f"the call ran longer than its {trouble.seconds:g} s and was interrupted; the "
                "board is ready for the next one",
                device=self.name,
                session_id=session_id,
            )
        if isinstance(trouble, NoReply):
            newline = self.attachment.capabilities.newline
            error = remote_error_from_tail(trouble.tail, newline, self.name, session_id)
            if error is not None:
                return error
        return ProtocolError(
            "the call ended without a reply that can be read, so what it did is unknown; the "
            "board has been brought back into step",
            device=self.name,
            session_id=session_id,
        )

    def make_reset_error(self, session_id: str | None = None) -> DeviceResetError:
        """The board has started anew."""
        return DeviceResetError(
            "the board was reset, and everything on it is gone; open a new session",
            device=self.name,
            session_id=session_id,
        )

    def make_lost_error(self, reason: str) -> DeviceLostError:
        """The link has ended for good."""
        return DeviceLostError(
            f"the board is gone: {reason}; open the device again", device=self.name
        )

    def make_unresponsive_error(self) -> DeviceUnresponsiveError:
        """Nothing could interrupt the board, or make it run code again."""
        return DeviceUnresponsiveError(
            f"the board could not be made ready within {self._options.recovery_grace} s and was "
            "given up; reset it, and open it again",
            device=self.name,
        )
