"""What a session's namespace must hold, known on the host by keeping account of what was sent.

An assignment whose call was cancelled may or may not have happened, so a name has a set of values
that it may have; the next look at it tells which.
"""

import itertools

import attrs


class WrongReply(Exception):  # noqa: N818  # it is the finding, not a failure of the soak
    """A reply that is not the one that this call had to get."""


class Absent:
    """The value of a name that is not there."""

    def __repr__(self) -> str:
        return "no such name"


ABSENT = Absent()


def expect(seen: object, wanted: object, what: str) -> None:
    """Compares a reply with the only one that is right.

    Raises:
        WrongReply: they differ.
    """
    if type(seen) is not type(wanted) or seen != wanted:
        raise WrongReply(f"{what} gave {_short(seen)} instead of {_short(wanted)}")


@attrs.define
class Model:
    """The names of one session, and what each may hold.

    Args:
        owner: in every token, so that no two sessions ever use the same.
    """

    owner: str
    _names: dict[str, list[object]] = attrs.field(factory=dict[str, list[object]])
    _numbers: "itertools.count[int]" = attrs.field(factory=itertools.count)

    def make_token(self) -> str:
        """Returns a text that nobody else in this soak has, and this session only once."""
        return f"{self.owner}/{next(self._numbers)}"

    def begin(self, name: str, value: object) -> None:
        """An assignment is about to be sent: from now on the name may hold the value."""
        self._names.setdefault(name, [ABSENT]).append(value)

    def settle(self, name: str, value: object) -> None:
        """An assignment has returned: the name holds the value."""
        self._names[name] = [value]

    def look(self, name: str, seen: object) -> None:
        """Checks a look at a name, which now holds what was seen.

        Raises:
            WrongReply: the name must not hold that.
        """
        allowed = self._names.get(name, [ABSENT])
        if not any(type(seen) is type(each) and seen == each for each in allowed):
            choice = " or ".join(map(_short, allowed))
            raise WrongReply(f"{name} holds {_short(seen)} instead of {choice}")
        self._names[name] = [seen]

    def possible(self, name: str) -> list[object]:
        """What the name may hold."""
        return self._names.get(name, [ABSENT])


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 200 else f"{text[:90]}…{text[-90:]} ({len(text)} characters)"
