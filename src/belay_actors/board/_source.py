"""Complete sources to send: the probe, the core, helpers, and the one line that is a call."""

import enum
import functools
from collections.abc import Iterable
from importlib import resources

from belay_actors.board._fold import fold
from belay_actors.board._shrink import replace_function, shrink

CORE_NAME = "__b"

# What may travel from a board to the host. A value of any other type (also of a subclass, whose
# repr could say anything) cannot come back.
_PLAIN = "(type(None),bool,int,float,%sstr,bytes,bytearray,range)"
_NESTED = "(list,tuple,set,frozenset)"


# An expression: bytes of the heap that are free, after a garbage collection.
FREE_MEMORY = "(lambda gc: (gc.collect(), gc.mem_free())[1])(__import__('gc'))"

# Strings of up to ten bytes are interned when they are parsed, and stay in memory for ever.
_INTERNED = 10
_PART = 200  # bytes
PADDING = "#"


class Helper(enum.Enum):
    """Board code that is sent into the core's own namespace when it is first needed."""

    CENSUS = "census"
    DROP = "drop"
    THREADS = "threads"
    TOOLS = "tools"
    STREAMS = "streams"
    RESIDENT = "resident"


def _read(name: str) -> str:
    return resources.files("belay_actors.board").joinpath(f"{name}.py").read_text("utf-8")


@functools.cache
def _shrunk(name: str) -> str:
    return shrink(_read(name))


@functools.cache
def _shrunk_core(*, has_doubles: bool, is_small: bool) -> str:
    core = fold(_read("core"), "small", is_small)
    return shrink(replace_function(core, _read("floats")) if has_doubles else core)


def probe_source(token: str) -> str:
    """The source of the capability probe, which leaves nothing behind."""
    return f"{_shrunk('probe')}probe('{token}');del probe"


def core_source(
    token: str, *, has_complex: bool, has_doubles: bool = False, is_small: bool = False
) -> str:
    """The source that puts the core on the board as ``__b``.

    Args:
        token: of its frames.
        has_complex: whether the board has complex numbers.
        has_doubles: whether its floats have 64 bits, all of which are to come back.
        is_small: whether its memory must be kept tidy, and its stack low.
    """
    plain = _PLAIN % ("complex," if has_complex else "")
    core = _shrunk_core(has_doubles=has_doubles, is_small=is_small)
    return f"{core}{CORE_NAME}={CORE_NAME}('{token}',{plain},{_NESTED})"


def checked_source(source: str) -> str:
    """The same program, not run at all if it was damaged on its way."""
    data = source.encode()
    return f"(lambda c:sum(c)=={sum(data)} and exec(c,globals()))({data!r})"


def source_in_parts(source: str) -> tuple[list[str], str]:
    """The same program, for a board that has little memory in one piece.

    Returns:
        Lines that bring it to the board, and the one that runs it, unless any of it was damaged.
    """
    data = source.encode()
    parts = [data[start : start + _PART] for start in range(0, len(data), _PART)]
    return [
        f"{CORE_NAME}=[]",
        *(f"{CORE_NAME}.append({part!r})" for part in parts),
        f"{CORE_NAME}=b''.join({CORE_NAME})",
    ], f"(lambda c:sum(c)=={sum(data)} and exec(c,globals()))({CORE_NAME})"


def helper_source(helper: Helper, *, has_modules: bool = True) -> str:
    """The source of a helper, to be run in the core's own namespace.

    Args:
        helper: which one.
        has_modules: whether the board has a ``sys.modules``; the smallest ones have none, and no
            timers that a session could leave.
    """
    timers = _shrunk("timers") if helper is Helper.DROP and has_modules else ""
    return _shrunk(helper.value) + timers


def detect_sources(wanted: str) -> tuple[str, str]:
    """The statements and the expression that find out what the firmware has.

    They are for the core's own namespace, and leave nothing in it.

    Args:
        wanted: modules, each with the names wanted of it: ``"machine Pin Timer;json"``; the board's
            id is asked of the first one.
    """
    return _shrunk("detect"), f"globals().pop('detect')({wanted!r})"


def imports_source(names: Iterable[str]) -> str:
    """The expression that tries to import modules; it leaves nothing but what a firmware keeps."""
    return at_once(_shrunk("imports"), f"globals().pop('try_imports')({' '.join(names)!r})")


def at_once(statements: str, expression: str) -> str:
    """The expression that runs statements before it, in one call."""
    return f"(exec({statements!r}),{expression})[1]"


def call_source(number: int, key: int, code: str, *, is_expression: bool) -> str:
    """The line that runs ``code`` in namespace ``key`` and answers with frames numbered ``number``.

    The code travels as a bytes literal, so no byte of it can mean anything to the raw REPL.
    """
    data = code.encode().ljust(_INTERNED + 1, PADDING.encode())
    run = "" if is_expression else ",exec"
    return f"{CORE_NAME}({number},{key},{data!r},{sum(data, key)}{run})"
