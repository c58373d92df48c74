"""Errors as MicroPython words and prints them, made of Python's.

The errors that programs meet most have the board's words; the others have Python's.

Source: ``py/objexcept.c``, and what the unix port prints.
"""

import errno
import re
from collections.abc import Callable
from types import TracebackType

_PLACE = "place"  # of a syntax error, in its ``vars()``: the line of the traceback
_TOO_DEEP = "maximum recursion depth exceeded"
_NOT_IN_MODULE = re.compile(r"cannot import name '(\w+)'")


class _Plain(str):
    """A key whose ``repr`` is itself: ``str(KeyError(key))`` is that, and has no quotes there."""

    __slots__ = ()
    __repr__ = str.__str__


def board_syntax_error(error: Exception, filename: str) -> SyntaxError:
    """The board's error for a source that Python could not compile."""
    place = f'  File "{filename}", line {getattr(error, "lineno", None) or 1}'
    if isinstance(error, IndentationError):
        made: SyntaxError = IndentationError("unexpected indent")
    elif "outside function" in str(error):
        made = SyntaxError(error.args[0])
        place += ", in <module>"
    else:
        made = SyntaxError("invalid syntax")
    vars(made)[_PLACE] = f"{place}\n"
    return made


def board_error(error: BaseException) -> BaseException:
    """The error as a program on a board would have caught it; changed in its place if possible."""
    match error:
        case OSError():
            _explain_errno(error)
        case ZeroDivisionError():
            error.args = ("divide by zero",)
        case UnboundLocalError():
            return NameError("local variable referenced before assignment").with_traceback(
                error.__traceback__
            )
        case NameError() if error.name is not None:
            error.args = (f"name '{error.name}' isn't defined",)
        case ImportError(args=(str(message),)) if found := _NOT_IN_MODULE.match(message):
            error.args = (f"can't import name {found[1]}",)
            error.msg = error.args[0]
        case RecursionError():
            return RuntimeError(_TOO_DEEP).with_traceback(error.__traceback__)
        case KeyError(args=(str(key),)):
            error.args = (_Plain(key),)
        case _:
            pass
    return error


def _explain_errno(error: OSError) -> None:
    match error.args:
        case (int(number), *rest) if len(rest) <= 1:
            error.errno = number
            if number in errno.errorcode:
                error.strerror = ": ".join([errno.errorcode[number], *map(str, rest)])
        case _:
            pass


def format_error(error: BaseException, is_of_board: Callable[[TracebackType], bool]) -> str:
    """The traceback as a board prints it.

    Args:
        error: as ``board_error`` gave it.
        is_of_board: whether an entry of the traceback belongs to code of the board.
    """
    lines: list[str] = []
    entry = error.__traceback__
    while entry is not None:
        if is_of_board(entry):
            code = entry.tb_frame.f_code
            lines.append(
                f'  File "{code.co_filename}", line {entry.tb_lineno}, in {code.co_name}\n'
            )
        entry = entry.tb_next
    if _PLACE in vars(error):
        lines.append(vars(error)[_PLACE])
    if lines:
        lines.insert(0, "Traceback (most recent call last):\n")
    return f"{''.join(lines)}{type(error).__name__}: {error}\n"
