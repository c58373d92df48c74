"""Which functions are on the board in one session: sent once, and put out when memory is short.

A unit is there if its very code was sent in this session, and nothing has replaced it since. The
session ends with its names, or with a reset of the board, so nothing known here outlives what it is
about.

A function is there for its own sake (a root), or because others need it. When the board runs out of
memory while something is sent, the roots that were used least recently are taken off, with all that
nothing else needs; what runs just now stays.
"""

import re
from collections.abc import Awaitable, Callable, Generator, Sequence
from contextlib import contextmanager

import trio

from belay_actors.board import FREE_MEMORY
from belay_actors.errors import NameConflictError, RemoteError
from belay_actors.executors._host import ExecutorHost
from belay_actors.functions import BoardText, SentText, Unit, closure, host_traceback

_OUT_OF_MEMORY = "MemoryError"
# The frame of the line that calls a function.
_OWN_CALL = re.compile(r'^  File "<string>", line \d+, in <module>\r?\n', re.MULTILINE)
_MEMORY_PER_BYTE = 8  # of a source, while it is read and compiled
_RESERVE = 1024  # bytes, for what runs it
# A full board still has the memory to compile this, and it makes no name, which could be one of the
# session's own. Firmware collects garbage by itself when it needs the memory.
_TAKE_OFF = "globals().pop({!r},0)"
_RUN_ONCE = "globals().pop({!r})({})"  # it is off the board before it runs


