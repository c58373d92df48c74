"""The base of programs as users have it: it knows the session as the session that it is."""

from typing import cast

from belay_actors import functions
from belay_actors.session._session import Session


class DeviceProgram(functions.DeviceProgram):
    """The base of programs: classes whose members run on a board, in one session.

    Members are functions decorated with ``@setup``, ``@task``, ``@thread`` and ``@teardown``. They
    have no ``self``; they use names that setups of the class, or of those it is derived from, have
    made, and each other, by ``Rig.mean(10)`` or just ``mean(10)``. A member takes the place of one
    of the same name in a class that it is derived from.

    ``DeviceSessionManager.open_session(device, Rig)`` opens a session with it. Then
    ``await rig.mean(10)`` calls a task on the board, ``async with rig.samples(10)`` streams from a
    generator, and ``await rig.blink(100)`` starts a thread.

    Args:
        session: that the program is in.

    Raises:
        UnsupportedFunctionError: when a class is derived from it: its members do not fit together.
    """

    def __init__(self, session: Session) -> None:
        super().__init__(session)

    @property
    def session(self) -> Session:
        """The session that it is in."""
        return cast(Session, super().session)
