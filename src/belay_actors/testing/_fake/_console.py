r"""The serial port as the firmware sees it: input waits in a buffer, Ctrl-C is no input.

While a program runs, a ``\x03`` that arrives is taken out and interrupts it. At any other time it
is a character like others; so one that comes just before the program starts is of no use any more,
as on real boards.
"""

import re

from belay_actors.testing._fake._link import Pipe
from belay_actors.testing._fake._processor import FOR_INPUT, Processor

_CTRL_C = 3
_BYTES_PER_TICK = 10  # 1 MB a second
_BACKLOG = 64 * 1024  # bytes that a program may be ahead of its reader
_READER_PAUSE = 0.01  # seconds until it looks again


class Console:
    """Input and output of one board.

    Args:
        processor: of the board.
        newline: what becomes of a printed line feed.
        capacity: bytes of input that are kept while nobody reads; ``None`` for all.

    Attributes:
        output: where output goes, if anywhere.
        has_program: whether a program runs that can be interrupted.
        has_interrupt: whether it is to be interrupted.
        ignored_interrupts: how many more Ctrl-Cs do nothing.
    """

    def __init__(self, processor: Processor, newline: str, capacity: int | None) -> None:
        self.output: Pipe | None = None
        self.has_program = False
        self.has_interrupt = False
        self.ignored_interrupts = 0.0
        self._processor = processor
        self._newline = newline
        self._capacity = capacity
        self._buffer = bytearray()

    @property
    def has_input(self) -> bool:
        """Whether something waits to be read."""
        return bool(self._buffer)

    def arrive(self, data: bytes) -> None:
        """Takes in what has come over the cable."""
        if self.has_program:
            data = self._take_interrupts(data)
        self._buffer += data
        if not self._processor.wait.for_input:
            self._overflow()

    def _take_interrupts(self, data: bytes) -> bytes:
        for _ in range(data.count(_CTRL_C)):
            if self.ignored_interrupts > 0:
                self.ignored_interrupts -= 1
            else:
                self.has_interrupt = True
        return data.translate(None, bytes([_CTRL_C]))

    def _overflow(self) -> None:
        if self._capacity is not None:
            del self._buffer[self._capacity :]

    def clear(self) -> None:
        """Forgets everything, as at a start."""
        self._buffer.clear()
        self.has_program = self.has_interrupt = False

    # Called by the firmware.

    def begin_program(self) -> None:
        """From now on a Ctrl-C is an interrupt."""
        self.has_program = True
        self._overflow()
        self._processor.start_slice()

    def end_program(self) -> None:
        """From now on a Ctrl-C is a character."""
        self.has_program = self.has_interrupt = False

    def read_until(self, marks: re.Pattern[bytes], most: int | None = None) -> tuple[bytes, bytes]:
        """Waits for input, and takes what is there up to and with the first mark.

        Args:
            marks: a pattern for single bytes.
            most: bytes to take; a mark behind so many is left where it is.

        Returns:
            What came before the mark, and the mark; that is empty if there was none.
        """
        while not self._buffer:
            self._processor.suspend(FOR_INPUT)
        found = marks.search(self._buffer)
        end = len(self._buffer) if found is None else found.start()
        if most is not None and end >= most:  # the mark is for the next time
            found, end = None, most
        text = bytes(self._buffer[:end])
        mark = b"" if found is None else found[0]
        del self._buffer[: end + len(mark)]
        return text, bytes(mark)

    def read_byte(self) -> bytes:
        """Waits for one byte."""
        while not self._buffer:
            self._processor.suspend(FOR_INPUT)
        return bytes([self._buffer.pop(0)])

    def read(self, size: int) -> bytes:
        """Waits for so many bytes, as a program that reads its input."""
        data = b""
        while len(data) < size:
            if not self._buffer:
                self._processor.suspend(FOR_INPUT)
            part = bytes(self._buffer[: size - len(data)])
            del self._buffer[: len(part)]
            data += part
        self._processor.start_slice()
        return data

    def read_into(self, block: bytearray) -> int:
        """Waits for as many bytes as there is room for."""
        block[:] = self.read(len(block))
        return len(block)

    def set_interrupt(self, char: int) -> None:
        """Has one character interrupt the program; only a Ctrl-C can, or with ``-1`` none."""
        self.has_program = char == _CTRL_C

    def write(self, data: bytes) -> None:
        """Sends bytes as they are."""
        if self.output is not None:
            self.output.put(data)

    def print(self, text: str) -> None:
        """Sends text of a program, which waits if its reader is far behind."""
        data = text.replace("\n", self._newline).encode("utf-8", "backslashreplace")
        self.write(data)
        if self.has_program and self._processor.is_current:
            self._processor.spend(len(data) // _BYTES_PER_TICK)
            while self._is_far_ahead():
                self._processor.sleep(_READER_PAUSE)

    def _is_far_ahead(self) -> bool:
        return self.output is not None and self.output.size > _BACKLOG
