"""What a device asks of its board about threads: start, stop, states; and what it hears of them."""

import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress

import trio

from belay_actors.board import Helper
from belay_actors.device._helpers import BoardHelpers
from belay_actors.device._records import DroppedNamespace, Seat
from belay_actors.device._runner import check_code
from belay_actors.device._thread_book import BookedThread, ThreadBook
from belay_actors.device._threads import ThreadState, make_unknown_thread_error, parse_state
from belay_actors.errors import (
    BelayError,
    DeviceCapabilityError,
    DuplicateResourceError,
    RemoteError,
)
from belay_actors.values import Value

_logger = logging.getLogger("belay_actors.device")
_FAREWELL = 1.0  # seconds for a board that is closed to say which threads still run


class BoardThreadCalls(BoardHelpers):
    """The part of a device that knows threads."""

    _thread_book: ThreadBook

    async def provide_thread_tools(self, seat: Seat, *, is_urgent: bool = False) -> None:
        """Puts ``should_stop`` and ``sleep_ms`` into a session's namespace.

        On a board without threads the one is always false, and the other only sleeps. With the
        first thread of a session they come by themselves.

        Raises:
            DeviceError: the board failed.

        Cancellation: as for any call; they may be there or not.
        """
        helper = Helper.THREADS if self.capabilities.has_threads else Helper.TOOLS
        call = f"thread_tools({seat.key})"
        await self._ask_helper(
            seat, helper, call, is_urgent=is_urgent, is_work=True, is_idempotent=True
        )

    async def start_thread(
        self,
        seat: Seat,
        thread_id: str,
        code: str,
        *,
        run: int = 0,
        forgotten: Sequence[str] = (),
    ) -> None:
        """Starts a thread on the board that runs code in a session's namespace.

        The code may ask ``should_stop()``, and sleep by ``sleep_ms()``, which are put into the
        namespace. What it raises is kept for ``thread_states``; what it prints goes to the session.

        Args:
            seat: of the session.
            thread_id: not that of another thread of the session that runs.
            code: statements, such as ``"blink(100)"``.
            run: a number for this start; the board tells the thread's end with it.
            forgotten: ids of threads that have ended, and that the board need not know any more.

        Raises:
            DeviceCapabilityError: the board has no threads, or no more of them, or takes no code of
                that length; the code was not sent.
            DuplicateResourceError: a thread of that id runs already.
            RemoteError: the board could not start it (``OSError``, ``MemoryError``).
            DeviceError: the board failed.

        Cancellation: as for any call; then either the thread is registered on the board, so that
        ``drop`` finds it, or it has not run any of the code and never will.
        """
        check_code(code)
        self._check_threads(seat)
        call = f"start_thread({seat.key},{thread_id!r},{code!r},{run},{tuple(forgotten)!r})"
        self._check_size(call, seat.session_id)
        await self._check_room(seat)
        thread = BookedThread(seat, thread_id, run)
        previous = self._thread_book.swap(thread)
        try:
            value = await self._ask_helper(
                seat, Helper.THREADS, call, is_urgent=False, is_work=True
            )
        except (RemoteError, DeviceCapabilityError):
            self._thread_book.undo(thread, previous)
            raise
        finally:
            thread.is_settled = True
        if value is not True:
            self._thread_book.undo(thread, previous)
            raise DuplicateResourceError(
                f"a thread {thread_id!r} of this session runs already; stop it first, or take "
                "another id",
                device=self.name,
                session_id=seat.session_id,
            )

    async def stop_thread(self, seat: Seat, thread_id: str) -> ThreadState:
        """Asks a thread to stop, before all calls that wait: ``should_stop()`` is true for it.

        Returns:
            Its state now. See ``stop_and_confirm`` for one that waits until it has ended.

        Raises:
            DeviceCapabilityError: the board has no threads; nothing was sent.
            ResourceNotFoundError: the board has no such thread of the session.
            DeviceError: the board failed.

        Cancellation: as for any call; the thread may have been asked to stop.
        """
        self._check_threads(seat)
        call = f"stop_thread({seat.key},{thread_id!r})"
        value = await self._ask_helper(seat, Helper.THREADS, call, is_urgent=True)
        if value is False:
            self._thread_book.remove(seat.key, thread_id)
            raise make_unknown_thread_error(thread_id, self.name, seat.session_id)
        return self._learn_state(seat, thread_id, value)

    async def thread_states(self, seat: Seat) -> Mapping[str, ThreadState]:
        """Tells of the threads of a session, before all calls that wait.

        Returns:
            A state for the id of each thread that was started and not forgotten.

        Raises:
            DeviceCapabilityError: the board has no threads; nothing was sent.
            DeviceError: the board failed.

        Cancellation: as for any call; harmless.
        """
        self._check_threads(seat)
        call = f"thread_states({seat.key})"
        value = await self._ask_helper(seat, Helper.THREADS, call, is_urgent=True)
        if not isinstance(value, dict):
            raise self._make_protocol_error(value)
        return {
            str(name): self._learn_state(seat, str(name), state) for name, state in value.items()
        }

    async def drop(self, seat: Seat, *, measure: bool = False) -> DroppedNamespace:
        """As of all devices; what it tells of threads goes into the book.

        Cancellation: as for any call; the namespace may be left.
        """
        dropped = await super().drop(seat, measure=measure)
        self._thread_book.keep(seat.key, dropped.threads_left)
        return dropped

    async def check_thread_limits(self, seat: Seat) -> None:
        """Checks that the board could run one more thread, as ``start_thread`` does.

        Raises:
            DeviceCapabilityError: it has no threads, or no more of them.
            DeviceError: the board failed; it is asked only if it seems to have no more.

        Cancellation: as for any call; harmless.
        """
        self._check_threads(seat)
        await self._check_room(seat)

    # The book.

    def _check_threads(self, seat: Seat) -> None:
        if not self.capabilities.has_threads:
            raise DeviceCapabilityError(
                "this board's firmware has no threads; run the work in a task of the host instead",
                device=self.name,
                session_id=seat.session_id,
            )

    async def _check_room(self, seat: Seat) -> None:
        """Refuses a thread that the platform has no room for; asks the board before it does."""
        platform = self.capabilities.platform
        if not self._thread_book.is_full(platform):
            return
        await self._correct_book()
        if self._thread_book.is_full(platform):
            holders = " and ".join(map(str, self._thread_book))
            raise DeviceCapabilityError(
                f"this board ({platform}) runs one thread beside its main program, for all of its "
                f"sessions together, and {holders} is that one; stop it first",
                device=self.name,
                session_id=seat.session_id,
            )

    async def _correct_book(self) -> None:
        """Asks the board which threads run; one that was started meanwhile may not be in it."""
        known = [thread for thread in self._thread_book if thread.is_settled]
        value = await self._ask_helper(
            self._core_seat, Helper.THREADS, "running_threads()", is_urgent=True
        )
        if not isinstance(value, list):
            raise self._make_protocol_error(value)
        for thread in known:
            if (thread.seat.key, thread.thread_id, thread.run) not in value:
                self._thread_book.remove(thread.seat.key, thread.thread_id, thread.run)

    async def _tell_threads_left(self) -> None:
        """Tells the log which threads run on, though all sessions have ended."""
        if len(self._thread_book):
            with trio.move_on_after(_FAREWELL), suppress(BelayError):
                await self._correct_book()
        for thread in self._thread_book:
            _logger.warning(
                "%s still runs on %s, which is closed; reset the board to be rid of it. A soft "
                "reset can hang until it has ended.",
                thread,
                self.name,
                extra={"device": self.name, "session_id": thread.seat.session_id},
            )

    def _learn_state(self, seat: Seat, thread_id: str, value: Value) -> ThreadState:
        try:
            state = parse_state(value)
        except ValueError:
            raise self._make_protocol_error(value) from None
        if not state.is_running:
            self._thread_book.remove(seat.key, thread_id)
        return state
