"""The part of a session that hears what its code prints, and hands it on."""

from belay_actors.device import Device
from belay_actors.observe import Observers
from belay_actors.options import SessionManagementOptions
from belay_actors.session._calls import Calls
from belay_actors.session._output import DropPolicy, OutputHub, OutputLines, SessionOutput


class Speaking(Calls):
    """A session whose code prints."""

    __slots__ = ("_output",)

    def __init__(
        self,
        device: Device,
        session_id: str,
        options: SessionManagementOptions,
        observers: Observers,
    ) -> None:
        super().__init__(device, session_id, options, observers)
        self._output: SessionOutput | None = None

    @property
    def background_output(self) -> str:
        """The newest 64 Ki characters that threads, timers and expressions of it printed."""
        return "" if self._output is None else str(self._output.background)

    def output(self, limit: int = 1000, when_full: DropPolicy = DropPolicy.OLDEST) -> OutputLines:
        """Subscribes to what the session prints, line by line, while it is printed.

        ``async with session.output() as lines: async for line in lines: ...``. It hears calls,
        expressions, threads and timers of the session, from then on; the iteration ends when the
        session has ended. Text without a line end comes when its call or thread is over.

        Args:
            limit: how many lines wait for a reader that is slow.
            when_full: which of them are dropped when there are more; the next one says how many.

        Raises:
            TypeError, ValueError: an argument is none that can be.
            SessionError, DeviceError: the session has ended (when it is entered).

        Cancellation: harmless at any point; no line is lost by it.
        """
        return OutputLines(self._join_output, limit, when_full)

    def _join_output(self, lines: OutputLines) -> OutputHub:
        self._check_not_ended()
        return self._made_output.join(lines)

    @property
    def _made_output(self) -> SessionOutput:
        if self._output is None:
            self._output = SessionOutput(self.session_id, self.device.capabilities.newline)
        return self._output

    def _keep_output(self, text: str) -> None:
        self._made_output.background.add(text)

    def keep_output(self, text: str) -> None:
        """A stream printed, between its batches."""
        self._made_output.hear(text, None)

    def hear_call(self, data: bytes) -> None:
        """A call printed, or with ``b""`` is over. Called by the device, while it runs."""
        if self._output is not None:
            self._output.hear_call(data)

    def receive_output(self, text: str, thread_id: str | None) -> None:
        """A thread or timer printed. Called by the device."""
        self._made_output.hear(text, thread_id)
