"""Names that boards have without anybody binding them."""

import builtins

# Of an interactive Python alone.
_OF_SITE = {"copyright", "credits", "exit", "license", "quit", "_"}

BOARD_BUILTINS = frozenset({*dir(builtins), "const"} - _OF_SITE)
"""Python's own, and MicroPython's; a small board may not have all of them."""
