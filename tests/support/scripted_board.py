"""A board in memory that keeps to the protocol, until a test overrides a part of it.

It runs nothing: it knows the few programs that the library sends, the resident loop among them, and
answers them. What a test
overrides is what an attacker would change. Bytes take time, so that time passes on a clock that
jumps while a board talks without end.
"""

import ast
import re
from collections.abc import Callable

import trio

from belay_actors.transport import Link, LinkEnd, Transport

RAW_BANNER = b"raw REPL; CTRL-B to exit\r\n>"
FRIENDLY_BANNER = b'MicroPython v1.29\r\nType "help()" for more information.\r\n>>> '
SOFT_REBOOT = b"MPY: soft reboot\r\n"
END = b"\x04\x04>"

_RATE = 50_000  # bytes a second
_READ = 1000  # bytes
_FOR_EVER = 3600.0  # seconds; then a test has failed, but does not hang
_PASTE = b"\x05A\x01"
_TOKEN = re.compile(rb"(?:probe|__b)\('(\w{4})'")
_CALL = re.compile(rb"__b\((\d+),(-?\d+),(b'.*'|b\".*\"),\d+(?:,exec)?\)\Z", re.DOTALL)
_BLOCK = 64  # bytes of a request to the resident loop
_PROBED = b"('micropython', (1, 29, 0), 'rp2', 'a board', False, [1, 1, 0])"


