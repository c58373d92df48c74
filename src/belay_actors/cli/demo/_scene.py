"""What one session's work gets to work with."""

from collections.abc import Awaitable, Callable

import attrs

from belay_actors import Device, DeviceSessionManager, Session
from belay_actors.cli.demo._stage import Progress, Stage, State


@attrs.frozen
class Scene:
    """One session's part of the demo.

    Attributes:
        stage: the books.
        manager: opens the session.
        device: the board that it is on.
        row: its own progress.
    """

    stage: Stage
    manager: DeviceSessionManager
    device: Device
    row: Progress

    async def begin(self, session: Session, task: str) -> None:
        """Shows the session as open, and waits until all the others are open, too.

        Args:
            session: just opened.
            task: what it is going to do.

        Cancellation: ends the wait.
        """
        self.row.doing = task
        self.tell(f"opens a session: {task}")
        self.stage.open(self.row, session)
        await self.stage.everyone_is_open.wait()
        self.row.state = State.WORKING

    def tell(self, text: str) -> None:
        """Makes an event of this session known."""
        self.stage.tell(text, self.row)

    def check(self, promise: str, is_kept: bool, found: str) -> None:
        """Notes whether a promise to this session was kept, and what was found."""
        self.stage.check(promise, is_kept, found, self.row)


Work = Callable[[Scene], Awaitable[None]]
