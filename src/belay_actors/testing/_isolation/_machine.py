"""A Hypothesis state machine: sessions on any number of devices must not see each other.

It does at random what programs and the world do, keeps book on the host of what each session must
see then, and compares. A difference is shrunk to a short program.
"""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from typing import ClassVar, TypeVar, TypeVarTuple

from belay_actors.testing._everywhere import make_mock_clock
from belay_actors.testing._isolation._boards import BoardControls
from belay_actors.testing._isolation._calls import (
    NAMES,
    Assign,
    Call,
    CallFunction,
    Cancel,
    CancelSleep,
    Define,
    Delete,
    Evaluate,
    Execute,
    Fail,
)
from belay_actors.testing._isolation._guest import GuestRun
from belay_actors.testing._isolation._rig import Rig
from belay_actors.testing._isolation._sessions import End, TrackedDevice, TrackedSession
from belay_actors.testing._point import seeded_scheduling
from belay_actors.transport import Transport

try:
    from hypothesis import strategies as st
    from hypothesis.stateful import (
        Bundle,
        MultipleResults,
        RuleBasedStateMachine,
        initialize,
        multiple,
        precondition,
        rule,
    )
except ImportError as error:
    raise ImportError(
        "the state machine needs hypothesis; install it with: pip install 'belay_actors[testing]'"
    ) from error

T = TypeVar("T")
Ts = TypeVarTuple("Ts")
F = TypeVar("F", bound=Callable[..., None])

_NAMES = st.sampled_from(NAMES)
_VALUES = st.integers(0, 9)
_ERRORS = st.sampled_from(["ValueError", "KeyboardInterrupt", "SystemExit"])
_TEXTS = st.sampled_from(["x", "", "two\nlines", "\x04", "OK", "\x04\x04>", "\x1e\x1f", "é"])
_SECONDS = st.sampled_from([0.05, 0, 0.001])
_CALLS: st.SearchStrategy[Call] = st.one_of(
    st.builds(Assign, _NAMES, _VALUES),
    st.builds(Evaluate, _NAMES),
    st.builds(Define, _NAMES, _NAMES),
    st.builds(CallFunction, _NAMES),
    st.builds(Execute, _TEXTS),
    st.builds(Delete, _NAMES),
    st.builds(Fail, _NAMES, _VALUES, _ERRORS),
    st.builds(Cancel, _NAMES, _SECONDS),
    st.builds(CancelSleep, _SECONDS),
)
_ENDS = st.sampled_from(End)
_MOST_AT_ONCE = 5


def _needs_session(is_fit: Callable[[TrackedSession], bool]) -> Callable[[F], F]:
    """Lets a rule run only where there is such a session."""
    return precondition(lambda machine: any(map(is_fit, machine.rig.sessions)))


def _needs_device(is_fit: Callable[[TrackedDevice], bool]) -> Callable[[F], F]:
    """Lets a rule run only where there is such a device."""
    return precondition(lambda machine: any(map(is_fit, machine.rig.devices)))


