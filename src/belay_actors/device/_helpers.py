"""What a device asks of the board's helpers: census, detection, namespaces dropped.

A helper is code that is sent to the core when it is first needed. Each method here is one request
to the actor; how requests are served is the device's business.
"""

import abc
import reprlib
from collections.abc import Awaitable
from typing import TypeVar

from belay_actors.board import Helper
from belay_actors.device._attachment import CORE_KEY, Attachment
from belay_actors.device._capabilities import DeviceCapabilities
from belay_actors.device._counted import counted
from belay_actors.device._detection import parse_detection
from belay_actors.device._dropped import parse_dropped
from belay_actors.device._news import Reply
from belay_actors.device._outcome import to_text, to_value
from belay_actors.device._records import BoardCensus, BoardMemory, DroppedNamespace, Seat
from belay_actors.device._runner import CodeRunner
from belay_actors.errors import (
    CallTimeoutError,
    DeviceCapabilityError,
    ProtocolError,
    RemoteError,
    UnsupportedValueError,
)
from belay_actors.kernel import Operation
from belay_actors.values import Value

T = TypeVar("T")


class BoardHelpers(CodeRunner):
    """The part of a device that uses the board's helpers."""

    @property
    @abc.abstractmethod
    def name(self) -> str:
        """Of the device."""

    @property
    @abc.abstractmethod
    def generation(self) -> int:
        """Counts the board's starts."""

    @property
    @abc.abstractmethod
    def _attachment(self) -> Attachment:
        """The present one."""

    @abc.abstractmethod
    def _ask(self, seat: Seat, operation: Operation[T], *, is_urgent: bool) -> Awaitable[T]:
        """Has the actor run an operation on the attachment, if the seat is still valid."""

    @abc.abstractmethod
    def _check_size(self, code: str, session_id: str | None) -> None:
        """Refuses code that is too long for the board."""

    @property
    def memory(self) -> BoardMemory | None:
        """The board's heap, as last measured by ``detect`` or at a session's end.

        ``None`` if nobody has measured since the board's last start.
        """
        return self._attachment.memory

    async def census(self) -> BoardCensus:
        """Counts what is on the board now, after a garbage collection there.

        The code that ends sessions is sent before, if the board does not have it yet, so that two
        counts differ only by what programs have left.

        Raises:
            DeviceError: the board failed.

        Cancellation: as for any call.
        """
        await self._ask_helper(self._core_seat, Helper.DROP, "0", is_urgent=False)
        value = await self._ask_helper(self._core_seat, Helper.CENSUS, "census()", is_urgent=False)
        match value:
            case (int(memory), list(keys)):
                namespaces = tuple(key for key in keys if isinstance(key, int))
                return BoardCensus(memory, namespaces)
            case other:
                raise self._make_protocol_error(other)

    async def detect(self) -> DeviceCapabilities:
        """Finds out what the board's firmware has, once in each life of the board.

        Whoever asks while others do waits for the same answer. Afterwards ``capabilities`` is that
        answer, too, until the board restarts. Modules that were not loaded are imported for it,
        and forgotten again, where the firmware can forget them.

        Returns:
            The capabilities, with ``is_detected``.

        Raises:
            DeviceCapabilityError: the board's answer cannot be used, or did not come within
                ``DeviceOptions.attach_timeout``; the board is ready again.
            DeviceError: the board failed.

        Cancellation: as for any call; nothing is left on the board, and nothing is known more.
        """

        async def operation() -> DeviceCapabilities:
            attachment = self._attachment
            if not attachment.capabilities.is_detected:
                answer, memory = [
                    None if reply is None else to_value(reply, "\n", self.name, None)
                    for reply in await attachment.run_detection()
                ]
                attachment.capabilities, attachment.memory = parse_detection(
                    answer, memory, attachment.capabilities
                )
            return attachment.capabilities

        try:
            return await self._ask(self._core_seat, operation, is_urgent=False)
        except (
            *(RemoteError, UnsupportedValueError, ValueError),
            *(ProtocolError, CallTimeoutError),
        ) as error:
            raise DeviceCapabilityError(
                f"the board did not tell what it can do ({error}); use "
                "SessionCreationOptions.with_fallback_capabilities() for a basic session",
                device=self.name,
            ) from error

    async def drop(self, seat: Seat, *, measure: bool = False) -> DroppedNamespace:
        """Takes a session's namespace off the board, before all calls that wait.

        Timers that it holds are stopped, and its threads are asked to stop and forgotten.

        Args:
            seat: of the session.
            measure: whether the board's memory is measured, too.

        Raises:
            DeviceError: the board failed; after a reset there is nothing left to drop.

        Cancellation: as for any call; the namespace may be left.
        """
        heap = (self.capabilities.memory_bytes or 0) if measure else None
        call = f"drop({seat.key},{heap})"
        value = await self._ask_helper(seat, Helper.DROP, call, is_urgent=True)
        try:
            dropped = parse_dropped(value)
        except ValueError:
            raise self._make_protocol_error(value) from None
        if dropped.memory is not None and seat.generation == self.generation:
            self._attachment.memory = dropped.memory
        return dropped

    # What they have in common.

    @property
    def _core_seat(self) -> Seat:
        return Seat(CORE_KEY, self.generation, None)

    async def _ask_helper(
        self,
        seat: Seat,
        helper: Helper,
        call: str,
        *,
        is_urgent: bool,
        is_work: bool = False,
        is_idempotent: bool = False,
    ) -> Value:
        """Calls a helper; what is printed meanwhile goes to the background output.

        Work of a session needs its namespace, and is counted as a call of it, unless it is
        idempotent.
        """

        async def operation() -> Reply:
            if not is_work:
                return await self._attachment.run_helper(helper, call)
            await self._attachment.ensure_namespace(seat.key)
            run = self._attachment.run_helper(helper, call)
            return await (run if is_idempotent else counted(seat, run))

        reply = await self._ask(seat, operation, is_urgent=is_urgent)
        # A thread that fails for want of its names may say so while they are taken away.
        self._keep_output(to_text(reply.output, self.capabilities.newline))
        return to_value(reply, "\n", self.name, seat.session_id)

    def _make_protocol_error(self, answer: Value) -> ProtocolError:
        return ProtocolError(
            f"an unexpected answer: {reprlib.repr(answer)}; the board's program may have changed "
            "the library's own code there",
            device=self.name,
        )
