"""Names: what may stand in code for a board as the name of something."""

import keyword


def check_identifier(what: str, name: object) -> None:
    """Checks that a text is a name that something on a board can have.

    Args:
        what: the name is called in messages.
        name: anything.

    Raises:
        TypeError: it is no text.
        ValueError: it is no ASCII identifier, or a keyword.
    """
    if not isinstance(name, str):
        raise TypeError(f"{what} is a str, not {type(name).__name__}")
    if not (name.isascii() and name.isidentifier()) or keyword.iskeyword(name):
        raise ValueError(f"{what} is not an identifier: {name!r}")
