"""What is sent to a board: units, which are functions, imports and constants, as text.

A unit has two texts that do the same: one to read, and a small one for boards with little memory.
Each line of a text knows the line of the host's file that it comes from.
"""

import abc
import hashlib
from collections.abc import Callable, Sequence
from functools import cached_property

import attrs


@attrs.frozen
class BoardText:
    """One way to send a unit.

    Attributes:
        source: statements for a session's namespace, from line 1 of what is sent on.
        lines: for each line of it, the line of the host's file.
        defines: what tracebacks call the functions in it, such as ``"mean"`` and ``"<lambda>"``.
    """

    source: str
    lines: tuple[int, ...]
    defines: frozenset[str] = frozenset()


class Unit:
    """Something to deploy. Never changes; two of them are the same only if they are one object.

    Attributes:
        name: its global name on the board.
        origin: where it comes from, for messages. Two units of one name and of different origins
            cannot be on a board in one session.
        file: of the host, for tracebacks.
        full: the text to read, without annotations, docstrings and decorators.
        code_hash: SHA-256 of the name and the full text.
        wants: names that a setup, or code of the user's own, must have made in the session.
        tools: which of ``should_stop`` and ``sleep_ms`` it uses; the session must have them.
    """

    def __init__(
        self,
        *,
        name: str,
        origin: str,
        file: str,
        full: BoardText,
        make_small: Callable[[], BoardText],
        wants: frozenset[str] = frozenset(),
        tools: frozenset[str] = frozenset(),
    ) -> None:
        self.name = name
        self.origin = origin
        self.file = file
        self.full = full
        self.code_hash = hashlib.sha256(f"{name}\n{full.source}".encode()).digest()
        self.wants = wants
        self.tools = tools
        self._make_small = make_small
        self._needs: tuple[Unit, ...] = ()

    def __repr__(self) -> str:
        return f"<Unit {self.name} of {self.origin}>"

    @cached_property
    def small(self) -> BoardText:
        """The text for boards with little memory; one statement a line, as in the full one."""
        return self._make_small()

    @property
    def needs(self) -> tuple["Unit", ...]:
        """Other units that its code uses directly; they may use this one in turn."""
        return self._needs

    def connect(self, needs: Sequence["Unit"]) -> None:
        """Says what it needs; once, when all of them exist."""
        self._needs = tuple(needs)


class UnitSource(abc.ABC):
    """What units are made from: a board function, as others see it that use its name.

    Attributes:
        name: on the board.
        is_callable: whether other board functions may call it.
    """

    name: str
    is_callable: bool = True


def statement_unit(name: str, statements: str, file: str, line: int, *, origin: str) -> Unit:
    """Makes the unit of an import or a constant."""
    text = BoardText(statements, (line,) * statements.count("\n"))
    return Unit(name=name, origin=origin, file=file, full=text, make_small=lambda: text)


def closure(unit: Unit) -> tuple[Unit, ...]:
    """Returns a unit and all that it needs, each once.

    What a unit needs comes before it, except where units need each other in a circle: there the
    order does not matter, because only functions do, and these look names up when they run.
    """
    found: dict[tuple[str, str], Unit] = {}
    seen = {unit}
    path = [(unit, iter(unit.needs))]
    while path:
        current, needs = path[-1]
        needed = next(needs, None)
        if needed is None:
            found.setdefault((current.name, current.origin), current)
            path.pop()
        elif needed not in seen:
            seen.add(needed)
            path.append((needed, iter(needed.needs)))
    return tuple(found.values())
