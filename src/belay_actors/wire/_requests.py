r"""Requests to the resident loop: what a host sends to a board that listens without a prompt.

    KIND NUMBER KEY LENGTH SUM CODE

The first 64 bytes are one block, filled up with spaces; a longer code goes on behind it, and ends
after ``LENGTH`` bytes. So a board needs one read for a short request, and two for a long one, and
knows before each how much to read. ``SUM`` is that of the code's bytes and the key, as in a call by
the raw REPL.

======  ==========================================================
Letter  Meaning
======  ==========================================================
``e``   evaluate the code
``x``   execute it
``E``   evaluate the code, in which characters are escaped
``X``   execute it
``b``   take a block of ``SUM`` bytes, to be kept under the name that is in place of the code
``?``   say that you are there
``q``   leave the loop
======  ==========================================================

A request has none of the characters that mean something to a REPL, from Ctrl-A to Ctrl-E, and no
end of a line: a Ctrl-C would interrupt, and at a friendly prompt, where the board may be since it
was reset, each line of the code would run. Where the code has, they are escaped: ``\x1b`` comes
before each, and 64 is added; ``\x1b`` itself is ``\x1b[``. The block of the question is the
exception: it ends with a carriage return and a Ctrl-A. So a prompt, should the loop have ended
unseen, answers it with the raw REPL's banner: the raw one gives up the line; the friendly one finds
an error in it (a letter and a number are no Python), and is at its beginning then, where a Ctrl-A
counts.
"""

import re

BLOCK = 64  # bytes; ``resident.py`` knows it, too
_SPECIAL = re.compile(rb"[\x00-\x05\n\r]")

LEAVE = b"q 0 0 0 0 ".ljust(BLOCK)
ASK = b"? 0 0 0 0 ".ljust(BLOCK - 2) + b"\r\x01"


def encode_request(number: int, key: int, code: str, *, is_expression: bool) -> bytes:
    """Returns what asks the loop to run code.

    Args:
        number: of the call; it comes back in the reply's frame.
        key: of the namespace.
        code: source.
        is_expression: whether it has a value.
    """
    data = code.encode()
    check = sum(data, key)
    kind = b"e" if is_expression else b"x"
    if _SPECIAL.search(data) is not None:
        kind, data = kind.upper(), _escape(data)
    return (b"%b %d %d %d %d %b" % (kind, number, key, len(data), check, data)).ljust(BLOCK)


def encode_block(number: int, key: int, name: str, size: int) -> bytes:
    """Returns what announces a block of so many bytes, to be kept in a namespace under a name.

    The board says ``Q`` when it has the memory. Then all of it must follow: nothing can interrupt
    that. It does not follow at once, because at a prompt its bytes could do anything.

    Args:
        number: of the call; it comes back in the reply's frame.
        key: of the namespace.
        name: that they get there.
        size: of the block.
    """
    data = name.encode()
    return (b"b %d %d %d %d %b" % (number, key, len(data), size, data)).ljust(BLOCK)


def read_as_a_whole(data: bytes) -> bytes:
    """Returns a line for the raw prompt that reads the code behind it, and runs that."""
    return b"exec(__import__('sys').stdin.buffer.read(%d))\x04" % len(data) + data


def _escape(data: bytes) -> bytes:
    data = data.replace(b"\x1b", b"\x1b[")
    return _SPECIAL.sub(lambda found: bytes((0x1B, 64 + found[0][0])), data)
