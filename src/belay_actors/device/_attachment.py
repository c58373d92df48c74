"""An attachment: a board that has been found, probed and given its core, until it restarts."""

import contextlib
import reprlib
from collections.abc import Awaitable

import attrs
import trio

from belay_actors.board import (
    FREE_MEMORY,
    Helper,
    at_once,
    call_source,
    checked_source,
    core_source,
    helper_source,
    probe_source,
    source_in_parts,
)
from belay_actors.device._capabilities import DeviceCapabilities, Probed, parse_probe
from belay_actors.device._connection import Connection
from belay_actors.device._counted import limited
from belay_actors.device._detection import DETECT_SOURCES, IMPORTS_SOURCE
from belay_actors.device._news import (
    BoardRestarted,
    Hear,
    NoReply,
    NotRun,
    Reply,
    TooMuchOutput,
)
from belay_actors.device._records import BoardMemory
from belay_actors.values import decode
from belay_actors.wire import ReplyKind

MAIN_KEY = 0
CORE_KEY = -1
_FIRST_NUMBER = 2  # 0 is the probe's, 1 the core's
_TRIES = 3  # to get code to the board undamaged
_NOTHING = "0"
_PART = 1024  # bytes in a literal, which may be four times as long
_SMALL_PART = 48  # the same for boards with little memory
_SILENCE = b"\x04\x04>"  # ran, printed nothing, and raised nothing
_MEASURE = "(lambda gc: (gc.collect(), gc.mem_alloc(), gc.mem_free())[1:])(__import__('gc'))"
_HAS_MODULES = "hasattr(__import__('sys'), 'modules')"
_LINE_SHARE = 2  # the raw REPL needs a second copy of a line while that grows


