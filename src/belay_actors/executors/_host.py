"""What executors need of a session: they live below it, and know no more of it than this."""

from contextlib import AbstractAsyncContextManager
from typing import Protocol

from belay_actors.executors._board_stream import StreamBooks, StreamHost
from belay_actors.executors._resource import SessionResource
from belay_actors.values import Value


class Books(StreamBooks, Protocol):
    """Where it is written down what a session has on its board, and must give back."""

    def register_resource(self, resource: SessionResource) -> None:
        """Takes a resource into the session's care."""

    def register_deployed_method(self, signature: str, code_hash: bytes) -> None:
        """Writes down that one is."""

    def forget_deployed_method(self, signature: str) -> None:
        """Strikes one out."""


class ExecutorHost(StreamHost, Protocol):
    """A session, as its executors see it."""

    @property
    def resources(self) -> Books:
        """Its books."""
        ...

    async def execute_again(self, code: str) -> None:
        """Runs statements in its namespace that nobody minds if they run twice."""

    async def evaluate_call(
        self, expression: str, *, time_limit: float | None, is_idempotent: bool
    ) -> Value:
        """Evaluates an expression in its namespace, as a call of its."""
        ...

    def exclusive(self, *, at_most: float) -> AbstractAsyncContextManager[None]:
        """Holds the board for so many seconds at most."""
        ...
