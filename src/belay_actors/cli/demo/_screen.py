"""The demo while it runs: events as lines, and under them, in a terminal, a live table.

The table is drawn by a task that looks at the books ten times a second; nobody tells it anything.
So the sessions' work does not know whether anybody watches, and a log has each event once.
"""

import functools
from typing import TextIO

import trio
from rich.console import Console
from rich.live import Live
from rich.text import Text

from belay_actors.cli.demo._play import play
from belay_actors.cli.demo._stage import Event, Stage
from belay_actors.cli.demo._tables import print_end, progress_table

_REDRAW_PERIOD = 0.1  # seconds


def make_console(stream: TextIO) -> Console:
    """Returns a console that writes control codes only if the stream is a terminal.

    Whatever the environment says of colours (``FORCE_COLOR``): a log is no place for them.
    """
    return Console(file=stream, force_terminal=stream.isatty())


async def show_demo(console: Console, pace: float = 1.0) -> bool:
    """Runs the demo and shows it.

    Args:
        console: to write to.
        pace: multiplies every pause of the show; below 1 is faster than a person can follow.

    Returns:
        Whether everything was given back and every check passed.

    Raises:
        ExceptionGroup: of ``BelayError``, if a board or a session cannot be opened.

    Cancellation: all sessions and boards are given back, and the terminal is left in order.
    """
    stage = Stage(functools.partial(print_event, console), pace)
    async with trio.open_nursery() as nursery:
        if console.is_terminal and not console.is_dumb_terminal:
            nursery.start_soon(draw_live, console, stage)
        await play(stage)
        nursery.cancel_scope.cancel()
    print_end(console, stage)
    return stage.is_good


def print_event(console: Console, event: Event) -> None:
    """Writes one event as a line."""
    line = Text()
    line.append(f"{event.seconds:5.2f} s  ", style="dim")
    line.append(f"{event.board:<6} ", style="cyan")
    line.append(f"{event.who:<12} ", style="bold")
    line.append(event.text)
    console.print(line, soft_wrap=not console.is_terminal, highlight=False)


async def draw_live(console: Console, stage: Stage) -> None:
    """Keeps a table of all sessions at the bottom of a terminal.

    Cancellation: the only end; the table is taken away.
    """
    with Live(console=console, auto_refresh=False, transient=True) as live:
        while True:
            live.update(progress_table(stage, console.width), refresh=True)
            await trio.sleep(_REDRAW_PERIOD)
