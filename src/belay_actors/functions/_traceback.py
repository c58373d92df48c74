"""From a board's traceback to one with the files and lines of the host."""

import re
from collections.abc import Iterable
from typing import NamedTuple

from belay_actors.functions._unit import BoardText

_FRAME = re.compile(r'^  File "<string>", line (\d+), in (.+?)(\r?)$', re.MULTILINE)


class SentText(NamedTuple):
    """A text that a board has been sent.

    Attributes:
        file: of the host.
        text: that was sent.
    """

    file: str
    text: BoardText


def host_traceback(traceback: str, sent: Iterable[SentText]) -> str:
    """Returns a board's traceback with the places on the host, where they are known.

    A frame is known by the name of its function. Where several texts define it (functions in
    functions have no unique names), it is taken from the text of the nearest frame around it that
    does; if there is none, the frame stays as it is.

    Args:
        traceback: as the board has written it.
        sent: what the functions in it may come from.
    """
    by_name: dict[str, list[SentText]] = {}
    for candidate in sent:
        for name in candidate.text.defines:
            by_name.setdefault(name, []).append(candidate)
    around: list[SentText] = []

    def translate(frame: re.Match[str]) -> str:
        line, name = int(frame[1]), frame[2]
        candidates = [
            candidate
            for candidate in by_name.get(name, ())
            if 1 <= line <= len(candidate.text.lines)
        ]
        nearest = [place for place in reversed(around) if place in candidates]
        if not nearest and len(candidates) != 1:
            return frame[0]
        place = nearest[0] if nearest else candidates[0]
        around.append(place)
        return f'  File "{place.file}", line {place.text.lines[line - 1]}, in {name}{frame[3]}'

    return _FRAME.sub(translate, traceback)
