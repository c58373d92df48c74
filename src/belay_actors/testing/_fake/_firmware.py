r"""The firmware: raw REPL, raw-paste and soft reset, byte for byte as MicroPython speaks them.

Written after ``shared/runtime/pyexec.c``, as blocking code that runs on the processor. What differs
between firmwares can be chosen: the window of raw-paste, whether there is such a thing at all, and
how long a source may be.
"""

import re
from collections.abc import Callable
from typing import Literal

from belay_actors.testing._fake._console import Console
from belay_actors.testing._fake._friendly import FriendlyPrompt
from belay_actors.testing._fake._interpreter import Interpreter
from belay_actors.testing._fake._modules import MACHINE, VERSION
from belay_actors.testing._fake._processor import PowerOff, Processor

Prompt = Literal["friendly", "raw"]

_CTRL_A, _CTRL_B, _CTRL_C, _CTRL_D, _CTRL_E = (bytes([code]) for code in range(1, 6))
_RAW_MARKS = re.compile(rb"[\x01-\x04]")
_PASTE_ENDS = re.compile(rb"[\x03\x04]")
_PASTE_REQUEST = 2  # bytes before the Ctrl-A: a Ctrl-E, and a letter

_BANNER = (
    f"MicroPython v{'.'.join(map(str, VERSION))} on 2025-08-09; {MACHINE}\r\n"
    'Type "help()" for more information.\r\n'
).encode()
_RAW_BANNER = b"raw REPL; CTRL-B to exit\r\n"
_SOFT_REBOOT = b"MPY: soft reboot\r\n"


class Firmware:
    """The program that a board runs from its start on.

    Args:
        processor: that it runs on.
        console: that it talks to.
        start_interpreter: makes a new one, for every start.
        paste_window: bytes; 0 if raw-paste is refused, ``None`` if it is not known.
        max_source: bytes of source that there is memory for, or ``None``.

    Attributes:
        interpreter: of this life.
        prompt: where the board is, or will be when its program has ended.
        is_running: whether it runs a program.
        has_dead_raw_paste: whether raw-paste answers its handshake, and then nothing any more.
    """

    interpreter: Interpreter

    def __init__(
        self,
        processor: Processor,
        console: Console,
        start_interpreter: Callable[[], Interpreter],
        *,
        paste_window: int | None,
        max_source: int | None,
    ) -> None:
        self.prompt: Prompt = "friendly"
        self.is_running = False
        self.has_dead_raw_paste = False
        self._processor = processor
        self._console = console
        self._friendly = FriendlyPrompt(console)
        self._start_interpreter = start_interpreter
        self._paste_window = paste_window
        self._max_source = max_source
        self._repls = {"friendly": self._friendly_repl, "raw": self._raw_repl}

    @property
    def is_at_friendly_prompt(self) -> bool:
        """Whether a friendly prompt is there with nothing typed yet."""
        return self._friendly.is_fresh

    def run(self) -> None:
        """Runs from a hard start until the board is switched off."""
        self.prompt = "friendly"
        self.interpreter = self._start_interpreter()
        while True:
            is_reset = self._repls[self.prompt]()
            if is_reset:
                self._console.write(_SOFT_REBOOT)
                self.interpreter = self._start_interpreter()

    # Each REPL returns whether it was left for a soft reset; else the prompt has changed.

    def _friendly_repl(self) -> bool:
        self._console.write(_BANNER)
        while True:
            mark, source = self._friendly.read_statement()
            if mark == _CTRL_A:
                self.prompt = "raw"
                return False
            if mark == _CTRL_B:
                return False
            if mark == _CTRL_D or (source and self._execute(source, is_raw=False)):
                return True

    def _raw_repl(self) -> bool:
        self._console.write(_RAW_BANNER)
        self._console.write(b">")
        line = b""
        while True:
            text, mark = self._console.read_until(_RAW_MARKS)
            line += text
            if mark == _CTRL_B:
                self._console.write(b"\r\n")
                self.prompt = "friendly"
                return False
            if mark and self._obey(mark, line):
                return True
            if mark:
                line = b""

    def _obey(self, mark: bytes, line: bytes) -> bool:
        """Does what a control character says. Returns whether to reset."""
        if mark == _CTRL_C:
            return False
        is_reset = False
        if mark == _CTRL_D:
            self._console.write(b"OK")
            if not line:
                self._console.write(b"\r\n")
                return True
            is_reset = self._execute(line)
        elif self._is_paste_request(line):
            is_reset = self._raw_paste(line[1:])
        else:
            self._console.write(_RAW_BANNER)
        if not is_reset:
            self._console.write(b">")
        return is_reset

    # Raw-paste.

    def _is_paste_request(self, line: bytes) -> bool:
        is_request = len(line) == _PASTE_REQUEST and line.startswith(_CTRL_E)
        return is_request and self._paste_window is not None

    def _raw_paste(self, kind: bytes) -> bool:
        if kind != b"A" or not self._paste_window:
            self._console.write(b"R\x00")
            return False
        self._console.write(b"R\x01")
        self._console.write(self._paste_window.to_bytes(2, "little") + b"\x01")
        while self.has_dead_raw_paste:
            self._console.read_byte()
        source = self._read_paste(self._paste_window)
        return self._execute(source)

    def _read_paste(self, window: int) -> bytes | BaseException:
        """Takes in a source window by window. Returns what went wrong if it did."""
        source, free = b"", window
        while True:
            text, mark = self._console.read_until(_PASTE_ENDS, free)
            source += text
            free -= len(text)
            if mark:
                self._console.write(_CTRL_D)
                return source if mark == _CTRL_D else KeyboardInterrupt()
            if self._is_too_long(source):
                return self._refuse_rest()
            if free == 0:
                self._console.write(_CTRL_A)
                free = window

    def _refuse_rest(self) -> MemoryError:
        """Takes no more, and waits until the host has noticed."""
        self._console.write(_CTRL_D)
        while not self._console.read_until(_PASTE_ENDS)[1]:
            pass
        return self._no_memory()

    def _is_too_long(self, source: bytes) -> bool:
        return self._max_source is not None and len(source) > self._max_source

    def _no_memory(self) -> MemoryError:
        return MemoryError(f"memory allocation failed, allocating {self._max_source} bytes")

    # Running.

    def _execute(self, source: bytes | BaseException, *, is_raw: bool = True) -> bool:
        """Runs a source. Returns whether it asks for a soft reset."""
        end = _CTRL_D if is_raw else b""
        error = self._run(source, is_raw=is_raw)
        is_exit = isinstance(error, SystemExit)
        self._console.write(end)
        if error is not None and not is_exit:
            self._console.print(self.interpreter.format_error(error))
        self._console.write(end)
        return is_exit

    def _run(self, source: bytes | BaseException, *, is_raw: bool) -> BaseException | None:
        """Runs a source. Returns the error that it ends with."""
        if isinstance(source, BaseException):
            return source
        self.is_running = True
        try:
            self._processor.sleep(0)  # a Ctrl-C that comes in this moment is lost
            if self._is_too_long(source):
                return self._no_memory()
            self._console.begin_program()
            text = source.decode("utf-8", "replace")
            self.interpreter.run(text, "exec" if is_raw else "prompt")
        except PowerOff:
            raise
        except BaseException as error:  # noqa: ASYNC103  # whatever a program may raise
            return error  # noqa: ASYNC104
        finally:
            self._console.end_program()
            self.is_running = False
        return None