class Deployments:
    """The units of one session.

    Args:
        host: the session.
        provide_tools: puts ``should_stop`` and ``sleep_ms`` into its namespace.
    """

    __slots__ = (
        "_has_tools",
        "_host",
        "_in_use",
        "_lock",
        "_present",
        "_provide_tools",
        "_roots",
        "_sent",
        "_unsure",
    )

    def __init__(self, host: ExecutorHost, provide_tools: Callable[[], Awaitable[None]]) -> None:
        self._host = host
        self._provide_tools = provide_tools
        self._has_tools = False
        self._lock = trio.Lock()
        self._present: dict[str, Unit] = {}
        # Names that may be on the board, or not, the oldest first: a call about them was cut off.
        self._unsure: dict[str, None] = {}
        self._sent = 0  # bytes of memory, at most, that what was sent has used
        self._roots: dict[Unit, None] = {}  # whole with all that they need; the last used is last
        self._in_use: dict[Unit, int] = {}  # and how many hold it

    @contextmanager
    def in_use(self, unit: Unit) -> Generator[None, None, None]:
        """Keeps a unit, and all that it needs, on the board while the body runs."""
        self.hold(unit)
        try:
            yield
        finally:
            self.release(unit)

    def hold(self, unit: Unit) -> None:
        """Keeps a unit on the board until it is released as often as it was held."""
        self._in_use[unit] = self._in_use.get(unit, 0) + 1

    def release(self, unit: Unit) -> None:
        """Undoes one ``hold``."""
        holders = self._in_use.pop(unit) - 1
        if holders:
            self._in_use[unit] = holders

    def use(self, unit: Unit) -> bool:
        """Whether the board has a unit and all that it needs. Then it is the last one used."""
        if unit not in self._roots:
            return False
        if next(reversed(self._roots)) is not unit:
            self._roots[unit] = self._roots.pop(unit)
        return True

    async def ensure(self, unit: Unit) -> None:
        """Sends a unit and all that it needs, unless the board has it.

        Hold it before, or it may be gone again when this returns.

        Raises:
            NameConflictError: the session has something else of a name that would be sent.
            RemoteError: the board does not take it.
            DeviceError, SessionError: as for any call.

        Cancellation: as for any call; what was not sent whole counts as not sent.
        """
        if self.use(unit):
            return
        async with self._lock:
            await self._send_tools(unit)
            await self._send_missing(closure(unit))
            self._roots[unit] = None

    async def run_once(self, unit: Unit, arguments: str, on_begin: Callable[[], None]) -> None:
        """Sends a function, and calls it; it is off the board again before it runs.

        Args:
            unit: the function.
            arguments: as text.
            on_begin: is told that it may have begun from now on.

        Raises, cancellation: as ``ensure``; and ``RemoteError`` if it raises.
        """
        async with self._lock:
            units = closure(unit)
            await self._send_tools(unit)
            await self._send_missing([each for each in units if each is not unit])
            self._refuse_conflict(unit)
            await self._transfer(unit, units)
            on_begin()
            with self.mapped_tracebacks(unit):
                await self._host.evaluate_call(
                    _RUN_ONCE.format(unit.name, arguments), time_limit=None, is_idempotent=False
                )
            self._unsure.pop(unit.name, None)

    def text_of(self, unit: Unit) -> BoardText:
        """What is sent of a unit: the small text where the board has little memory."""
        is_small = self._host.capabilities.max_code_bytes is not None
        return unit.small if is_small else unit.full

    @contextmanager
    def mapped_tracebacks(self, *more: Unit) -> Generator[None, None, None]:
        """Has tracebacks of errors from the board show the host's files and lines."""
        try:
            yield
        except RemoteError as error:
            self.place(error, *more)
            raise

    def place(self, error: RemoteError, *more: Unit) -> None:
        """Has an error's traceback show the host's files and lines, where they are known."""
        error.set_traceback(self.map_traceback(error.traceback, *more))

    def map_traceback(self, traceback: str, *more: Unit) -> str:
        """Returns a traceback with the host's files and lines, where they are known.

        Args:
            traceback: from the board.
            more: units that are on the board, or were. Where another has taken the place of one of
                theirs, it is theirs that is shown: two of one text cannot be told apart.
        """
        needed = {each.name: each for unit in more for each in closure(unit)}
        units = (self._present | needed).values()
        texts = [SentText(unit.file, self.text_of(unit)) for unit in units]
        return host_traceback(_OWN_CALL.sub("", traceback), texts)

    # Sending.

    async def _send_tools(self, unit: Unit) -> None:
        if not self._has_tools and any(each.tools for each in closure(unit)):
            await self._provide_tools()
            self._has_tools = True

    async def _send_missing(self, units: Sequence[Unit]) -> None:
        missing = [unit for unit in units if not self._has(unit)]
        for unit in missing:
            self._refuse_conflict(unit)
        for unit in missing:
            await self._send(unit, units)

    def _has(self, unit: Unit) -> bool:
        """Whether a unit, or one that is the same in all but identity, is on the board."""
        other = self._present.get(unit.name)
        if other is None or other is unit:
            return other is unit
        return other.code_hash == unit.code_hash and _is_replaced_by(other, unit)

    def _refuse_conflict(self, unit: Unit) -> None:
        other = self._present.get(unit.name, unit)
        if not _is_replaced_by(other, unit):
            raise NameConflictError(
                f"the session has {other.origin} on the board under the name {unit.name!r}, so "
                f"{unit.origin} cannot have it: give one of them another name, or use another "
                "session",
                device=self._host.device.name,
                session_id=self._host.session_id,
            )

    async def _send(self, unit: Unit, keeping: Sequence[Unit]) -> None:
        """Sends one unit, and writes down that it is there."""
        await self._transfer(unit, keeping)
        self._unsure.pop(unit.name, None)
        self._present[unit.name] = unit
        if unit.full.defines and self._host.is_active:  # a cleanup may call, and books are closed
            self._host.resources.register_deployed_method(unit.name, unit.code_hash)

    async def _transfer(self, unit: Unit, keeping: Sequence[Unit]) -> None:
        """Sends one unit; makes room for it where the board has none."""
        source = self.text_of(unit).source
        await self._clear(len(source), keeping)
        # However this ends, it may have replaced what was there.
        self._forget(unit.name)
        with self.mapped_tracebacks(unit):
            while True:
                try:
                    await self._host.execute_again(source)
                    break
                except RemoteError as error:
                    if error.type_name != _OUT_OF_MEMORY:
                        raise
                    full = error
                if not await self._make_room(keeping):
                    raise full

    def _forget(self, name: str) -> None:
        self._unsure[name] = None
        if self._present.pop(name, None) is not None:
            self._roots = {root: None for root in self._roots if name not in _names_in(root)}
            self._host.resources.forget_deployed_method(name)

    # Making room.

    async def _clear(self, size: int, keeping: Sequence[Unit]) -> None:
        """Makes room for a source before it is sent, where it may be needed.

        Firmware can die of a source that it has no memory for. The board is asked only when what
        was sent since its memory was measured could have used up half of it.
        """
        need = size * _MEMORY_PER_BYTE
        self._sent += need
        memory = self._host.device.memory
        if memory is None or self._sent < memory.free // 2:
            return
        while await self._free_memory() < need + _RESERVE and await self._make_room(keeping):
            pass

    async def _free_memory(self) -> int:
        try:
            value = await self._host.evaluate_call(FREE_MEMORY, time_limit=None, is_idempotent=True)
        except RemoteError as error:
            if error.type_name != _OUT_OF_MEMORY:
                raise
            return 0
        return value if isinstance(value, int) else 0

    async def _make_room(self, keeping: Sequence[Unit]) -> bool:
        """Takes off what was used least recently; ``False`` if there is nothing that may go."""
        while not (names := self._unneeded(keeping)):
            root = self._least_recently_used()
            if root is None:
                return False
            del self._roots[root]
        for name in names:
            self._forget(name)
        await self._take_off(names)
        return True

    async def _take_off(self, names: Sequence[str]) -> None:
        """Takes names off: all at once, or where there is no memory for that, one by one."""
        try:
            await self._host.execute_again("\n".join(map(_TAKE_OFF.format, names)))
        except RemoteError as error:
            if error.type_name != _OUT_OF_MEMORY or len(names) == 1:
                raise
            for name in names:
                await self._host.execute_again(_TAKE_OFF.format(name))
                self._unsure.pop(name, None)
        for name in names:
            self._unsure.pop(name, None)

    def _least_recently_used(self) -> Unit | None:
        return next((root for root in self._roots if root not in self._in_use), None)

    def _unneeded(self, keeping: Sequence[Unit]) -> tuple[str, ...]:
        roots = (*self._roots, *self._in_use)
        needed = {unit.name for unit in keeping}.union(*map(_names_in, roots))
        names = dict.fromkeys((*self._unsure, *self._present))
        return tuple(name for name in names if name not in needed)


def _is_replaced_by(old: Unit, new: Unit) -> bool:
    """Whether a unit may take another's name: it is its next version, or an equal constant."""
    if old.origin == new.origin:
        return True
    return old.code_hash == new.code_hash and not (old.full.defines or new.full.defines)


def _names_in(root: Unit) -> set[str]:
    """The names of a unit and of all that it needs."""
    return {unit.name for unit in closure(root)}
