r"""The friendly prompt: a line editor with echo, continuation lines and paste mode.

It matters to a host because of what it does to control characters: on an empty line they change
the mode, behind half a line they only move the cursor.

Written after ``shared/readline/readline.c`` and ``py/repl.c``; without history and completion.
"""

import re

from belay_actors.testing._fake._console import Console

_CTRL_A, _CTRL_B, _CTRL_C, _CTRL_D, _CTRL_E, _CTRL_F = (bytes([code]) for code in range(1, 7))
_MODES = (_CTRL_A, _CTRL_B, _CTRL_C, _CTRL_D, _CTRL_E)
_ENTER, _ESCAPE, _SPACE = b"\r", b"\x1b", b" "
_BACKSPACES = (b"\x08", b"\x7f")
_LAST_OF_SEQUENCE = re.compile(rb"[A-Za-z~]")
_INDENT = 4
_NEAR = 4  # columns that the cursor goes back by backspaces

_PASTE_MODE = b"\r\npaste mode; Ctrl-C to cancel, Ctrl-D to finish\r\n=== "

_COMPOUND = re.compile(rb"@|(?:if|while|for|try|with|def|class|async)\b")
_TEXTS = re.compile(
    rb"'''(?:\\.|.)*?(?P<end3>'''|\Z)|\"\"\"(?:\\.|.)*?(?P<end4>\"\"\"|\Z)"
    rb"|'(?:\\.|[^'\\])*(?P<end1>'|\Z)|\"(?:\\.|[^\"\\])*(?P<end2>\"|\Z)",
    re.DOTALL,
)


class FriendlyPrompt:
    """Reads statements from a console.

    Attributes:
        is_fresh: whether a prompt is there with nothing typed yet.
    """

    def __init__(self, console: Console) -> None:
        self.is_fresh = False
        self._console = console

    def read_statement(self) -> tuple[bytes, bytes]:
        """Prompts for one statement.

        Returns:
            The control character that was typed on an empty line, if any; and the source.
        """
        mark, source = self._read_line(b">>> ", b"")
        if mark == _CTRL_E:
            return self._read_paste()
        if mark:
            self._console.write(b"\r\n")
            return mark, b""
        while source and _wants_more(source):
            mark, source = self._read_line(b"... ", source + b"\n")
            if mark == _CTRL_C:
                self._console.write(b"\r\n")
                return mark, b""
            if mark == _CTRL_D:
                break
        return b"", source

    def _read_key(self) -> bytes:
        key = self._console.read_byte()
        return _ENTER if key == b"\n" else key

    def _read_paste(self) -> tuple[bytes, bytes]:
        self._console.write(_PASTE_MODE)
        source = b""
        while True:
            typed = self._read_key()
            if typed in (_CTRL_C, _CTRL_D):
                self._console.write(b"\r\n")
                return (b"", source) if typed == _CTRL_D else (typed, b"")
            source += typed
            self._console.write(b"\r\n=== " if typed == _ENTER else typed)

    def _read_line(self, prompt: bytes, before: bytes) -> tuple[bytes, bytes]:
        """Returns the control character that ended the line, if any; and all lines so far."""
        self._console.write(prompt)
        line = _Line(self._console, before)
        self.is_fresh = not before
        try:
            while True:
                key = self._read_key()
                self.is_fresh = False
                if key == _CTRL_C or (key in _MODES and line.is_empty):
                    return key, line.text
                if key == _ENTER:
                    self._console.write(b"\r\n")
                    return b"", line.text
                self._press(line, key)
                line.is_new = False
        finally:
            self.is_fresh = False

    def _press(self, line: "_Line", key: bytes) -> None:
        if key in _BACKSPACES:
            line.erase_back()
        elif key == _CTRL_D:
            line.erase()
        elif key == _CTRL_A:
            line.move(-line.cursor)
        elif key == _CTRL_B:
            line.move(-1)
        elif key == _CTRL_E:
            line.move(len(line.text))
        elif key == _CTRL_F:
            line.move(1)
        elif key == _ESCAPE:  # of a key that is not supported
            while not _LAST_OF_SEQUENCE.match(self._read_key()):
                pass
        elif key >= b" ":
            line.insert(key)


class _Line:
    """A line that is being edited, behind those that came ``before``."""

    def __init__(self, console: Console, before: bytes) -> None:
        self.is_new = True
        self._console = console
        self._before = before
        self._typed = _SPACE * _find_indent(before)
        self.cursor = len(self._typed)
        console.write(self._typed)

    @property
    def is_empty(self) -> bool:
        return not self._typed

    @property
    def text(self) -> bytes:
        return self._before + self._typed

    def insert(self, key: bytes) -> None:
        if self.is_new and self._typed and key == _SPACE:
            self._undo_indent()
            return
        self._typed = self._typed[: self.cursor] + key + self._typed[self.cursor :]
        self._console.write(self._typed[self.cursor :])
        self.cursor += 1
        self._step_back(len(self._typed) - self.cursor)

    def _undo_indent(self) -> None:
        """A space in front of all is the first of an indent that somebody else makes."""
        self._typed = self._typed[:-_INDENT] + _SPACE
        self.cursor = len(self._typed)
        self._step_back(_INDENT - 1)

    def erase_back(self) -> None:
        left = self._typed[: self.cursor]
        count = _INDENT if len(left) >= _INDENT and not left.strip(b" ") else 1
        if left:
            self.move(-count)
            self.erase(count)

    def erase(self, count: int = 1) -> None:
        """Erases at the cursor."""
        if self.cursor < len(self._typed):
            rest = self._typed[self.cursor + count :]
            self._typed = self._typed[: self.cursor] + rest
            self._console.write(b"\x1b[K" + rest)
            self._step_back(len(rest))

    def move(self, columns: int) -> None:
        """Moves the cursor, as far as there is something."""
        target = min(max(self.cursor + columns, 0), len(self._typed))
        if target < self.cursor:
            self._step_back(self.cursor - target)
        else:
            self._console.write(self._typed[self.cursor : target])
        self.cursor = target

    def _step_back(self, columns: int) -> None:
        self._console.write(
            b"\x08" * columns if columns <= _NEAR else b"\x1b[%dD" % columns,
        )


def _find_indent(before: bytes) -> int:
    """Columns that a new line starts with, from the lines before it."""
    lines = before.split(b"\n")[:-1]
    if not lines:
        return 0
    last = lines[-1]
    if len(lines) > 2 and not last.strip(b" ") and not lines[-2].strip(b" "):  # noqa: PLR2004
        return 0
    depth = (len(last) - len(last.lstrip(b" "))) // _INDENT
    return (depth + last.endswith(b":")) * _INDENT


def _wants_more(source: bytes) -> bool:
    """Whether a statement goes on in the next line."""
    is_open = False
    for text in _TEXTS.finditer(source):
        is_open = not text[text.lastgroup or 0]
        if is_open and text[0][:3] in (b"'''", b'"""'):
            return True
    if not is_open:
        code = _TEXTS.sub(b"", source).decode("latin-1")
        if any(code.count(left) > code.count(right) for left, right in ("()", "[]", "{}")):
            return True
    is_compound = _COMPOUND.match(source) is not None
    return source.endswith(b"\\") or (is_compound and not source.endswith(b"\n"))
