"""``execute`` and ``evaluate``: what a device and a session have in common."""

import abc
from collections.abc import Awaitable
from typing import TypeVar, overload

from belay_actors.device._capabilities import DeviceCapabilities
from belay_actors.errors import DeviceCapabilityError
from belay_actors.values import Value, check_type, structure

T = TypeVar("T")


class CodeRunner(abc.ABC):
    """Something that can run code on a board, in a namespace of its own."""

    __slots__ = ()

    @property
    @abc.abstractmethod
    def capabilities(self) -> DeviceCapabilities:
        """What the board can do."""

    @abc.abstractmethod
    def _run(self, code: str, *, is_expression: bool) -> Awaitable[tuple[Value, str]]:
        """Runs code, when it is awaited; returns its value and what it printed."""

    async def execute(self, code: str) -> str:
        """Runs statements on the board.

        Args:
            code: source text; its names live in this session's (or the device's) namespace.

        Returns:
            What the code printed. Bytes that are no UTF-8 come as hexadecimal escapes.

        Raises:
            RemoteError: the code raised, or cannot be compiled.
            DeviceError: the board or its link failed; the type says what that means for you.
            SessionError: the session has ended.

        Cancellation: when ``Cancelled`` comes out, the code no longer runs on the board, and the
        board is ready for the next call (or known to be lost).
        """
        check_code(code)
        _, output = await self._run(code, is_expression=False)
        return output

    @overload
    async def evaluate(self, expression: str) -> Value: ...

    @overload
    async def evaluate(self, expression: str, returns: type[T]) -> T: ...

    @overload
    async def evaluate(self, expression: str, returns: None) -> Value: ...

    async def evaluate(self, expression: str, returns: type[T] | None = None) -> Value | T:
        """Evaluates an expression on the board and brings its value back.

        Args:
            expression: source text of one expression.
            returns: the type to make of the value, by cattrs; without one it comes as it is.

        Returns:
            The value. What the expression prints goes to the background output.

        Raises:
            UnsupportedValueError: the value is of a type that cannot come back.
            DeviceCapabilityError: the board has no such values, or takes no code of that length.
            TypeError: the value does not fit ``returns``, or nothing can.
            RemoteError, DeviceError, SessionError: as for ``execute``.

        Cancellation: as for ``execute``.
        """
        check_code(expression)
        if returns is complex and not self.capabilities.has_complex:
            raise DeviceCapabilityError("this board's firmware has no complex numbers")
        if returns is not None:
            check_type(returns)
        value, output = await self._run(expression.strip(), is_expression=True)
        if output:
            self._keep_output(output)
        return value if returns is None else structure(value, returns)

    @abc.abstractmethod
    def _keep_output(self, text: str) -> None:
        """Takes what was printed and is nobody's result."""


def check_code(code: str) -> None:
    """Refuses what is no text that can be sent: ``TypeError``, or ``ValueError``."""
    if not isinstance(code, str):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"code is a str, not {type(code).__name__}")
    code.encode()  # a lone surrogate cannot be sent: UnicodeEncodeError, which is a ValueError