class ScriptedBoard:
    """A board at its raw prompt.

    Attributes:
        is_lossless: as of a link.
        is_deaf: it reads nothing more, so that sending blocks.
        is_gone: the link has ended.
        can_restart: as of a link.
        token: of the frames, once the board has heard it.
        noise: what it writes, again and again, when it has nothing else to write.
        heard: bytes that have been sent to it.
    """

    is_lossless = True
    can_restart = False
    noise = b""

    def __init__(self) -> None:
        self.is_deaf = False
        self.is_gone = False
        self.token = "none"
        self.heard = 0
        self._line = bytearray()
        self._is_pasting = False
        self._is_resident = False
        self._says = bytearray()

    def frame(self, kind: str, key: int, payload: bytes = b"", *, token: str = "") -> bytes:
        """A frame as the core writes it; a program on the board can do so, too."""
        check = sum(payload, ord(kind))
        head = f"\x1e{token or self.token}{kind}{key};{len(payload)};{check};"
        return head.encode() + payload + b"\x1f"

    def say(self, data: bytes) -> None:
        """Writes to the host."""
        self._says += data

    def hear(self, data: bytes) -> None:
        """Reads what the host has sent."""
        self.heard += len(data)
        for byte in data:
            self._line.append(byte)
            if self._is_resident and byte != 0x03:
                self._serve()
            elif self._line.endswith(_PASTE):
                self._line.clear()
                self._is_pasting = True
                self.say(self.on_paste())
            elif byte == 0x04:
                self._execute()
            elif byte in b"\x01\x02\x03":
                self._line.clear()
                self._is_pasting = self._is_resident = False
                self.say({1: self.on_question, 2: self.on_leaving, 3: self.on_interrupt}[byte]())

    def take(self) -> bytes:
        """The next bytes for the host; none if the board is silent."""
        if not self._says:
            self._says += self.noise * (_READ // max(len(self.noise), 1))
        data = bytes(self._says[:_READ])
        del self._says[:_READ]
        return data

    @property
    def is_silent(self) -> bool:
        """Whether it has nothing to say until it hears something."""
        return not self._says and not self.noise

    def _serve(self) -> None:
        """As the resident loop does, once there is a whole request."""
        if len(self._line) < _BLOCK:
            return
        kind, number, _, size, _, code = bytes(self._line).split(b" ", 5)
        if len(code) < int(size):
            return
        self._line.clear()
        if kind == b"q":
            self._is_resident = False
            self.say(END)
        elif kind == b"?":
            self.say(self.frame("Q", 0))
        else:
            self.say(self.on_call(int(number), code[: int(size)].decode()).removesuffix(END))

    def _execute(self) -> None:
        source = bytes(self._line[:-1])
        self._line.clear()
        is_pasted, self._is_pasting = self._is_pasting, False
        if source or is_pasted:
            self.say((b"\x04" if is_pasted else b"OK") + self.on_source(source))

    def on_source(self, source: bytes) -> bytes:
        """A program has come; returns what it prints, with the end of it."""
        token = _TOKEN.search(source)
        if token is not None:
            self.token = token[1].decode()
        if b"def probe" in source:
            return b"\r\n" + self.on_probe()
        call = _CALL.search(source)
        if call is None:
            return END
        code = ast.literal_eval(call[3].decode()).decode().rstrip("# ")
        if code.startswith("resident("):
            self._is_resident = True
            return self.frame("V", int(call[1]), b"None")
        return self.on_call(int(call[1]), code)

    # What tests override.

    def on_question(self) -> bytes:
        """A Ctrl-A has come."""
        return RAW_BANNER

    def on_leaving(self) -> bytes:
        """A Ctrl-B has come."""
        return FRIENDLY_BANNER

    def on_interrupt(self) -> bytes:
        """A Ctrl-C has come."""
        return b""

    def on_paste(self) -> bytes:
        """The host asks for raw-paste mode."""
        return b"R\x01\xff\xff\x01"

    def on_probe(self) -> bytes:
        """The probe runs; returns what the board writes, with the end of it."""
        return self.frame("V", 0, _PROBED) + END

    def on_call(self, number: int, code: str) -> bytes:
        """A call runs; returns what the board writes, with the end of it."""
        return self.reply(number, b"42" if code != "0" else b"0")

    def reply(self, number: int, payload: bytes) -> bytes:
        """The right reply."""
        return self.frame("V", number, payload) + END


class ScriptedLink(Link):
    """The stream to such a board."""

    def __init__(self, board: ScriptedBoard) -> None:
        self.name = "scripted"
        self.board = board
        self.is_lossless = board.is_lossless
        self.is_closed = False
        self._something = trio.Event()

    def wake(self) -> None:
        """Looks again whether the board has something to say."""
        self._something.set()
        self._something = trio.Event()

    def _check_open(self) -> None:
        if self.is_closed:
            raise trio.ClosedResourceError

    def send_nowait(self, data: bytes) -> int:
        self._check_open()
        if self.board.is_deaf:
            return 0
        self.board.hear(data)
        self.wake()
        return len(data)

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await trio.lowlevel.checkpoint()
        if not self.send_nowait(bytes(data)) and data:
            await trio.sleep(_FOR_EVER)
            raise trio.BrokenResourceError

    async def wait_send_all_might_not_block(self) -> None:
        await trio.lowlevel.checkpoint()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        self._check_open()
        while self.board.is_silent and not self.board.is_gone:
            await self._something.wait()
            self._check_open()
        if self.board.is_gone:
            await trio.lowlevel.checkpoint()
            return b""
        await trio.sleep(_READ / _RATE)
        return self.board.take()

    async def interrupt(self) -> bool:
        await trio.lowlevel.checkpoint()
        return False

    async def restart(self) -> bool:
        await trio.lowlevel.checkpoint()
        self.board.is_gone = self.board.is_gone or self.board.can_restart
        self.wake()
        return self.board.can_restart

    async def find_end(self) -> LinkEnd:
        await trio.lowlevel.checkpoint()
        return LinkEnd("the scripted board is gone", is_restart=self.board.can_restart)

    async def aclose(self) -> None:
        self.is_closed = True
        self.wake()
        await trio.lowlevel.checkpoint()


class ScriptedTransport(Transport):
    """The place of a board, which is made anew for every link.

    Attributes:
        links: all that were opened.
    """

    url = "scripted:"

    def __init__(self, make_board: Callable[[], ScriptedBoard]) -> None:
        self._make_board = make_board
        self.links: list[ScriptedLink] = []

    async def connect(self) -> ScriptedLink:
        await trio.lowlevel.checkpoint()
        self.links.append(ScriptedLink(self._make_board()))
        return self.links[-1]

    @property
    def board(self) -> ScriptedBoard:
        """The newest board."""
        return self.links[-1].board
