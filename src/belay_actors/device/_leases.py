"""Who holds which hardware of one board: a pin, a timer, a bus, which cannot be in two hands.

The board knows nothing of it and nothing is sent: sessions of this program agree here, also those
of different managers. What is held is a name, and names are free text, compared exactly. Programs
that are to agree must write them alike; the library's own resources write ``"pin:5"``,
``"timer:0"``, ``"i2c:0"``, ``"spi:1"``, ``"uart:1"``.

A hold belongs to a session and not to the board's state, so it survives a reset of the board; the
session fails then, and with its end gives back the hold.
"""

from collections.abc import Mapping
from types import MappingProxyType, TracebackType
from typing import Protocol, Self

import attrs
import trio

from belay_actors.errors import DuplicateResourceError, ResourceBusyError
from belay_actors.kernel import MakeError


@attrs.define(eq=False)
class _Waiter:
    """A task that waits, and the error that it gets, if it gets one."""

    task: trio.lowlevel.Task = attrs.field(factory=trio.lowlevel.current_task)
    make_error: MakeError | None = None


class Named(Protocol):
    """A board, as far as messages need it."""

    @property
    def name(self) -> str: ...


class LeaseBook:
    """Knows which session holds which named hardware, and who waits for it.

    A name that is given back goes to the one who has waited longest, in the same step: nobody can
    come in between.

    Args:
        device: for messages.
    """

    def __init__(self, device: Named) -> None:
        self._device = device
        self._holders: dict[str, str] = {}
        # A session waits at most once for a name, so its id is the key; the longest wait is first.
        self._waiters: dict[str, dict[str, _Waiter]] = {}

    @staticmethod
    def check_name(name: str) -> None:
        """Raises what is wrong with a name.

        Raises:
            TypeError: it is no ``str``.
            ValueError: it is empty.
        """
        if not isinstance(name, str):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"the name of hardware is a str, not {type(name).__name__}")
        if not name:
            raise ValueError('hardware needs a name, such as "pin:5"')

    def holders(self) -> Mapping[str, str]:
        """Returns what is held now, by name of the hardware: the session's id."""
        return MappingProxyType(dict(self._holders))

    def take(self, name: str, holder: str) -> None:
        """Takes hardware for a session.

        Raises:
            ResourceBusyError: another session holds it.
            DuplicateResourceError: this session holds it already, or waits for it.
            TypeError, ValueError: the name is none.
        """
        self._check_new(name, holder)
        other = self._holders.setdefault(name, holder)
        if other != holder:
            raise ResourceBusyError(
                f"{name!r} is held by {other}; end that session or release its lease, or wait for "
                "it with wait=True",
                resource=name,
                holder=other,
                device=self._device.name,
                session_id=holder,
            )

    @trio.lowlevel.enable_ki_protection
    async def wait_for(self, name: str, holder: str) -> None:
        """Takes hardware for a session as soon as it is its turn; first in, first out.

        Raises:
            DuplicateResourceError, TypeError, ValueError: as ``take``.
            Exception: what the holder's waiters were refused with.

        Cancellation: the hardware is not taken, and the wait leaves no trace.
        """
        self._check_new(name, holder)
        await trio.lowlevel.checkpoint_if_cancelled()
        if name not in self._holders:
            self._holders[name] = holder
            await trio.lowlevel.cancel_shielded_checkpoint()
            return
        waiter = self._waiters.setdefault(name, {})[holder] = _Waiter()

        def abort(_: object) -> trio.lowlevel.Abort:
            self._pop_waiter(name, holder)
            return trio.lowlevel.Abort.SUCCEEDED

        await trio.lowlevel.wait_task_rescheduled(abort)
        if waiter.make_error is not None:
            raise waiter.make_error()

    @trio.lowlevel.enable_ki_protection
    def release(self, name: str, holder: str) -> None:
        """Gives back what a session holds, to the next in turn; nothing if it does not hold it."""
        if self._holders.get(name) != holder:
            return
        following = next(iter(self._waiters.get(name, ())), None)
        if following is None:
            del self._holders[name]
        else:
            self._holders[name] = following
            trio.lowlevel.reschedule(self._pop_waiter(name, following).task)

    def release_all(self, holder: str) -> None:
        """Gives back all that a session holds."""
        for name in [name for name, other in self._holders.items() if other == holder]:
            self.release(name, holder)

    @trio.lowlevel.enable_ki_protection
    def refuse(self, holder: str, make_error: MakeError) -> None:
        """Ends the waits of a session with an error."""
        for name in [name for name, waiters in self._waiters.items() if holder in waiters]:
            waiter = self._pop_waiter(name, holder)
            waiter.make_error = make_error
            trio.lowlevel.reschedule(waiter.task)

    def _pop_waiter(self, name: str, holder: str) -> _Waiter:
        waiters = self._waiters[name]
        waiter = waiters.pop(holder)
        if not waiters:
            del self._waiters[name]
        return waiter

    def _check_new(self, name: str, holder: str) -> None:
        self.check_name(name)
        if self._holders.get(name) == holder or holder in self._waiters.get(name, ()):
            raise DuplicateResourceError(
                f"the session holds {name!r} already, or waits for it; use the lease that it has",
                device=self._device.name,
                session_id=holder,
            )


@attrs.define(eq=False)
class Lease:
    """A session's hold on named hardware of a board; given back by ``release``, or by ``with``.

    Made by ``Session.lease``. What is not given back before is given back when the session has
    ended, after all of its resources.

    Attributes:
        name: of the hardware.
        session_id: of the session that holds it.
    """

    name: str = attrs.field(on_setattr=attrs.setters.frozen)
    session_id: str = attrs.field(on_setattr=attrs.setters.frozen)
    _book: LeaseBook = attrs.field(repr=False)
    _is_released: bool = attrs.field(default=False, init=False, repr=False)

    def release(self) -> None:
        """Gives the hardware back, to whoever has waited longest; does nothing the second time."""
        if not self._is_released:
            self._is_released = True
            self._book.release(self.name, self.session_id)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.release()
