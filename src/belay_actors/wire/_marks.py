"""The raw REPL's own marks: by which bytes each state is left, and where they are.

A mark means something only in the state that waits for it; everywhere else the same bytes are text.
Frames and banners are looked for in every state.
"""

import re

from belay_actors.wire._banner import (
    LONGEST_BANNER,
    find_answers,
    find_banner,
    find_broken_off,
)
from belay_actors.wire._states import IN_PROGRAM, State

END_OF_TEXT = b"\x04"
PROMPT = b">"

MARKS: dict[State, re.Pattern[bytes]] = {
    State.SENT: re.compile(rb"OK"),
    State.REPLIED: re.compile(END_OF_TEXT),
    State.CLOSING: re.compile(END_OF_TEXT),
    State.PROMPTING: re.compile(PROMPT),
    State.OPENING: re.compile(rb"R(?:\x00|\x01..)", re.DOTALL),
    State.SENDING: re.compile(rb"\x01+|\x04"),
}

# The beginnings of marks that are longer than a byte, at the end of what has come.
BROKEN_OFF: dict[State, re.Pattern[bytes]] = {
    State.SENT: re.compile(rb"O\Z"),
    State.OPENING: re.compile(rb"R(?:\x01.?)?\Z", re.DOTALL),
}


def find_mark(state: State, data: bytes, start: int, stop: int) -> tuple[int, int] | None:
    """Returns start and end of the first mark or banner between two positions."""
    if state in IN_PROGRAM:
        return None
    pattern = MARKS.get(state)
    mark = pattern.search(data, start, stop) if pattern is not None else None
    if mark is None:
        return find_banner(data, start, stop)
    if mark.start() == start:
        return mark.span()
    banner = find_banner(data, start, min(stop, mark.start() + LONGEST_BANNER))
    return banner if banner is not None and banner[0] < mark.start() else mark.span()


def find_begun_answer(state: State, data: bytes, start: int, stop: int) -> int:
    """Returns where an answer to raw-paste begins that a thread's frame has been written into.

    Args:
        state: of the machine.
        data: what the board has said.
        start: from where on it is looked for.
        stop: where the frame begins; it is returned if there is no such answer before.
    """
    pattern = BROKEN_OFF[State.OPENING]
    mark = pattern.search(data[:stop], start) if state is State.OPENING else None
    return stop if mark is None else mark.start()


def find_end_of_text(state: State, data: bytes, start: int, owed: int) -> int:
    """Returns where text ends that is surely text: what follows may yet become a mark.

    Args:
        state: of the machine.
        data: what the board has said.
        start: of the text.
        owed: how many answers to questions may still come.
    """
    if state in IN_PROGRAM:
        return find_answers(data, start, owed)
    end = find_broken_off(data, start, len(data))
    pattern = BROKEN_OFF.get(state)
    mark = pattern.search(data, start) if pattern is not None else None
    return end if mark is None else min(end, mark.start())
