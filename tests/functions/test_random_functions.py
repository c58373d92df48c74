"""A function does on a board what it does on the host, in either of its texts, line for line."""

import ast
import re
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence

import pytest
import trio
from hypothesis import HealthCheck, Phase, assume, given, settings

from belay_actors import Device, RemoteError, open_device
from belay_actors.errors import UnsupportedFunctionError
from belay_actors.functions import SentText, closure, host_traceback
from modules import load, task_of
from random_functions import modules

Outcome = tuple[str, object, int]
ARGUMENTS = ((1,), (2, 5, 7), (0,))
_PLACE = re.compile(r'File "([^"<]+)", line (\d+)')


class Board:
    """A board that plain functions can use: its device lives in a thread of its own."""

    def __init__(self) -> None:
        self._is_ready = threading.Event()
        self._device: Device | None = None
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        self._is_ready.wait()
        assert self._device is not None, "there is no board"

    def _run(self) -> None:
        try:
            trio.run(self._live)
        finally:
            self._is_ready.set()

    async def _live(self) -> None:
        self._token = trio.lowlevel.current_trio_token()
        self._end = trio.Event()
        async with open_device("micropython:") as self._device:
            self._is_ready.set()
            await self._end.wait()

    def execute(self, code: str) -> str:
        assert self._device is not None
        return trio.from_thread.run(self._device.execute, code, trio_token=self._token)

    def evaluate(self, code: str) -> object:
        assert self._device is not None
        return trio.from_thread.run(self._device.evaluate, code, trio_token=self._token)

    def close(self) -> None:
        trio.from_thread.run_sync(self._end.set, trio_token=self._token)
        self._thread.join()


@pytest.fixture(scope="module")
def board() -> Iterator[Board]:
    board = Board()
    yield board
    board.close()


def first_line(text: str, line: int) -> int:
    """The first line of the simple statement that a line belongs to; else the line itself."""
    statements = (node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.stmt))
    around = [node for node in statements if node.lineno <= line <= (node.end_lineno or 0)]
    inner = max(around, key=lambda node: node.lineno)
    return line if hasattr(inner, "body") else inner.lineno


def run_on_host(
    function: Callable[..., object], args: Sequence[int], text: str, file: str
) -> Outcome:
    try:
        return "value", function(*args), 0
    except Exception as error:
        frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename == file]
        kind = "NameError" if isinstance(error, NameError) else type(error).__name__
        return "error", kind, first_line(text, frames[-1].lineno or 0)


def run_on_board(board: Board, call: str, sent: Sequence[SentText]) -> Outcome:
    try:
        return "value", board.evaluate(call), 0
    except RemoteError as error:
        places = _PLACE.findall(host_traceback(error.traceback, sent))
        return "error", error.type_name, int(places[-1][1]) if places else 0


# A failure is shown as it was found: to make such a program smaller takes longer than to read it.
@settings(
    max_examples=80,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
@given(text=modules())
def test_host_and_board_agree(board: Board, text: str) -> None:
    try:
        names = load(text)
    except (SyntaxError, UnsupportedFunctionError):
        assume(False)
    target, file = task_of(names, "target"), str(names["__file__"])
    units = closure(target.unit("linux", "micropython"))
    for texts in ([unit.full for unit in units], [unit.small for unit in units]):
        for each in texts:
            board.execute(each.source)
        sent = [SentText(file, each) for each in texts]
        for args in ARGUMENTS:
            call = f"target({target.arguments(args, {}, exact_floats=True)})"
            expected = run_on_host(target, args, text, file)
            assert run_on_board(board, call, sent) == expected, texts[-1].source
