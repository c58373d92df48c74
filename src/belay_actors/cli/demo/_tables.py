"""The demo's tables: the live one, and those at the end with the verdict."""

from collections.abc import Sequence

from rich import box
from rich.console import Console, JustifyMethod
from rich.table import Table
from rich.text import Text

from belay_actors import SessionReport
from belay_actors.cli.demo._stage import BoardEnd, Check, Progress, Stage, State

_MAX_WIDTH = 100
_TRACK = 8  # cells that the dot of a live row moves in

_STYLES = {
    State.WAITING: "dim",
    State.OPEN: "cyan",
    State.WORKING: "cyan",
    State.LOOPING: "bold yellow",
    State.CLEANING: "yellow",
    State.ENDED: "green",
    State.FAILED: "bold red",
}


def progress_table(stage: Stage, width: int) -> Table:
    """Returns the live table: a row for each session.

    Args:
        stage: the books.
        width: of the terminal, in cells.
    """
    table = _table("board", "session", "what it does", "", "state", "calls", numbers=("calls",))
    table.width = min(width - 2, _MAX_WIDTH)  # the terminal may echo a ^C after the last row
    table.columns[2].ratio = 1
    table.columns[4].min_width = max(len(state.value) for state in State)
    last_board = ""
    for row in stage.progress:
        style = _STYLES[row.state]
        table.add_row(
            row.board if row.board != last_board else "",
            row.name,
            Text(row.doing),
            Text(_track(row), style=style),
            Text(row.state.value, style=style),
            str(row.calls),
        )
        last_board = row.board
    return table


def _track(row: Progress) -> str:
    """A dot that moves with every call, so that a session that waits stands still."""
    if row.state in (State.WAITING, State.ENDED, State.FAILED):
        return ""
    place = row.calls % _TRACK
    return "." * place + "o" + "." * (_TRACK - 1 - place)


def _table(*headers: str, numbers: Sequence[str] = ()) -> Table:
    table = Table(
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        pad_edge=False,
        show_edge=False,
        header_style="bold",
    )
    for header in headers:
        justify: JustifyMethod = "right" if header in numbers else "left"
        table.add_column(header, justify=justify, no_wrap=header != "left there")
    return table


def print_end(console: Console, stage: Stage) -> None:
    """Writes the checks, what each session took and gave back, the boards, and the verdict."""
    console.print("\nWhat was checked:")
    order = [*stage.progress, None]
    for check in sorted(stage.checks, key=lambda check: order.index(check.about)):
        console.print(_check_line(check), highlight=False, soft_wrap=True)
    console.print("\nWhat each session took, and what was given back:")
    console.print(_sessions_table(stage), highlight=False)
    if stage.boards:
        console.print("\nThe boards after that:")
        console.print(_boards_table(stage), highlight=False)
    console.print()
    console.print(_verdict(stage), highlight=False, soft_wrap=True)


def _sessions_table(stage: Stage) -> Table:
    headers = ("board", "session", "calls", "names", "resources", "modules", "left there")
    table = _table(*headers, numbers=("calls", "names"))
    for row in stage.progress:
        table.add_row(row.board, row.name, *_report_cells(row))
    return table


def _report_cells(row: Progress) -> tuple[str | Text, ...]:
    report = row.report
    if report is None:
        return "", "", "", "", Text("it has not ended", style="bold red")
    left = "; ".join(map(str, report.left))
    return (
        str(report.calls),
        str(report.names_dropped),
        ", ".join(report.resources_released) or "-",
        _modules(report),
        Text(left, style="bold red") if left else Text("nothing", style="green"),
    )


def _modules(report: SessionReport) -> str:
    if report.modules_removed:
        return f"{len(report.modules_removed)} removed"
    if report.modules_left:
        return f"{len(report.modules_left)} kept for others"
    return "-"


def _boards_table(stage: Stage) -> Table:
    numbers = ("calls served", "interrupted", "generation")
    table = _table("board", "state", *numbers, "heap in use", numbers=numbers)
    for board in stage.boards:
        table.add_row(*_board_cells(board))
    return table


def _board_cells(board: BoardEnd) -> tuple[str, ...]:
    snapshot = board.snapshot
    calls = snapshot.calls
    numbers = map(str, (calls.served, calls.interrupted, snapshot.generation))
    before, after = board.heap
    return snapshot.name, snapshot.state.value, *numbers, f"{before} -> {after} bytes"


def _check_line(check: Check) -> Text:
    word, style = ("ok", "green") if check.is_kept else ("FAILED", "bold red")
    line = Text().append(f"{word:<7}", style=style)
    line.append(f"{check.about.name if check.about else '':<13}", style="bold")
    line.append(f"{check.promise:<35}")
    return line.append(check.found, style="dim" if check.is_kept else style)


def _verdict(stage: Stage) -> Text:
    total = len(stage.checks)
    if stage.is_good:
        text = f"Everything was given back, and all {total} checks passed."
        return Text(text, style="bold green")
    failed = "; ".join(map(str, stage.failed_checks)) or "nothing was checked"
    return Text(
        f"FAILED: {len(stage.failed_checks)} of {total} do not hold: {failed}", style="bold red"
    )
