"""The fake board itself: what it shows, what can befall it, and its life on trio's clock."""

import math
from collections import deque
from collections.abc import Callable
from typing import cast

import trio

from belay_actors.board import CORE_NAME
from belay_actors.errors import DeviceBusyError, DeviceNotFoundError
from belay_actors.testing._fake._console import Console
from belay_actors.testing._fake._firmware import Firmware
from belay_actors.testing._fake._interpreter import Interpreter
from belay_actors.testing._fake._link import Bell, FakeLink, Pipe
from belay_actors.testing._fake._processor import Processor
from belay_actors.testing._fake._scripts import Script
from belay_actors.testing._fake._traits import Traits
from belay_actors.transport import LinkEnd, Transport
from belay_actors.values import Value

_REMEMBERED = 1000  # sources
_CORE_KEY = -1
_CORE_NAMES = frozenset(("__name__", "print"))  # which the core puts into every namespace


class FakeBoard(Transport):
    """A MicroPython board in memory, which speaks the raw REPL. Made by ``open_fake_board``.

    It is a transport, so ``open_device(board)`` opens it. Methods and attributes here are what a
    hand, a bad cable or a look inside would do to a real board; they act at once, and may be used
    from any task, also by what a program on the board calls.

    Attributes:
        url: for messages.
        starts: how often it has started, by a soft reset too; 1 when it is new.
        never_answers: whether input is swallowed, as by something that is no MicroPython.
    """

    def __init__(self, traits: Traits) -> None:
        self.url = f"fake:{traits.name}"
        self.starts = 0
        self.never_answers = False
        self._traits = traits
        self._is_plugged_in = False
        self._is_closed = False
        self._is_paused = False
        self._link: FakeLink | None = None
        self._input: Pipe | None = None
        self._bell = Bell()
        self._scripts: dict[str, Script] = {}
        self._history: deque[str] = deque(maxlen=_REMEMBERED)
        self._processor = Processor()
        self._console = Console(self._processor, traits.newline, traits.input_buffer)
        self._firmware = Firmware(
            self._processor,
            self._console,
            self._start_interpreter,
            paste_window=traits.raw_paste,
            max_source=traits.max_source,
        )

    def __repr__(self) -> str:
        return f"<FakeBoard {self.name}>"

    @property
    def name(self) -> str:
        """The name of the board, and of the devices that are opened on it."""
        return self._traits.name

    # What it is doing.

    @property
    def is_running(self) -> bool:
        """Whether a program runs on it, and does not wait for input, as the resident loop may."""
        return self._firmware.is_running and not self._processor.wait.for_input

    @property
    def is_at_friendly_prompt(self) -> bool:
        """Whether it shows its friendly prompt, and nothing has been typed there."""
        return self._firmware.is_at_friendly_prompt

    @property
    def is_connected(self) -> bool:
        """Whether a link to it is open."""
        return self._link is not None and not self._link.is_closed

    @property
    def namespaces(self) -> dict[int, frozenset[str]]:
        """The session namespaces on the board: their keys, and the names that sessions have made.

        Looked up in memory; nothing is sent, and nothing has to answer.
        """
        spaces = self._find_spaces()
        return {key: frozenset(spaces[key]) - _CORE_NAMES for key in spaces if key > 0}

    def _find_spaces(self) -> dict[int, dict[str, object]]:
        core = self._firmware.interpreter.main.get(CORE_NAME) if self._is_plugged_in else None
        for cell in getattr(core, "__closure__", None) or ():
            found: object = cell.cell_contents
            if isinstance(found, dict) and _CORE_KEY in found:
                return cast("dict[int, dict[str, object]]", found)
        return {}

    @property
    def history(self) -> tuple[str, ...]:
        """The newest 1000 sources that have run, in their order, without the calls of the core.

        What a session executes is here as it was given; so is what the library itself sends.
        """
        return tuple(self._history)

    # What it is to do.

    def script(
        self,
        code: str,
        *,
        output: str = "",
        seconds: float = 0.0,
        effect: Callable[[], object] | None = None,
        error: BaseException | None = None,
        value: Value = None,
    ) -> None:
        """Has something else happen whenever exactly this code is executed or evaluated.

        Args:
            code: as it is given to ``execute`` or ``evaluate``, in any session.
            output: is printed first.
            seconds: pass then on trio's clock, until a Ctrl-C; ``math.inf`` for ever.
            effect: is called then, such as ``board.reset``.
            error: is raised then.
            value: is what ``evaluate`` returns otherwise.
        """
        self._scripts[code] = Script(output, seconds, effect, error, value)

    # What can befall it.

    @property
    def ignored_interrupts(self) -> float:
        """How many more Ctrl-Cs do nothing to a running program; ``math.inf`` for all."""
        return self._console.ignored_interrupts

    @ignored_interrupts.setter
    def ignored_interrupts(self, count: float) -> None:
        self._console.ignored_interrupts = count

    @property
    def has_dead_raw_paste(self) -> bool:
        """Whether raw-paste answers its handshake and is then dead, as on the wasm port.

        Only a reset helps then.
        """
        return self._firmware.has_dead_raw_paste

    @has_dead_raw_paste.setter
    def has_dead_raw_paste(self, is_dead: bool) -> None:
        self._firmware.has_dead_raw_paste = is_dead

    def say(self, data: bytes) -> None:
        """Sends bytes that nobody asked for, as a boot message or a log does."""
        self._console.write(data)

    def pause(self) -> None:
        """Hangs: nothing runs or answers, and input piles up, until ``resume`` or ``reset``."""
        self._is_paused = True
        if self._processor.is_current:  # the program itself says so
            self._processor.sleep(0)

    def resume(self) -> None:
        """Goes on after ``pause``, with the input that has piled up."""
        self._is_paused = False
        self._bell.ring()

    def reset(self) -> None:
        """Starts anew, as by the button: nothing is left in memory; the link stays.

        Called by a program on the board, it does not return there.
        """
        if self._is_plugged_in:
            self._is_paused = False
            self._console.clear()
            self._processor.start(self._firmware.run)
            self._bell.ring()

    def unplug(self) -> None:
        """Takes it off its cable, which is also its power: the stream ends, and nothing is left.

        Called by a program on the board, it does not return there.
        """
        self._is_plugged_in = False
        self._is_paused = False
        self._console.clear()
        self._hang_up(LinkEnd("the board was unplugged", is_restart=False))
        self._processor.stop()

    def plug_in(self) -> None:
        """Starts it again after ``unplug``; it can be connected to at once."""
        if self._is_closed:
            raise RuntimeError(f"the scope of {self!r} has been left; open another one")
        if not self._is_plugged_in:
            self._is_plugged_in = True
            self.reset()

    # The transport.

    async def connect(self) -> FakeLink:
        """Opens a link.

        Raises:
            DeviceNotFoundError: it is unplugged.
            DeviceBusyError: it is connected already.

        Cancellation: nothing stays open.
        """
        await trio.lowlevel.checkpoint()
        if not self._is_plugged_in:
            raise DeviceNotFoundError("this fake board is not plugged in", device=self.url)
        if self.is_connected:
            raise DeviceBusyError("this fake board has a link already", device=self.url)
        inbound = Pipe(self._traits.latency, Bell())
        outbound = Pipe(self._traits.latency, self._bell)
        if self._input is not None:
            outbound.put(self._input.take())
        self._input = outbound
        self._console.output = inbound
        self._link = FakeLink(
            self.name,
            inbound,
            outbound,
            is_lossless=self._traits.is_lossless,
            restart=self._restart,
        )
        return self._link

    def _restart(self) -> bool:
        if self._traits.can_restart and self._is_plugged_in:
            self._hang_up(LinkEnd("the board had to be restarted", is_restart=True))
            self.reset()
        return self._traits.can_restart

    def _hang_up(self, end: LinkEnd) -> None:
        if self._link is not None:
            self._link.hang_up(end)
        self._link = self._input = self._console.output = None

    # Its life.

    def _start_interpreter(self) -> Interpreter:
        self.starts += 1
        return Interpreter(
            self._processor,
            self._console,
            modules=self._traits.modules,
            scripts=self._scripts,
            remember=self._remember,
        )

    def _remember(self, source: str) -> None:
        if not source.startswith(f"{CORE_NAME}("):
            self._history.append(source)

    async def serve(self) -> None:
        """Lets time pass for the board, until cancelled. For ``open_fake_board``."""
        while True:
            if self._has_work():
                await trio.lowlevel.checkpoint()
            while not self._has_work():
                await self._bell.wait(self._next_time())
            interrupt, self._console.has_interrupt = self._console.has_interrupt, False
            self._processor.resume(interrupt=interrupt)

    def close(self) -> None:
        """Unplugs it for good. For ``open_fake_board``."""
        self._is_closed = True
        self.unplug()

    def _has_work(self) -> bool:
        """Whether what runs has something to go on with. Takes in what has arrived."""
        if self._is_paused or not self._is_plugged_in:
            return False
        if self._input is not None and self._input.has_arrived:
            data = self._input.take()
            if not self.never_answers:
                self._console.arrive(data)
        wait = self._processor.wait
        is_over = wait.until <= trio.current_time()
        has_input = wait.for_input and self._console.has_input
        return is_over or has_input or self._console.has_interrupt

    def _next_time(self) -> float:
        if self._is_paused or not self._is_plugged_in:
            return math.inf
        arrival = math.inf if self._input is None else self._input.next_due
        return min(self._processor.wait.until, arrival)
