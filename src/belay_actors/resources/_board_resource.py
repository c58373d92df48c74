"""What all resources on a board have in common: how they are made, undone, and given back.

A resource is in its session's care before its first code is sent. Whatever befalls the making, a
cancellation, an error, the end of the session from another task, there is then always somebody who
puts the hardware into its safe state: the one who makes it, or else the end of the session.

Giving back goes in steps. One that fails does not stop those after it, and only what has failed is
tried again by the next try. A lease is kept until everything has worked: hardware of which nobody
knows the state is not for others yet. The session itself gives it back with its end.
"""

import abc
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from textwrap import indent

import attrs
import trio

from belay_actors.device import Lease
from belay_actors.errors import DeviceCapabilityError, RemoteError, ResourceNotFoundError
from belay_actors.session import Session

_UNDO_TIME = 10.0  # seconds for giving back what could not be made, while its maker is cancelled
_LACKING = ("ImportError", "AttributeError")  # raised where a firmware has not what code asks for

Step = Callable[[], Awaitable[object]]


def check_feature(session: Session, feature: str) -> None:
    """Raises ``DeviceCapabilityError`` if the board is known to lack something."""
    if session.capabilities.has(feature) is False:
        raise DeviceCapabilityError(
            f"this board's firmware has no {feature}; nothing was sent",
            device=session.device.name,
            session_id=session.session_id,
        )


@attrs.define(eq=False)
class BoardResource(abc.ABC):
    """Something on a board that its session gives back.

    Attributes:
        session: that it belongs to.
        resource_id: unique in the session.
        resource_type: a name for its kind.
        created_at: when it was made (UTC).
    """

    session: Session = attrs.field(repr=False)
    resource_id: str
    resource_type: str = attrs.field(init=False, repr=False, default="")
    created_at: datetime = attrs.field(init=False, repr=False, factory=lambda: datetime.now(UTC))
    # Whether it is known to be there; what is just being made may be there or not.
    _is_made: bool = attrs.field(init=False, repr=False, default=True)
    _leases: list[Lease] = attrs.field(init=False, repr=False, factory=list[Lease])
    _steps: list[Step] = attrs.field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        self._steps = self._make_steps()

    @property
    @abc.abstractmethod
    def estimated_cost(self) -> int:
        """Bytes that it is thought to take on the board."""

    @abc.abstractmethod
    def _make_steps(self) -> list[Step]:
        """Returns what is to be done to give it back, in this order."""

    async def cleanup(self) -> None:
        """Gives it back: a safe state first, then its name, then its leases.

        What has been given back is not given back again.

        Raises:
            RemoteError: a step failed on the board; the others were done.
            DeviceError, SessionError: the board cannot be reached, or the session has ended.

        Cancellation: the step that was running, and those after it, are done by the next try.
        """
        await trio.lowlevel.checkpoint()
        failures: list[RemoteError] = []
        for step in tuple(self._steps):
            try:
                await step()
            except RemoteError as error:
                failures.append(error)
            else:
                with suppress(ValueError):  # another task has done it, too
                    self._steps.remove(step)
        if failures:
            first, *others = failures
            for other in others:
                first.add_note(f"And then: {other}")
            raise first
        while self._leases:
            self._leases.pop().release()

    async def _make(
        self,
        make: Step,
        *,
        needs: Sequence[str],
        leases: Sequence[str] = (),
        wait: bool = False,
    ) -> None:
        """Takes it into the session's care and makes it; nothing is left of it if that fails.

        Args:
            make: makes it on the board.
            needs: features that the firmware must have.
            leases: names of the hardware that it takes.
            wait: whether to wait for those.
        """
        self._is_made = False
        for feature in needs:
            check_feature(self.session, feature)
        try:
            for name in leases:
                self._leases.append(await self.session.lease(name, wait=wait))
            self.session.resources.register_resource(self)
        except BaseException:
            while self._leases:
                self._leases.pop().release()
            raise
        try:
            await make()
        except BaseException as error:
            await self._undo(error)  # noqa: ASYNC102  # shields itself
            if isinstance(error, RemoteError) and error.type_name in _LACKING:
                raise self._make_lacking(error) from error  # noqa: ASYNC104  # not Cancelled
            raise
        self._is_made = True

    async def _undo(self, error: BaseException) -> None:
        """Gives back what may have been made. What fails is tried again by the session's end."""
        if not self.session.is_active:  # its end has it in its care
            return
        with trio.move_on_after(_UNDO_TIME, shield=True):
            try:
                await self.cleanup()
                with suppress(ResourceNotFoundError):  # the session has ended meanwhile
                    await self.session.resources.release_resource(self.resource_id)
            except Exception as failure:  # whatever it is, the first error counts
                error.add_note(f"And {self.resource_id!r} could not be given back yet: {failure}")

    def _make_lacking(self, error: RemoteError) -> DeviceCapabilityError:
        return DeviceCapabilityError(
            f"this board's firmware lacks what {self.resource_id!r} needs: {error.message}",
            device=self.session.device.name,
            session_id=self.session.session_id,
        )


@attrs.define(eq=False)
class NamedObject(BoardResource):
    """An object in the session's namespace; its ``resource_id`` is its name there."""

    @abc.abstractmethod
    def _make_safe_codes(self) -> Sequence[str]:
        """Returns pieces of code that bring the hardware into its safe state, one by one."""

    def _make_steps(self) -> list[Step]:
        steps = [self._make_step(code) for code in self._make_safe_codes()]
        return [*steps, self._make_step(f"globals().pop({self.resource_id!r}, None)")]

    def _make_step(self, code: str) -> Step:
        async def step() -> None:
            if self._is_made:
                await self.session.execute(code)
            else:
                if_there = f"if {self.resource_id!r} in globals():\n"
                await self.session.execute(if_there + indent(code, " "))

        return step