class SessionIsolationMachine(RuleBasedStateMachine):
    """A state machine that looks for sessions that see each other, on your boards.

    It opens sessions, and in them assigns, evaluates, calls, prints, fails and is cancelled, one
    after the other and several at once; it ends them in all ways, and resets and unplugs boards.
    After each rule it compares the names on the boards with those that must be there. What differs
    is an ``IsolationError``, with the shortest program that Hypothesis can find. Derive a class::

        class MyBoards(SessionIsolationMachine):
            @asynccontextmanager
            async def open_boards(self):
                yield ["serial:/dev/ttyACM0", "micropython:"]

        TestMyBoards = MyBoards.TestCase

    and choose with ``TestMyBoards.settings = settings(max_examples=..., stateful_step_count=...,
    deadline=None)`` how long to look. More rules can be added: they find ``devices`` and
    ``sessions``, and use ``run``.

    Attributes:
        is_virtual_time: whether time is trio's mock clock, which jumps as soon as everybody waits.
            Only for boards in memory.
        time_limit: seconds that one program may take, on its clock; then it has hung.
        devices: what ``open_boards`` yields, opened.
        sessions: those that were opened.
    """

    is_virtual_time: ClassVar[bool] = False
    time_limit: ClassVar[float] = 600.0

    devices: ClassVar[Bundle[TrackedDevice]] = Bundle("devices")
    sessions: ClassVar[Bundle[TrackedSession]] = Bundle("sessions")
    _open: ClassVar[st.SearchStrategy[TrackedSession]] = sessions.filter(TrackedSession.is_open)
    _ended: ClassVar[st.SearchStrategy[TrackedSession]] = sessions.filter(TrackedSession.has_ended)

    def __init__(self) -> None:
        super().__init__()
        self._guest: GuestRun | None = None
        self._has_failed = False
        self.rig: Rig

    def open_boards(
        self,
    ) -> AbstractAsyncContextManager[Sequence[BoardControls | str | Transport]]:
        """Opens the boards for one program. To be overridden.

        Returns:
            An async context manager that yields the boards: as device URLs, as transports, or with
            what can be done to them. A ``FakeBoard`` can be reset and unplugged as it is.
        """
        raise NotImplementedError(f"{type(self).__name__} must override open_boards()")

    def run(self, operation: Callable[[*Ts], Awaitable[T]], *args: *Ts) -> T:
        """Runs an async function, in the trio run in which devices and sessions live.

        Returns:
            What it returns.

        Raises:
            BaseException: what it raises. The program ends then, without more checks.
        """
        assert self._guest is not None, "no devices are open"
        try:
            return self._guest.run(operation, *args)
        except BaseException:
            self._has_failed = True
            raise

    def _step(self, operation: Callable[[*Ts], Awaitable[T]], *args: *Ts) -> T:
        """As ``run``; then checks what is on the boards."""

        async def step() -> T:
            result = await operation(*args)
            await self.rig.check_boards()
            return result

        return self.run(step)

    # The life.

    @initialize(target=devices)
    def open_devices(self) -> MultipleResults[TrackedDevice]:
        """Opens a device on each board."""
        clock = make_mock_clock() if self.is_virtual_time else None
        self.rig = Rig(self.open_boards, checks_host=not self.is_virtual_time)
        self._guest = GuestRun(clock, self.time_limit)
        self._has_failed = True  # until it has not
        self._guest.start(self.rig.live)
        self._has_failed = False
        return multiple(*self.rig.devices)

    def teardown(self) -> None:
        """Ends the sessions, closes the devices, and checks that nothing is left."""
        guest, self._guest = self._guest, None
        if guest is None:
            return
        try:
            if not self._has_failed:
                guest.run(self.rig.close)
                guest.close()
        except BaseException:
            self._has_failed = True
            raise
        finally:
            if self._has_failed:
                with suppress(Exception):  # there is an earlier error to tell of
                    guest.cancel()

    # Sessions.

    @rule(target=sessions, device=devices)
    def open_session(
        self, device: TrackedDevice
    ) -> TrackedSession | MultipleResults[TrackedSession]:
        """Opens a session; on a device that is lost that must fail."""
        session = self._step(self.rig.open_session, device)
        return multiple() if session is None else session

    @_needs_session(TrackedSession.is_open)
    @rule(session=_open, way=_ENDS)
    def end(self, session: TrackedSession, way: End) -> None:
        """Ends a session, which must give everything back."""
        self._step(self.rig.perform, session, way)

    @_needs_session(TrackedSession.has_ended)
    @rule(session=_ended, call=_CALLS)
    def use_after_end(self, session: TrackedSession, call: Call) -> None:
        """Makes a call in a session that has ended, which must be refused."""
        self._step(session.perform, call)

    # Calls.

    @_needs_session(TrackedSession.is_open)
    @rule(session=_open, name=_NAMES, value=_VALUES)
    def assign(self, session: TrackedSession, name: str, value: int) -> None:
        """Gives a name a value."""
        self._step(session.perform, Assign(name, value))

    @_needs_session(TrackedSession.is_open)
    @rule(session=_open, name=_NAMES)
    def evaluate(self, session: TrackedSession, name: str) -> None:
        """Asks for what a name holds."""
        self._step(session.perform, Evaluate(name))

    @_needs_session(TrackedSession.is_open)
    @rule(session=_open, name=_NAMES)
    def delete(self, session: TrackedSession, name: str) -> None:
        """Deletes a name."""
        self._step(session.perform, Delete(name))

    @_needs_session(TrackedSession.is_open)
    @rule(session=_open, name=_NAMES, reads=_NAMES)
    def define(self, session: TrackedSession, name: str, reads: str) -> None:
        """Defines a function that returns what another name holds."""
        self._step(session.perform, Define(name, reads))

    @_needs_session(TrackedSession.is_open)
    @rule(session=_open, name=_NAMES)
    def call(self, session: TrackedSession, name: str) -> None:
        """Calls a function."""
        self._step(session.perform, CallFunction(name))

    @_needs_session(TrackedSession.is_open)
    @rule(session=_open, text=_TEXTS)
    def execute(self, session: TrackedSession, text: str) -> None:
        """Prints a text, which must come back as it is."""
        self._step(session.perform, Execute(text))

    @_needs_session(TrackedSession.is_open)
    @rule(session=_open, name=_NAMES, value=_VALUES, error=_ERRORS)
    def fail(self, session: TrackedSession, name: str, value: int, error: str) -> None:
        """Gives a name a value, and then raises."""
        self._step(session.perform, Fail(name, value, error))

    @_needs_session(TrackedSession.is_open)
    @rule(session=_open, name=_NAMES, seconds=_SECONDS)
    def cancel(self, session: TrackedSession, name: str, seconds: float) -> None:
        """Cancels an endless loop that counts in a name."""
        self._step(session.perform, Cancel(name, seconds))

    @_needs_session(TrackedSession.is_open)
    @rule(session=_open, seconds=_SECONDS)
    def cancel_sleep(self, session: TrackedSession, seconds: float) -> None:
        """Cancels a long sleep."""
        self._step(session.perform, CancelSleep(seconds))

    @rule(device=devices, call=_CALLS)
    def use_main(self, device: TrackedDevice, call: Call) -> None:
        """Makes a call in the board's ``__main__``, which is no session's."""
        self._step(device.perform, call)

    @_needs_session(TrackedSession.is_open)
    @rule(
        work=st.lists(st.tuples(_open, _CALLS | _ENDS), min_size=2, max_size=_MOST_AT_ONCE),
        order=st.integers(0, 99),
    )
    def at_once(self, work: list[tuple[TrackedSession, Call | End]], order: int) -> None:
        """Does several things: those of one session in turn, those of several at once.

        Args:
            work: what, and where.
            order: seed of trio's scheduling.
        """
        with seeded_scheduling(order):
            self._step(self.rig.perform_at_once, work)

    # The world.

    @_needs_device(TrackedDevice.can_be_reset)
    @rule(device=devices.filter(TrackedDevice.can_be_reset), is_busy=st.booleans())
    def reset(self, device: TrackedDevice, is_busy: bool) -> None:
        """Resets a board, idle or while a session's code runs: all of its sessions must end."""
        self._step(self.rig.reset, device, is_busy)

    @_needs_device(TrackedDevice.can_be_unplugged)
    @rule(device=devices.filter(TrackedDevice.can_be_unplugged), is_busy=st.booleans())
    def unplug(self, device: TrackedDevice, is_busy: bool) -> None:
        """Unplugs a board: all of its sessions must end, and the device is lost."""
        self._step(self.rig.unplug, device, is_busy)

    @_needs_device(TrackedDevice.can_be_plugged_in)
    @rule(device=devices.filter(TrackedDevice.can_be_plugged_in))
    def plug_in(self, device: TrackedDevice) -> None:
        """Plugs a board in again, and opens its device anew."""
        self._step(self.rig.plug_in, device)

    @_needs_device(TrackedDevice.can_be_reopened)
    @rule(device=devices.filter(TrackedDevice.can_be_reopened))
    def reopen(self, device: TrackedDevice) -> None:
        """Closes a device and opens it anew, on the same board: its sessions must end."""
        self._step(self.rig.reopen, device)
