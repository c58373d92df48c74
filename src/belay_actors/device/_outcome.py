"""From a reply to a value or an error: what a call comes to on the host."""

import re

from belay_actors.device._news import Reply
from belay_actors.errors import RemoteError, RemoteOSError, UnsupportedValueError
from belay_actors.values import Value, decode
from belay_actors.wire import ReplyKind

_CLASS, _CLASS_END = "<class '", "'>"
_SHOWN = 100  # characters of a name in an error message
_LAST_LINE = re.compile(r"^([A-Za-z_]\w*)(?:: ?(.*))?$")
_TOO_DEEP = "maximum recursion depth exceeded"
_FRAME = b"  File "
# Frames of the raw REPL's line and of the core; a small board has its core in a "<string>", too.
_OWN_FRAME = re.compile(rb'  File (?:"<stdin>"|.*, in __belay__$)')


def to_text(data: bytes, newline: str) -> str:
    """Decodes what a program printed; bytes that are no UTF-8 become hexadecimal escapes.

    Args:
        data: as it came.
        newline: what the port makes of a line feed; undone exactly.
    """
    if not data:
        return ""
    text = data.decode("utf-8", "backslashreplace")
    return text if newline == "\n" else text.replace(newline, "\n")


def to_value(reply: Reply, newline: str, device: str, session_id: str | None) -> Value:
    """Returns the value of a reply, or raises what the board says went wrong.

    Raises:
        RemoteError: the code raised.
        UnsupportedValueError: it has a value that cannot be sent, or sent one that is none.
    """
    replied = reply.replied
    try:
        value = decode(replied.payload)
    except ValueError as error:
        raise UnsupportedValueError(
            f"the value cannot come back from the board: {error}",
            device=device,
            session_id=session_id,
        ) from error
    if replied.kind is ReplyKind.VALUE:
        return value
    if replied.kind is ReplyKind.UNSENDABLE:
        raise UnsupportedValueError(
            f"a value of type {class_name(str(value))[:_SHOWN]} cannot come back from the board; "
            "return something made of None, bool, numbers, str, bytes, range, list, tuple, dict "
            "and set",
            device=device,
            session_id=session_id,
        )
    if _is_too_deep(value, replied.traceback):
        raise UnsupportedValueError(
            "the value cannot come back from the board: it is nested too deeply, or holds itself",
            device=device,
            session_id=session_id,
        )
    traceback = to_text(without_own_frames(replied.traceback), newline)
    remote_error = _remote_error(value, traceback, device, session_id)
    remote_error.output = to_text(reply.output, newline)
    raise remote_error


def _remote_error(value: Value, traceback: str, device: str, session_id: str | None) -> RemoteError:
    match value:
        case (str(kind), str(message), list(numbers)):
            errno = next((number for number in numbers if isinstance(number, int)), None)
            return RemoteOSError(
                class_name(kind), message, traceback, errno, device=device, session_id=session_id
            )
        case (str(kind), str(message), _):
            return RemoteError(
                class_name(kind), message, traceback, device=device, session_id=session_id
            )
        case _:
            return RemoteError("Exception", "", traceback, device=device, session_id=session_id)


def class_name(text: str) -> str:
    """The name in the ``str()`` of a class; not every firmware's classes have a ``__name__``."""
    if not (text.startswith(_CLASS) and text.endswith(_CLASS_END)):
        return text
    return text[len(_CLASS) : -len(_CLASS_END)].rpartition(".")[2]


def _is_too_deep(value: Value, traceback: bytes) -> bool:
    """Whether the core itself, not the code, has run out of stack: in looking at the value."""
    is_ours = _FRAME in traceback and _FRAME not in without_own_frames(traceback)
    return is_ours and value == ("<class 'RuntimeError'>", _TOO_DEEP, False)


def without_own_frames(traceback: bytes) -> bytes:
    """A traceback as the board wrote it, less the lines that name our own functions."""
    lines = traceback.splitlines(keepends=True)
    return b"".join(line for line in lines if _OWN_FRAME.match(line.rstrip()) is None)


def remote_error_from_tail(
    tail: bytes, newline: str, device: str, session_id: str | None
) -> RemoteError | None:
    """Reads the traceback that the raw REPL itself has printed of a call that never got to reply.

    Returns:
        The error, or ``None`` if there is no traceback.
    """
    text = to_text(tail, newline)
    _, found, traceback = text.removesuffix("\x04>").rpartition("\x04")
    lines = traceback.splitlines()
    match = _LAST_LINE.match(lines[-1]) if found and lines else None
    if match is None:
        return None
    return RemoteError(match[1], match[2] or "", traceback, device=device, session_id=session_id)