@attrs.define
class Attachment:
    """A connection to a board that has our core.

    Attributes:
        connection: to the board.
        token: of the frames.
        probe_limit: seconds for the first answer.
        detect_limit: seconds for the answer to a detection.
        may_reside: whether calls may go by the resident loop.
        capabilities: as probed.
        was_swept: whether the board held leftovers of an earlier host.
        memory: as last measured since the board's start.
    """

    connection: Connection
    token: str
    probe_limit: float
    detect_limit: float
    may_reside: bool
    capabilities: DeviceCapabilities = attrs.field(init=False)
    was_swept: bool = attrs.field(init=False, default=False)
    memory: BoardMemory | None = attrs.field(init=False, default=None)
    _number: int = attrs.field(init=False, default=_FIRST_NUMBER)
    _helpers: tuple[Helper, ...] = attrs.field(init=False, default=())
    _comes_in_parts: bool = attrs.field(init=False, default=True)

    async def set_up(self) -> None:
        """Brings the board to its raw prompt, probes it and installs the core."""
        surprises = 0
        found: Probed | None = None
        while True:
            try:
                await self.connection.synchronise()
                probed = await self._probe()
                if probed is not None:
                    found = found or probed  # what later ones sweep is our own
                    await self._install_core(probed.capabilities)
                    self.was_swept = found.was_swept
                    self._helpers = ()
                    return
            except (BoardRestarted, NotRun):
                continue
            except (
                NoReply,
                TooMuchOutput,
                ValueError,
            ):  # something old may have been taken for an answer
                surprises += 1
                if surprises == _TRIES:
                    raise

    async def _probe(self) -> Probed | None:
        """Probes the board; ``None`` if it does not answer, so that another way is to be tried.

        Its firmware may die in raw-paste mode, or the prompt that was seen was an old one.
        """
        source = probe_source(self.token)
        if self.connection.is_unguarded:
            source = checked_source(source)
        try:
            with trio.move_on_after(self.probe_limit):
                probe = await self._run_source(0, source)
                return parse_probe(probe.replied.payload, probe.output)
        except NoReply as error:
            if self.connection.is_unguarded and error.tail == _SILENCE:  # it found itself damaged
                raise NotRun from None
            raise
        self.connection.give_up_paste()
        return None

    async def _install_core(self, capabilities: DeviceCapabilities) -> None:
        is_unguarded = self.connection.is_unguarded
        source = core_source(
            self.token,
            has_complex=capabilities.has_complex,
            has_doubles=capabilities.has_doubles,
            is_small=is_unguarded,
        )
        self.capabilities = capabilities
        self.memory = None
        if is_unguarded:
            await self._install_checked(source)
        elif not (self.may_reside and await self._install_with_loop(source)):
            check = call_source(1, MAIN_KEY, _NOTHING, is_expression=True)
            await self.connection.run(1, f"{source};{check}")

    async def _install_with_loop(self, core: str) -> bool:
        """Installs the core, and beside it the resident loop, where the board has such an input."""
        helper = helper_source(Helper.RESIDENT)
        check = call_source(1, CORE_KEY, helper, is_expression=False)
        try:
            await self.connection.run(1, f"{core}\n{check}", is_long=True)
        except NoReply:
            self.may_reside = False
            await self.connection.synchronise()
        return self.may_reside

    async def _install_checked(self, source: str) -> None:
        """Installs the core on a board that may get it damaged, and that may be small."""
        if self._comes_in_parts:
            lines, last = source_in_parts(source)
            for line in lines:
                await self._run_unanswered(line)
            await self.connection.synchronise(by_friendly=True)
        else:
            last = checked_source(source)
        # What earlier programs have left may lie all over the heap: then the other way may do.
        self._comes_in_parts = not self._comes_in_parts
        await self._run_unanswered(last)  # a small stack is too low for a call in it
        # The raw REPL keeps memory for the longest line it has had, until it is left.
        await self.connection.synchronise(by_friendly=True)
        try:
            reply = await self.run(MAIN_KEY, FREE_MEMORY, is_expression=True)
        except NoReply:
            raise NotRun from None
        free = decode(reply.replied.payload)
        if not isinstance(free, int):
            raise ValueError(f"an unexpected answer: {reprlib.repr(free)}")  # noqa: TRY004  # of a board
        self.capabilities = attrs.evolve(self.capabilities, max_code_bytes=free // _LINE_SHARE)

    async def _run_unanswered(self, line: str) -> None:
        """Runs a line that does not reply: there is no core yet to do so."""
        with contextlib.suppress(NoReply):
            await self.connection.run(1, line)

    @property
    def serial(self) -> int:
        """A number that is higher after every call."""
        return self._number

    def run(
        self, key: int, code: str, *, is_expression: bool, hear: Hear | None = None
    ) -> Awaitable[Reply]:
        """Runs code in the namespace ``key``; raises, and tells ``hear``, as ``Connection.run``.

        In the resident loop it goes out at once; what is returned waits for the reply, and has to
        be awaited. What was damaged on its way did not run, so it is sent again.
        """
        # What an expression prints is heard, and then only the newest of it goes to the background.
        self.connection.keeps_all = hear is None or not is_expression
        begun: Awaitable[Reply] | None = None
        if self.connection.is_resident:
            number = self._take_number()
            begun = self.connection.request(
                number, key, code, is_expression=is_expression, hear=hear
            )
        return self._finish(begun, key, code, hear, is_expression=is_expression)

    async def _finish(
        self,
        begun: Awaitable[Reply] | None,
        key: int,
        code: str,
        hear: Hear | None,
        *,
        is_expression: bool,
    ) -> Reply:
        for _ in range(_TRIES - 1):
            try:  # no context manager: every call comes this way
                return await (begun or self._run_once(key, code, hear, is_expression=is_expression))
            except NotRun:
                begun = None
        return await self._run_once(key, code, hear, is_expression=is_expression)

    async def _run_once(
        self, key: int, code: str, hear: Hear | None, *, is_expression: bool
    ) -> Reply:
        connection = self.connection
        if self.may_reside and not connection.is_resident:
            await self._enter()
        if not connection.is_resident:
            return await self._run_by_raw(key, code, hear, is_expression=is_expression)
        number = self._take_number()
        return await connection.request(number, key, code, is_expression=is_expression, hear=hear)

    async def put(self, key: int, name: str, data: bytes) -> Reply:
        """Has the board keep bytes as a ``bytearray`` under a name; raises as ``run``.

        In the resident loop they go as they are; else as literals in calls, part by part.
        """
        if self.may_reside and not self.connection.is_resident:
            await self._enter()
        if self.connection.is_resident:
            await self.ensure_namespace(key)
            return await self.connection.send_block(self._take_number(), key, name, data)
        reply = await self.run(key, f"{name}=bytearray()", is_expression=False)
        size = _PART if self.capabilities.max_code_bytes is None else _SMALL_PART
        for start in range(0, len(data), size):
            if reply.replied.kind is not ReplyKind.VALUE:
                break
            part = data[start : start + size]
            reply = await self.run(key, f"{name}.extend({part!r})", is_expression=False)
        return reply

    async def _run_by_raw(
        self, key: int, code: str, hear: Hear | None, *, is_expression: bool
    ) -> Reply:
        number = self._take_number()
        source = call_source(number, key, code, is_expression=is_expression)
        return await self._run_source(number, source, hear)

    def _take_number(self) -> int:
        number, self._number = self._number, self._number + 1
        return number

    async def _enter(self) -> None:
        """Starts the resident loop."""
        number = self._take_number()
        source = call_source(number, CORE_KEY, f"resident({number})", is_expression=True)
        reply = await self.connection.enter(number, source)
        self.may_reside = reply.replied.kind is ReplyKind.VALUE

    async def _run_source(self, number: int, source: str, hear: Hear | None = None) -> Reply:
        try:
            return await self.connection.run(number, source, hear)
        except NoReply as error:
            if self.connection.is_unguarded and _was_damaged(error.tail):
                raise NotRun from None
            raise

    async def run_helper(self, helper: Helper, call: str) -> Reply:
        """Evaluates a call of a helper, which is sent before if the board does not have it."""
        refused = await self._send_helper(helper)
        return refused or await self.run(CORE_KEY, call, is_expression=True)

    async def prepare_drop(self) -> None:
        """Sends what drops namespaces, if the board may be small: later it may have no room.

        If there is no room now either, ``run_helper`` will say so.
        """
        if self.connection.is_unguarded:
            with contextlib.suppress(NoReply):
                await self._send_helper(Helper.DROP)

    async def _send_helper(self, helper: Helper) -> Reply | None:
        """Sends a helper that the board does not have; the reply if it cannot take it."""
        if helper not in self._helpers:
            source = helper_source(helper, has_modules=await self._has_modules())
            reply = await self.run(CORE_KEY, source, is_expression=False)
            if reply.replied.kind is not ReplyKind.VALUE:
                return reply
            self._helpers = (*self._helpers, helper)
        return None

    async def _has_modules(self) -> bool:
        """Whether the board has a ``sys.modules``; asked only of one that may be small."""
        if not self.connection.is_unguarded:
            return True
        reply = await self.run(CORE_KEY, _HAS_MODULES, is_expression=True)
        return reply.replied.payload == b"True"

    async def ensure_namespace(self, key: int) -> None:
        """Makes the namespace ``key``, if no call has done so."""
        await self.run(key, _NOTHING, is_expression=True)

    async def run_detection(self) -> tuple[Reply, Reply | None]:
        """Has the board tell what it has, and then, if it is a small one, its memory.

        Raises:
            TooSlow: it has not answered in time, and may still be at it.
        """
        return await limited(self._run_detection(), self.detect_limit)

    async def _run_detection(self) -> tuple[Reply, Reply | None]:
        if not self.connection.is_unguarded:
            return await self.run(CORE_KEY, at_once(*DETECT_SOURCES), is_expression=True), None
        # A small board has no memory for both at once, nor for the longest line, which the raw REPL
        # keeps until it is left: what comes to stay meanwhile would lie behind it. And its memory
        # is not that which is free while it runs all this.
        statements, expression = DETECT_SOURCES
        await self.run(CORE_KEY, IMPORTS_SOURCE, is_expression=True)
        await self.connection.synchronise(by_friendly=True)
        reply = await self.run(CORE_KEY, statements, is_expression=False)
        await self.connection.synchronise(by_friendly=True)
        if reply.replied.kind is ReplyKind.VALUE:
            reply = await self.run(CORE_KEY, expression, is_expression=True)
        await self.connection.synchronise(by_friendly=True)
        return reply, await self.run(MAIN_KEY, _MEASURE, is_expression=True)

    async def recover(self) -> bool:
        """Ends whatever runs. May wait for ever.

        Returns:
            Whether the board still has our core, and so everything else, too.
        """
        await self.connection.interrupt()
        while True:
            try:
                await self.connection.synchronise()
                if await self.is_intact():
                    return True
                # An interrupt can leave a heap locked; the friendly prompt unlocks it.
                await self.connection.synchronise(by_friendly=True)
                return await self.is_intact()
            except BoardRestarted:
                continue

    async def is_intact(self) -> bool:
        """Whether our core answers. The board must be at its prompt."""
        try:
            await self.run(MAIN_KEY, _NOTHING, is_expression=True)
        except (NoReply, NotRun, TooMuchOutput):
            return False
        return True


def _was_damaged(tail: bytes) -> bool:
    """Whether the raw REPL could not read a line; an error in a call's code has its own reply."""
    last = tail.removesuffix(b"\x04>").rstrip().rpartition(b"\n")[2]
    is_first = tail.startswith(b"\x04Traceback")
    return is_first and last.startswith((b"SyntaxError", b"IndentationError"))
